/** Who was connected when, as a thread sees it that looks every 50 ms. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/**
 * @typedef {{ role: string, application: string, state: string, connections: number, oldest_ms: number }} Seen
 * @typedef {{ at: number, seen: Seen[], isAway: boolean }} Sample  `at` in milliseconds of the clock
 */

/**
 * In a thread of its own: whatever keeps the drill busy must not keep it from looking.
 * @param {string} url of a superuser, in a database that nobody else uses  @param {string} database that is looked at
 */
export async function startSampler(url, database) {
  /** @type {Sample[]} */
  const samples = [];
  const thread = new Worker(new URL('./sampler-thread.js', import.meta.url), {
    workerData: { url, database },
  });
  thread.on('message', (sample) => samples.push(sample));
  const ended = once(thread, 'exit');
  await once(thread, 'message');
  return {
    samples,
    async stop() {
      thread.postMessage('stop');
      await ended;
    },
  };
}

const isInTransaction = ({ state }) => state?.startsWith('idle in transaction');
const sum = (seen, of = () => true) =>
  seen.filter(of).reduce((total, { connections }) => total + connections, 0);

/** Connections of a sample by role. @param {Seen[]} seen */
export function byRole(seen) {
  /** @type {Record<string, number>} */
  const roles = {};
  for (const { role, connections } of seen) roles[role] = (roles[role] ?? 0) + connections;
  return roles;
}

/** What samples of a span say together. @param {Sample[]} samples */
export function overview(samples) {
  /** @type {Record<string, number>} */
  const mostByRole = {};
  let [most, inTransaction, gap] = [0, 0, 0];
  for (const [at, { seen }] of samples.entries()) {
    most = Math.max(most, sum(seen));
    inTransaction = Math.max(inTransaction, sum(seen, isInTransaction));
    if (at > 0) gap = Math.max(gap, samples[at].at - samples[at - 1].at);
    for (const [role, connections] of Object.entries(byRole(seen)))
      mostByRole[role] = Math.max(mostByRole[role] ?? 0, connections);
  }
  return {
    samples: samples.filter(({ isAway }) => !isAway).length,
    /** Longest time between two looks; a machine that is busy looks later. */
    gap_ms: Math.round(gap),
    most,
    most_by_role: mostByRole,
    idle_in_transaction: inTransaction,
    last_by_role: byRole(samples.at(-1)?.seen ?? []),
  };
}
