/** Looks every 50 ms at who is connected, from a database of its own, so that it is not counted itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBare } from '../../dist/database/index.js';

const EVERY_MS = 50;

/**
 * Client backends only: the server's own workers are no connections of anybody. As JSON, because it costs the server
 * as much however many there are.
 */
const LOOK = `select usename as role, application_name as application, state, count(*)::int as connections,
    coalesce(max(extract(epoch from clock_timestamp() - xact_start)) * 1000, 0)::int as oldest_ms
  from pg_stat_activity
  where backend_type = 'client backend' and datname = $1
  group by usename, application_name, state`;

/**
 * @typedef {{ role: string, application: string, state: string, connections: number, oldest_ms: number }} Seen
 * @typedef {{ at: number, seen: Seen[] }} Sample
 */

/** @param {string} url of a superuser, in a database that nobody else uses  @param {string} database that is looked at */
export async function startSampler(url, database) {
  /** @type {Sample[]} */
  const samples = [];
  let isEnded = false;
  let client;
  const look = async () => {
    client ??= await connectBare(url, 'sampler');
    const { rows } = await client.query(LOOK, [database]);
    samples.push({ at: performance.now(), seen: rows });
  };
  const loop = (async () => {
    for (let due = performance.now(); !isEnded; due = Math.max(due + EVERY_MS, performance.now())) {
      // While the server is away there is nothing to be seen.
      await look().catch(() => {
        client?.end().catch(() => {});
        client = undefined;
      });
      await sleep(Math.max(1, due + EVERY_MS - performance.now()));
    }
    await client?.end().catch(() => {});
  })();
  return {
    samples,
    async stop() {
      isEnded = true;
      await loop;
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
    samples: samples.length,
    /** Longest time between two looks; a machine that is busy looks later. */
    gap_ms: Math.round(gap),
    most,
    most_by_role: mostByRole,
    idle_in_transaction: inTransaction,
    last_by_role: byRole(samples.at(-1)?.seen ?? []),
  };
}
