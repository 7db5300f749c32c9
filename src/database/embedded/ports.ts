import { connect } from 'node:net';
import { HOST } from './logins.js';

/** PostgreSQL's own port, then a range that no service is registered in. */
export const USUAL = 5432;
const OTHERS = 54320;

/**
 * Whether nobody answers on the port. Asked by connecting, not by listening: several starts that look at once would
 * take each other for the program in the way.
 */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    const answer = (free: boolean) => {
      socket.destroy();
      resolve(free);
    };
    socket.once('connect', () => answer(false));
    // Any failure counts as free: what else is wrong with the port, the server says itself.
    socket.once('error', () => answer(true));
  });

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
  while (tried.has(port) || !(await isFree(port))) port += 1;
  return port;
}
