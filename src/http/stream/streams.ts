import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClaireError } from '../../errors/index.js';
import { readLog } from '../../operations/index.js';
import type { Caller } from '../api/access.js';
import type { Pools } from '../api/pools.js';
import { SECURITY } from '../headers.js';
import { Client, message } from './client.js';
import { Hub, type ReadLog } from './hub.js';

export interface StreamsOptions {
  pools: Pools;
  onError(error: unknown): void;
  /** How often a sign of life is sent, and looked whether the token still holds. */
  beatMs?: number;
}

/** Each holds a socket and up to a megabyte. */
const MOST_STREAMS = 500;
const BEAT_MS = 10_000;

/** Who listens, and how to see whether he still may. */
export interface Listener {
  caller: Caller;
  book: string;
  /** Rejects where he may not any more. */
  require(): Promise<unknown>;
}

/** What happens, as it happens: server-sent events of every book. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #hubs = new Map<string, Hub>();
  readonly #beat: NodeJS.Timeout;
  #count = 0;
  #reason: string | undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#beat = setInterval(() => {
      for (const hub of this.#hubs.values()) hub.beat();
    }, options.beatMs ?? BEAT_MS);
    this.#beat.unref();
  }

  /** Those that are open. */
  get size(): number {
    return this.#count;
  }

  /** Answers a request with a stream that ends when one of the two leaves. */
  async listen(request: FastifyRequest, reply: FastifyReply, listener: Listener): Promise<void> {
    const { caller, book } = listener;
    if (this.#count >= MOST_STREAMS) {
      throw new ClaireError('http_overloaded', { found: `${MOST_STREAMS} streams are open.` });
    }
    this.#count++;
    let isOpen = false;
    try {
      const { pools } = this.#options;
      const { database } = await pools.reading(caller.role, book);
      const read: ReadLog = (options) => readLog(database, book, options);
      const hub = this.#hubOf(book);
      const begin = await beginning(read, request.headers['last-event-id']);
      const { raw } = reply;
      if (raw.destroyed || request.raw.socket.destroyed) return;
      reply.hijack();
      raw.writeHead(200, { ...headersOf(reply), 'content-type': 'text/event-stream; charset=utf-8' });
      isOpen = true;
      const client = new Client(raw, begin);
      const looking = setInterval(
        () => listener.require().catch((error) => isRefusal(error) && client.end('token_refused')),
        this.#options.beatMs ?? BEAT_MS,
      );
      raw.once('close', () => {
        this.#count--;
        clearInterval(looking);
        hub.leave(client);
      });
      client.say(message('hello', { at_ms: Date.now(), book }, begin));
      await hub.join(client, read).catch((error: unknown) => {
        this.#options.onError(error);
        client.end('failed');
      });
    } finally {
      if (!isOpen) this.#count--;
    }
  }

  /** Everybody is told why it ends. */
  async close(reason: string): Promise<void> {
    clearInterval(this.#beat);
    this.#reason = reason;
    await Promise.all([...this.#hubs.values()].map((hub) => hub.close(reason)));
  }

  #hubOf(book: string): Hub {
    const known = this.#hubs.get(book);
    if (known) return known;
    const { pools, onError } = this.#options;
    const read: ReadLog = async (options) => readLog(await pools.lookup(book), book, options);
    const hub = new Hub({ read, onError });
    this.#hubs.set(book, hub);
    // For who asked just before.
    if (this.#reason !== undefined) void hub.close(this.#reason);
    return hub;
  }
}

/** Who could not be asked, because the database is away or others ask too much, is not refused: he is asked again. */
const isRefusal = (error: unknown): boolean => error instanceof ClaireError && error.status === 401;

/** Where he goes on: after the last that he got, else from now. Read as himself: the database says whether he may. */
async function beginning(read: ReadLog, last: string | string[] | undefined): Promise<string> {
  const after = Array.isArray(last) ? last[0] : last;
  const { cursor } = await read({ limit: 1, ...(after ? { after } : {}) });
  return after || cursor;
}

function headersOf(reply: FastifyReply): Record<string, string> {
  const given = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]);
  return { ...SECURITY, ...Object.fromEntries(given), 'x-accel-buffering': 'no' };
}

/** `/v1/stream`. */
export function addStream(
  scope: FastifyInstance,
  streams: Streams,
  listenerOf: (request: FastifyRequest) => Listener,
): void {
  // HEAD would never end: a stream has no length to tell.
  scope.get('/v1/stream', { exposeHeadRoute: false }, (request, reply) =>
    streams.listen(request, reply, listenerOf(request)),
  );
  scope.addHook('preClose', () => streams.close('shutting_down'));
}
