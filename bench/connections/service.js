/** The parent's side of a worker: starts it, asks it, ends it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What takes longer than this is never answered: every wait of a pool has an end. */
const ANSWER_MS = 30_000;
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** @param {string} name */
export function startService(name) {
  const child = fork(WORKER, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const waiting = new Map();
  let [asked, said] = [0, ''];
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  child.on('message', ({ id, answer, error }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(`${name}: ${error}`));
  });
  const exit = once(child, 'exit');
  exit.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended: ${said}`));
  });
  const ask = (what, input = {}) =>
    new Promise((resolve, reject) => {
      const id = ++asked;
      const late = setTimeout(() => reject(new Error(`${name} has not answered: ${what}`)), ANSWER_MS);
      const end = (settle) => (value) => {
        clearTimeout(late);
        settle(value);
      };
      waiting.set(id, { resolve: end(resolve), reject: end(reject) });
      child.send({ id, ask: what, ...input }, (error) => error && reject(error));
    });
  return {
    name,
    ask,
    /** What it wrote where nobody should have to read. */
    said: () => said,
    /** Whether it is still the process that was started. */
    isRunning: () => child.exitCode === null && child.signalCode === null,
    async end() {
      child.removeAllListeners('message');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
