import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections: nobody takes one of these between our look and its use. */
const [FIRST, COUNT] = [10_000, 20_000];
/** Test files run side by side, each in a process of its own: each begins to look elsewhere. */
let next = (process.pid * 211) % COUNT;

/** A port that nobody listens on, and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
