import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterEach, beforeAll } from 'vitest';
import { type LoginRole, roleName } from '../../src/database/index.js';
import { diagnose, lookAtConnections } from '../../src/doctor/index.js';
import {
  type ApiOptions,
  build,
  type Endpoint,
  type Machine,
  machineEndpoints,
  operationEndpoints,
  type PoolOptions,
  Pools,
  Streams,
} from '../../src/http/index.js';
import { connect } from '../../src/index.js';
import { findToken, type TokenFound } from '../../src/operations/index.js';
import { type RolesGround, useRoles } from '../schema/roles-ground.js';

export interface ApiGround extends RolesGround {
  /** The book that is asked for; its roles are there. */
  readonly name: string;
  served(options?: Partial<ApiOptions> & ServedOptions): Served;
  /** A token of a role, as it is sent; of the book that is asked for unless another is named. */
  token(role: TokenFound['role'], name?: string, book?: string): Promise<string>;
}

export interface ServedOptions {
  isPublic?: boolean;
  beatMs?: number;
  /** Default: the one that is asked for. */
  books?: readonly string[];
  /** Default: each role is the login of that name. */
  url?: PoolOptions['url'];
}

export interface Served {
  app: FastifyInstance;
  pools: Pools;
  streams: Streams;
  endpoints: readonly Endpoint[];
  /** Errors that are not in the catalogue. */
  errors: unknown[];
  get(url: string, headers?: InjectOptions['headers']): Promise<Answer>;
  post(url: string, body: unknown, headers?: InjectOptions['headers']): Promise<Answer>;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever came; each test says what it wants of it.
  body: any;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What is served under /v1, on a book whose logins are those of the database. */
export function useApi(): ApiGround {
  const roles = useRoles();
  let name = '';
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    name = await roles.bookWithRoles();
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  let tokens = 0;
  const login = async (role: LoginRole, book: string) => {
    const at = new URL(roles.urlOf(role, book));
    if (at.username !== roleName(role, book)) throw new Error('another login');
    return at.href;
  };
  return {
    ...roles,
    get name() {
      return name;
    },
    async token(role, as = `token ${++tokens}`, book = name) {
      const claire = await connect({
        ...{ service: 'claire_operator', databaseUrl: roles.urlOf('claire_operator', book), book },
        ...{ connections: 1, timings: false },
      });
      const made = await claire.createToken({ name: as, role });
      await claire.close();
      return made.token;
    },
    served({ isPublic = false, beatMs, books = [name], url = login, ...options } = {}) {
      const errors: unknown[] = [];
      const pools = new Pools({ url });
      const streams = new Streams({
        pools,
        onError: (error) => errors.push(error),
        ...(beatMs ? { beatMs } : {}),
      });
      const endpoints = [...operationEndpoints(pools), ...machineEndpoints(machineOf(roles, books, pools))];
      const app = build({
        collector: { text: async () => '', contentType: 'text/plain' },
        requests: { add: () => {} },
        ready: async () => {},
        onUnknown: (error) => errors.push(error),
        isPublic,
        api: {
          ...{ book: name, isOpen: false, streams, endpoints },
          findToken: async (book, secret) => findToken(await pools.lookup(book), book, secret),
          hasBook: async (book) => books.includes(book),
          // Laws of speed have tests of their own.
          rate: { perSecond: 100_000, burst: 100_000 },
          ...options,
        },
      });
      closing.push(
        () => app.close(),
        () => pools.close(),
      );
      const send = async (given: InjectOptions): Promise<Answer> => {
        const { statusCode, headers, body } = await app.inject(given);
        const isJson = /json/.test(String(headers['content-type']));
        return { status: statusCode, headers, body: isJson ? JSON.parse(body) : body };
      };
      return {
        ...{ app, pools, streams, endpoints, errors },
        get: (at, headers = {}) => send({ url: at, headers }),
        post: (at, body, headers = {}) =>
          send({
            ...{ method: 'POST', url: at, payload: typeof body === 'string' ? body : JSON.stringify(body) },
            headers: { 'content-type': 'application/json', ...headers },
          }),
      };
    },
  };
}

const machineOf = ({ book }: RolesGround, books: readonly string[], pools: Pools): Machine => ({
  database: book.database,
  diagnose: (of) => diagnose(book.database, of),
  connections: (of, isOwn) => lookAtConnections(book.database, of, { isOwn }),
  backups: async () => ({ verified: null, failure: null, backups: [] }),
  books: async () => books.map((each) => ({ book: each, version: '1.5' })),
  mayActAs: (role, of) => pools.mayActAs(role, of),
});
