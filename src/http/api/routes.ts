import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bookName, Deadline } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { addStream, type Streams } from '../stream/streams.js';
import { type Access, type AccessOptions, type Caller, requireOwnOrigin } from './access.js';
import { MOST_BODY_BYTES, parseBody } from './body.js';
import { AnswerText, answerOf, type Endpoint } from './endpoint.js';
import { type RateOptions, UnderWay } from './limits.js';
import { BOOK, textOf } from './query.js';

export interface ApiOptions extends AccessOptions {
  /** The book that is meant where none is named. */
  book: string;
  /** Origins of other pages that may ask. */
  origins?: readonly string[];
  /** Under which a proxy serves it: as good as the address that it listens on. */
  ownOrigin?: string;
  rate?: RateOptions;
  streams?: Streams;
  /** How long work on a request may begin, in milliseconds; a second later all of it has ended. */
  requestMs?: number;
}

/** With its slack the ten seconds of a request. */
export const REQUEST_MS = 9000;

interface Asked {
  caller: Caller;
  book: string;
}

/** Requests that were let in, and as whom. */
const asked = new WeakMap<FastifyRequest, Asked>();

/** The addresses under /v1: everybody is asked who he is, held to his rate, and answered in one form. */
export function addApi(
  app: FastifyInstance,
  endpoints: readonly Endpoint[],
  access: Access,
  options: Omit<ApiOptions, keyof AccessOptions>,
): void {
  const underWay = new UnderWay();
  const { origins = [], ownOrigin } = options;
  const trusted = ownOrigin === undefined ? origins : [...origins, ownOrigin];
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: MOST_BODY_BYTES },
      async (_: FastifyRequest, text: string) => parseBody(text),
    );
    scope.addHook('onRequest', async (request, reply) => {
      requireOwnOrigin(request.headers, trusted);
      allow(reply, request.headers.origin, origins);
      // What a page asks before it asks; a token is not sent with it.
      if (request.method === 'OPTIONS') return;
      const { [BOOK]: named } = request.query as Record<string, unknown>;
      const book = named === undefined ? options.book : bookName(textOf(BOOK, named));
      asked.set(request, { caller: await access.enter(request, book), book });
    });
    if (origins.length > 0) scope.options('/v1/*', async (_, reply) => reply.code(204).send());
    const beside = { underWay, access, requestMs: options.requestMs ?? REQUEST_MS };
    for (const endpoint of endpoints) addEndpoint(scope, endpoint, beside);
    if (options.streams) {
      addStream(scope, options.streams, (request) => {
        const { caller, book } = asked.get(request)!;
        return { caller, book, require: () => access.callerOf(request, book) };
      });
    }
  });
}

interface Beside {
  underWay: UnderWay;
  access: Access;
  requestMs: number;
}

function addEndpoint(
  scope: FastifyInstance,
  endpoint: Endpoint,
  { underWay, access, requestMs }: Beside,
): void {
  const isRead = endpoint.method === 'GET';
  scope.route({
    method: endpoint.method,
    url: endpoint.path,
    handler: async (request, reply) => {
      const { caller, book } = asked.get(request)!;
      const at_ms = Date.now();
      const query = request.query as Record<string, unknown>;
      if (!isRead) requireOnly(query);
      const key = keyOf(request);
      const deadline = new Deadline(requestMs, () => reply.raw.destroyed);
      const found = await underWay.run(() => {
        const answer = endpoint.answer({
          ...{ caller, book, query, params: request.params as Record<string, string>, body: request.body },
          ...(key === undefined ? {} : { key }),
          deadline,
        });
        // A write says itself what became of it.
        return isRead ? deadline.limit(answer) : answer;
      });
      if (endpoint.revokesTokens) access.forget();
      if (found instanceof AnswerText) return reply.type(JSON_TYPE).send(found.text);
      const answer = answerOf(found, isRead ? at_ms : undefined);
      return endpoint.write ? reply.type(JSON_TYPE).send(endpoint.write(answer)) : answer;
    },
  });
}

const JSON_TYPE = 'application/json; charset=utf-8';

function requireOnly(query: Readonly<Record<string, unknown>>): void {
  const other = Object.keys(query).find((name) => name !== BOOK);
  if (other === undefined) return;
  const found = `${other}: what is written goes in the body.`;
  throw new ClaireError('input_invalid', { found });
}

/** @throws ClaireError http_request_invalid */
function keyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  const found = 'Idempotency-Key is up to 200 visible characters of ASCII.';
  throw new ClaireError('http_request_invalid', { found });
}

function allow(
  reply: { header(name: string, value: string): unknown },
  origin: string | undefined,
  origins: readonly string[],
): void {
  if (origins.length === 0) return;
  reply.header('vary', 'origin');
  if (origin === undefined || !origins.includes(origin)) return;
  reply.header('access-control-allow-origin', origin);
  reply.header('access-control-allow-headers', 'authorization, content-type, idempotency-key, last-event-id');
  reply.header('access-control-allow-methods', 'GET, POST');
  reply.header('access-control-max-age', '600');
}
