import type { FastifyInstance } from 'fastify';
import { ClaireError } from '../errors/index.js';
import type { Address } from './address.js';

export interface Serving {
  host: string;
  port: number;
  url: string;
  /** Takes no new requests, waits for those under way, and then ends them. */
  close(): Promise<void>;
}

/** What is asked for and cannot be had is refused; of the usual port the next free one is taken, and after these any. */
const NEXT = 20;
/** Longer than a request may take: what is under way is answered. */
export const CLOSE_MS = 12_000;

/** @throws ClaireError http_port_in_use */
export async function serve(
  app: FastifyInstance,
  { host, port, isAsked }: Pick<Address, 'host' | 'port' | 'isAsked'>,
): Promise<Serving> {
  const found = await listen(app, host, isAsked ? [port] : [...candidates(port), 0]);
  if (found === undefined)
    throw new ClaireError('http_port_in_use', {
      found: `Another program listens on ${host}:${port}, or it is not free to take.`,
      details: { host, port },
    });
  return {
    ...{ host, port: found, url: `http://${host}:${found}` },
    async close() {
      const end = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS);
      await app.close().finally(() => clearTimeout(end));
    },
  };
}

const candidates = (port: number): number[] =>
  port === 0 ? [] : Array.from({ length: NEXT }, (_, at) => port + at);

/** The port that it listens on; undefined where none of these can be had. */
async function listen(
  app: FastifyInstance,
  host: string,
  ports: readonly number[],
): Promise<number | undefined> {
  for (const port of ports) {
    try {
      await app.listen({ host: host.replace(/^\[|\]$/g, ''), port });
      return (app.server.address() as { port: number }).port;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    }
  }
  return undefined;
}
