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
  /** The token of a book that is there, whose secret this is. */
  findToken(book: string, bearer: string): Promise<Token | undefined>;
  hasBook(book: string): Promise<boolean>;
  /** Without a token a program of this machine may write too. */
  isOpen: boolean;
}

/** For so long a token that was revoked elsewhere may still be taken. */
const REMEMBERED_MS = 1000;
const MOST_REMEMBERED = 1000;

/** A service sees its own work. */
const MAY_LOOK: ReadonlySet<LoginRole> = new Set(['claire_reader', 'claire_operator', 'claire']);

/** What was said of a token, or is being asked. */
interface Known {
  token: Promise<Token | undefined>;
  until: number;
}

/** Says who sends a request. */
export class Access {
  readonly #options: AccessOptions;
  readonly #loopback: Caller;
  readonly #rates: Rates;
  readonly #known = new Map<string, Known>();

  constructor(options: AccessOptions, rates: Rates) {
    this.#options = options;
    this.#loopback = { name: 'loopback', role: 'claire_reader', isOpen: options.isOpen };
    this.#rates = rates;
  }

  /**
   * Lets a request in, to a book that is there. Who shows no token of it, from elsewhere, learns nothing of the book.
   * @throws ClaireError http_token_missing, http_token_refused, http_rate_limited, book_missing
   */
  async enter(request: FastifyRequest, book: string): Promise<Caller> {
    const caller = await this.callerOf(request, book);
    this.#rates.take(caller.token_id ?? caller.name);
    if (caller.token_id === undefined && !(await this.#options.hasBook(book))) {
      throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
    }
    return caller;
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

  /** A token was revoked here: from now on each is looked for anew. */
  forget(): void {
    this.#known.clear();
  }

  async #tokenOf(book: string, bearer: string, { socket }: FastifyRequest): Promise<Token> {
    const key = `${book} ${bearer}`;
    let known = this.#known.get(key);
    if (!known || known.until < performance.now()) {
      // Who guesses is slowed down, by his address; who had a token a moment ago does not guess.
      if (!known) this.#rates.take(`address ${socket.remoteAddress}`);
      known = this.#ask(key, book, bearer);
    }
    const token = await known.token;
    if (!token) throw new ClaireError('http_token_refused');
    return token;
  }

  /** Once for all who come with it meanwhile; counted from the question, which the answer is no older than. */
  #ask(key: string, book: string, bearer: string): Known {
    const { hasBook, findToken } = this.#options;
    const find = async () => ((await hasBook(book)) ? findToken(book, bearer) : undefined);
    const known: Known = { token: find(), until: performance.now() + REMEMBERED_MS };
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(key, known);
    const forget = () => this.#known.get(key) === known && this.#known.delete(key);
    void known.token.then((token) => token ?? forget(), forget);
    return known;
  }
}

/**
 * Those who read everything may also see how the machine is.
 * @throws ClaireError right_missing
 */
export function requireLook({ role }: Caller): void {
  if (MAY_LOOK.has(role)) return;
  throw new ClaireError('right_missing', { found: `A token of ${role} is for what that service does.` });
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
