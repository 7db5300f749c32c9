/** Looks every 50 ms at who is connected, from a database of its own, so that it is not counted itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { connectBare } from '../../dist/database/index.js';

const EVERY_MS = 50;

/** Client backends only: the server's own workers are no connections of anybody. */
const LOOK = `select usename as role, application_name as application, state, count(*)::int as connections,
    coalesce(max(extract(epoch from clock_timestamp() - xact_start)) * 1000, 0)::int as oldest_ms
  from pg_stat_activity
  where backend_type = 'client backend' and datname = $1
  group by usename, application_name, state`;

const { url, database } = workerData;
let isEnded = false;
parentPort.once('message', () => {
  isEnded = true;
});
let client;
const look = async () => {
  client ??= await connectBare(url, 'sampler');
  return (await client.query(LOOK, [database])).rows;
};
for (let due = performance.now(); !isEnded; due = Math.max(due + EVERY_MS, performance.now())) {
  const seen = await look().catch(() => {
    client?.end().catch(() => {});
    client = undefined;
  });
  // While the server is away there is nobody to be seen.
  parentPort.postMessage({ at: performance.timeOrigin + performance.now(), seen: seen ?? [], isAway: !seen });
  await sleep(Math.max(1, due + EVERY_MS - performance.now()));
}
await client?.end().catch(() => {});
