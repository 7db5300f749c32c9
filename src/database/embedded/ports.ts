import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from './files.js';
import { HOST } from './logins.js';

/** PostgreSQL's own port, then a range that no service is registered in. */
const USUAL = 5432;
const OTHERS = 54320;

/** Any other failure counts as free: the server then says itself what it is. */
const canListen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errnoOf(error) !== 'EADDRINUSE'));
    server.listen({ port, host: HOST }, () => server.close(() => resolve(true)));
  });

/** Looks twice: another start may hold the port for the moment of its own look. */
export async function isFree(port: number): Promise<boolean> {
  if (await canListen(port)) return true;
  await sleep(50);
  return canListen(port);
}

/** The port asked for, or else the kept one, 5432, the next free one; undefined where the asked one is taken. */
export async function choosePort(
  asked: number | undefined,
  kept: number | undefined,
  tried: ReadonlySet<number>,
): Promise<number | undefined> {
  const first = asked ?? kept ?? USUAL;
  if (!tried.has(first) && (await isFree(first))) return first;
  if (asked !== undefined) return undefined;
  let port = OTHERS;
  while (tried.has(port) || !(await canListen(port))) port += 1;
  return port;
}
