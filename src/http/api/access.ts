import type { FastifyRequest } from 'fastify';
import type { LoginRole } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { isLoopbackName } from '../address.js';
import type { Rates } from './limits.js';

/** A token that was found: who it is for, and as which role. */
export interface Token {
  token_id: string;
  name: string;
  role: LoginRole;
}

/** Who sends a request. */
export interface Caller {
  /** Name of the token; `loopback` without one. */
  name: string;
  role: LoginRole;
  /** Undefined: a program of this machine that has shown no token. */
  token_id?: string;
  /** Without a token, but it may write. */
  isOpen?: boolean;
}

export interface AccessOptions {
  /** The token of a book whose secret this is. */
  findToken(book: string, bearer: string): Promise<Token | undefined>;
  /** Without a token a program of this machine may write too. */
  isOpen: boolean;
}

/** For so long a token that was revoked may still be taken. */
const REMEMBERED_MS = 5000;
const MOST_REMEMBERED = 1000;

/** Says who sends a request. */
export class Access {
  readonly #loopback: Caller;
  readonly #find: AccessOptions['findToken'];
  readonly #rates: Rates;
  readonly #known = new Map<string, { token: Token; until: number }>();

  constructor({ findToken, isOpen }: AccessOptions, rates: Rates) {
    this.#find = findToken;
    this.#loopback = { name: 'loopback', role: 'claire_reader', isOpen };
    this.#rates = rates;
  }

  /** @throws ClaireError http_token_missing, http_token_refused, http_rate_limited */
  async callerOf(request: FastifyRequest, book: string): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      if (!isOfThisMachine(request)) throw new ClaireError('http_token_missing');
      return this.#loopback;
    }
    const bearer = /^Bearer +(\S{1,200})$/i.exec(authorization)?.[1];
    if (bearer === undefined)
      throw new ClaireError('http_token_refused', { found: 'The header is no Bearer token.' });
    const { token_id, name, role } = await this.#tokenOf(book, bearer, request);
    return { name, role, token_id };
  }

  async #tokenOf(book: string, bearer: string, { socket }: FastifyRequest): Promise<Token> {
    const key = `${book} ${bearer}`;
    const known = this.#known.get(key);
    if (known && known.until > performance.now()) return known.token;
    this.#known.delete(key);
    // Who guesses is slowed down, by his address; who has a token is known by it.
    this.#rates.take(`address ${socket.remoteAddress}`);
    const token = await this.#find(book, bearer);
    if (!token) throw new ClaireError('http_token_refused');
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(key, { token, until: performance.now() + REMEMBERED_MS });
    return token;
  }
}

/**
 * A program of this machine that calls it by its name. Behind a proxy everybody seems to be of this machine: it says for
 * whom it asks.
 */
export function isOfThisMachine({ socket, headers }: FastifyRequest): boolean {
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => name in headers);
  return (
    !isForwarded &&
    /^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? '') &&
    isLoopbackName(headers.host)
  );
}

/**
 * Whether a browser sends this for a page of somebody else's. Such a page can make it send requests here; it is refused
 * before anything is done, since not to see the answer would be no comfort.
 * @throws ClaireError http_origin_refused
 */
export function requireOwnOrigin(headers: FastifyRequest['headers'], allowed: readonly string[]): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (origin === undefined ? site !== 'cross-site' : isOwn(origin, host) || allowed.includes(origin)) return;
  throw new ClaireError('http_origin_refused');
}

function isOwn(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host?.toLowerCase();
  } catch {
    return false;
  }
}
