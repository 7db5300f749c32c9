/**
 * Is a migration that was killed after any of its steps made good by the next run? For each step in turn: a fresh copy
 * of a hand-made 1.0 with wrong rows, a migrator that SIGKILL ends after this step, a second run, and the catalog and
 * every row held against those of a run that nobody disturbed.
 * Run: npm run build && node bench/kill-each-step.js [--database-url URL]
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Database } from '../dist/database/index.js';
import { migrate, readCatalog } from '../dist/schema/index.js';
import { load } from './migrate-live/load.js';
import { cleanUp, connect, openPlace, Undo } from './migrate-live/place.js';

/** Above 2 MB, from where a table gets its ids beside running writers; risk events below it. */
const ROWS = { signals: 45_000, orders: 9_000, trades: 9_000, risk_events: 300 };
const TABLES = {
  signals: 'signal_id, symbol, side, price, confidence, timestamp, metadata, created_at',
  orders: 'order_id, signal_id, symbol, side, quantity, price, status, created_at, updated_at, timestamp',
  trades:
    'order_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status, pnl, pnl_pct, pnl_net, commission, created_at',
  risk_events: 'event_type, signal_id, symbol, reason, details, timestamp, created_at',
  corrections: 'table_name, row_id, column_name, before, after, law, reason',
};

const INTERRUPTED = 130;

const open = (url) => new Database({ databaseUrl: url, applicationName: 'kill-each-step', connections: 2 });

/** Everything that a migration must leave the same, as texts. */
async function outcome(url) {
  const database = open(url);
  try {
    const parts = Object.entries(TABLES).map(([table, columns]) => {
      const row = `row(${table === 'corrections' ? '' : 'id, '}${columns})::text`;
      return `select '${table}' as name, count(*)::text || ' ' || md5(coalesce(string_agg(r, '|' order by r), '')) as rows
        from (select ${row} as r from public.${table}) as t`;
    });
    const rows = await database.query(parts.join(' union all '));
    const positions = await database.query(
      'select symbol, side, total_quantity::text, num_trades from public.position_sums order by 1, 2',
    );
    const catalog = await database.transaction((t) => readCatalog(t, 'public'));
    return Object.fromEntries([
      ...rows.map(({ name, rows: text }) => [name, text]),
      ['positions', JSON.stringify(positions)],
      ['catalog', JSON.stringify(catalog)],
    ]);
  } finally {
    await database.close();
  }
}

async function bring(url, afterStep) {
  const database = open(url);
  try {
    return await migrate(database, 'public', afterStep ? { afterStep } : {});
  } finally {
    await database.close();
  }
}

/** The migrator as a process that ends itself as kill -9 does, after step number `last`. */
async function killed(url, last) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), '--migrator', url, '--last', String(last)],
    {
      stdio: ['ignore', 'ignore', 'ignore'],
    },
  );
  return new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
}

async function migrator(url, last) {
  let step = 0;
  await bring(url, () => {
    if (++step === last) process.kill(process.pid, 'SIGKILL');
  });
}

async function main(databaseUrl, undo) {
  const place = await openPlace({ databaseUrl, settings: {} }, undo);
  const client = await connect(await place.create('origin'), 'load');
  await load(client, { rows: ROWS, start: '1.0', traps: true, say: () => {} });
  await client.end();
  let steps = 0;
  const whole = await place.create('whole', 'origin');
  await bring(whole, () => {
    steps++;
  });
  const expected = await outcome(whole);
  const differing = [];
  for (let step = 1; step <= steps; step++) {
    const url = await place.create('cut', 'origin');
    const end = await killed(url, step);
    if (end !== 'SIGKILL') throw new Error(`the migrator of step ${step} ended with ${end}`);
    await bring(url);
    const found = await outcome(url);
    const wrong = Object.keys(expected).filter((name) => found[name] !== expected[name]);
    if (wrong.length > 0) differing.push(`after step ${step}: ${wrong.join(', ')}`);
    if (process.stderr.isTTY) process.stderr.write(`\r${step}/${steps}`);
    await place.drop('cut');
  }
  const counts = Object.keys(TABLES).map((table) => `${expected[table].split(' ')[0]} ${table}`);
  process.stdout.write(
    `${steps} steps; killed after each with SIGKILL and run again: ${steps - differing.length} ended with the same catalog and the same rows (${counts.join(', ')})\n`,
  );
  for (const line of differing) process.stdout.write(`${line}\n`);
  return differing.length === 0 ? 0 : 1;
}

const { values } = parseArgs({
  options: { 'database-url': { type: 'string' }, migrator: { type: 'string' }, last: { type: 'string' } },
});
if (values.migrator) await migrator(values.migrator, Number(values.last));
else {
  const undo = new Undo();
  const interrupted = new Promise((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => reject(INTERRUPTED));
  });
  try {
    const work = main(values['database-url'], undo);
    // Its connections are taken away when it is interrupted: how it ends then is of no interest.
    work.catch(() => {});
    process.exitCode = await Promise.race([work, interrupted]);
  } catch (error) {
    if (error !== INTERRUPTED) throw error;
    process.exitCode = INTERRUPTED;
  } finally {
    await cleanUp(undo);
  }
}
