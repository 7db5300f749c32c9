/**
 * Which index serves "signals of the last days, newest first", where the seed's own cannot be made? Prints, for each
 * candidate, its size, the time of two reads and of writing a batch beside having no such index.
 * Run: npm run build && node bench/recent-signals.js [rows]
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../dist/database/embedded/index.js';
import { Database } from '../dist/database/index.js';
import { migrate } from '../dist/schema/index.js';

const rows = Number(process.argv[2] ?? 1_000_000);
const END = 1_705_072_800_000;
const DAY = 86_400_000;
const candidates = {
  'no index': undefined,
  'btree (timestamp desc)': 'create index candidate on signals (timestamp desc)',
  'brin (timestamp)': 'create index candidate on signals using brin (timestamp)',
  'brin (timestamp), 16 pages':
    'create index candidate on signals using brin (timestamp) with (pages_per_range = 16)',
  'partial btree, fixed start': `create index candidate on signals (timestamp desc) where timestamp > ${END - 7 * DAY}`,
};
const reads = {
  newest_100: `select * from signals where timestamp > ${END - 7 * DAY} order by timestamp desc limit 100`,
  last_day: `select count(*), max(price) from signals where timestamp > ${END - DAY}`,
};

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const directory = await mkdtemp(join(tmpdir(), 'claire-bench-'));
await chmod(directory, 0o755);
const server = await startEmbedded({ dataDir: directory });
const database = new Database({
  databaseUrl: server.url('postgres', { showSecrets: true }),
  applicationName: 'bench',
  connections: 1,
});

async function time(statement, runs) {
  const times = [];
  for (let run = 0; run < runs; run++) {
    const begun = process.hrtime.bigint();
    await database.query(statement);
    times.push(Number(process.hrtime.bigint() - begun) / 1e6);
  }
  return median(times);
}

try {
  await migrate(database, 'main');
  await database.query('set search_path to main');
  await database.query('drop index idx_signals_recent');
  // Thirty days, in the order of time but for a jitter of a minute, as three writers give it.
  await database.query(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
    select 's' || n, 'SYM' || n % 50, 'BUY', 100, 0.5, ${END - 30 * DAY} + n * (30::bigint * ${DAY} / ${rows}) + (n::bigint * 7919) % 60000
    from generate_series(1, ${rows}) n`);
  await database.query('vacuum analyze signals');
  process.stdout.write(`${rows} signals over 30 days, PostgreSQL ${server.major}, medians in ms\n`);
  process.stdout.write(
    `${'candidate'.padEnd(30)}${'size_kb'.padStart(10)}${Object.keys(reads)
      .map((name) => name.padStart(12))
      .join('')}${'write_1000'.padStart(12)}\n`,
  );
  for (const [name, statement] of Object.entries(candidates)) {
    if (statement) await database.query(statement);
    await database.query('vacuum analyze signals');
    const [{ size }] = await database.query(
      `select coalesce(pg_relation_size(to_regclass('main.candidate')), 0) / 1024 as size`,
    );
    const times = [];
    for (const read of Object.values(reads)) times.push(await time(read, 15));
    let batch = 0;
    const writes = [];
    for (let run = 0; run < 15; run++) {
      writes.push(
        await time(
          `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
           select '${name}-${batch++}-' || n, 'SYM' || n % 50, 'BUY', 100, 0.5, ${END} + n from generate_series(1, 1000) n`,
          1,
        ),
      );
    }
    times.push(median(writes));
    process.stdout.write(
      `${name.padEnd(30)}${String(size).padStart(10)}${times.map((ms) => ms.toFixed(2).padStart(12)).join('')}\n`,
    );
    await database.query('drop index if exists main.candidate');
    await database.query(`alter table main.signals disable trigger all`);
    await database.query(`delete from main.signals where timestamp > ${END + 0} and signal_id not like 's%'`);
    await database.query(`alter table main.signals enable trigger all`);
  }
} finally {
  await database.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
