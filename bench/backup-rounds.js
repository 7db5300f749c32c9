/**
 * Is every row that was acknowledged before a backup's moment in it? For each seed: services write at random, a backup is
 * taken at a random moment under that load, the server is killed (SIGKILL) a random moment later, and the backup is restored:
 * into a server of its own, and every other physical one in the place of the data directory that was lost. Then what was
 * acknowledged before is looked for, and every law of the record is asked.
 * Run: npm run build && node bench/backup-rounds.js [--kind logical|physical|pg_dump] [--rounds 50] [--first-seed 1] [--binaries DIR]
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  createBackup,
  openBackup,
  restoreCluster,
  writeLogical,
  writePhysical,
} from '../dist/backup/index.js';
import { writePgDump } from '../dist/backup/pg-dump/write.js';
import { startEmbedded } from '../dist/database/embedded/index.js';
import { Database } from '../dist/database/index.js';
import { connect } from '../dist/index.js';
import { migrate } from '../dist/schema/index.js';
import { randomIntegers } from '../dist/services/market.js';

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'physical' },
    rounds: { type: 'string', default: '50' },
    'first-seed': { type: 'string', default: '1' },
    binaries: { type: 'string' },
    port: { type: 'string', default: '55911' },
  },
});
const { kind } = values;
const [rounds, firstSeed, port] = [values.rounds, values['first-seed'], values.port].map(Number);
const build = values.binaries ? { binaries: values.binaries } : {};
/** What SIGKILL takes from a server is not what the system has not written yet. */
const settings = { fsync: 'off' };
const WRITERS = 4;
const say = (line) => process.stdout.write(`${line}\n`);
const T = Date.UTC(2024, 0, 12, 15, 20);

const write = {
  logical: (url) => (writing) => writeLogical({ url, book: 'main' }, writing),
  pg_dump: (url) => (writing) => writePgDump({ url, book: 'main' }, writing),
  physical: (url) => (writing) => writePhysical({ url, books: ['main'] }, writing),
}[kind];

/** A signal that becomes a trade, as far as the server lives; each step that was acknowledged is noted with its time. */
async function writeOn(claire, name, random, acknowledged, state) {
  const done = (what, id) => acknowledged.push({ what, id, at: Date.now() });
  for (let n = 0; !state.isOver; n++) {
    const id = `${name}_${n}`;
    const what = { symbol: `SYM${random(5)}`, side: 'BUY' };
    await claire.recordSignal({
      ...what,
      signal_id: id,
      price: 100 + random(50),
      confidence: 1,
      timestamp: T + n,
    });
    done('signals', id);
    if (random(3) === 0) continue;
    await claire.decide({ signal_id: id, order_id: id, quantity: 1, at: T + n });
    done('orders', id);
    await claire.fillOrder({ order_id: id });
    await claire.openTrade({
      ...{ ...what, trade_id: id, order_id: id, quantity: 1, entry_price: 100, entry_timestamp: T + n },
    });
    done('trades', id);
    if (random(2) === 0) continue;
    await claire.closeTrade({ trade_id: id, exit_price: 101, exit_timestamp: T + n + 1, commission: 0 });
    done('closed', id);
  }
}

const FOUND = `select 'signals' as what, signal_id as id from main.signals
  union all select 'orders', order_id from main.orders
  union all select 'trades', trade_id from main.trades
  union all select 'closed', trade_id from main.trades where exit_price is not null`;

/** What was acknowledged before the backup's moment and is not in the copy. */
async function missing(database, acknowledged, taken_ms) {
  const found = new Set((await database.query(FOUND)).map(({ what, id }) => `${what} ${id}`));
  const before = acknowledged.filter(({ at }) => at < taken_ms);
  const lost = before.filter(({ what, id }) => !found.has(`${what} ${id}`));
  return { before: before.length, found: found.size, lost };
}

async function round(seed, template, base) {
  const random = randomIntegers(seed);
  const dataDir = join(base, `round-${seed}`);
  execFileSync('cp', ['-a', template, dataDir]);
  const server = await startEmbedded({ dataDir, port, ...build, settings });
  const url = server.url('postgres', { showSecrets: true });
  const acknowledged = [];
  const state = { isOver: false };
  const clients = await Promise.all(
    Array.from({ length: WRITERS }, () => connect({ service: 'rounds', databaseUrl: url, connections: 1 })),
  );
  const writing = clients.map((claire, at) =>
    writeOn(claire, `s${seed}_${at}`, randomIntegers(seed * 100 + at), acknowledged, state).catch((error) => {
      // Only what the kill does to them is no news.
      if (!state.isOver) throw error;
    }),
  );
  const failed = Promise.all(writing);
  failed.catch(() => {});
  await sleep(100 + random(500));
  const coding = { gzip: 1 };
  const taking = createBackup({ backups: join(base, 'backups'), kind, of: 'main', coding }, write(url));
  const backup = await Promise.race([taking, failed.then(() => taking)]);
  await sleep(random(300));
  state.isOver = true;
  const pid = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGKILL');
  await failed;
  await Promise.all(clients.map((claire) => claire.close().catch(() => {})));
  const isInPlace = kind === 'physical' && seed % 2 === 1;
  const result = isInPlace
    ? await inPlace(backup, dataDir, acknowledged)
    : await openBackup(backup, {}, async ({ database, problems, broken }) => ({
        ...(await missing(database, acknowledged, backup.side.taken_ms)),
        problems: [...problems, ...broken],
      }));
  const after = acknowledged.filter(({ at }) => at >= backup.side.taken_ms).length;
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  rmSync(backup.directory, { recursive: true, force: true });
  return { ...result, after };
}

/** The directory is lost, and everything comes back into its place. */
async function inPlace(backup, dataDir, acknowledged) {
  await sleep(200); // The last processes of a killed server still write.
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  await restoreCluster(dataDir, { directory: backup.directory, side: backup.side });
  const server = await startEmbedded({ dataDir, port, settings });
  const databaseUrl = server.url('postgres', { showSecrets: true });
  const database = new Database({ databaseUrl, applicationName: 'rounds' });
  const claire = await connect({ service: 'rounds', databaseUrl, connections: 1 });
  try {
    const problems = (await claire.verify()).filter((law) => law.broken > 0).map(({ law }) => law);
    return { ...(await missing(database, acknowledged, backup.side.taken_ms)), problems };
  } finally {
    await claire.close();
    await database.close();
    await server.stop();
  }
}

async function makeTemplate(base) {
  const dataDir = join(base, 'template');
  const server = await startEmbedded({ dataDir, port, ...build, settings });
  const database = new Database({
    databaseUrl: server.url('postgres', { showSecrets: true }),
    applicationName: 'rounds',
  });
  await migrate(database, 'main');
  await database.close();
  await server.stop();
  return dataDir;
}

const base = mkdtempSync(join(tmpdir(), 'claire-rounds-'));
chmodSync(base, 0o755);
let bad = 0;
let total = 0;
try {
  const template = await makeTemplate(base);
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const { before, after, found, lost, problems } = await round(seed, template, base);
    total += before;
    const isBad = lost.length > 0 || problems.length > 0;
    if (isBad) bad++;
    say(
      `seed ${seed}: ${before} acknowledged before the backup's moment, ${lost.length} of them missing; ${after} after it; ` +
        `${found} in the copy${problems.length > 0 ? `; ${problems.join(' ')}` : ''}`,
    );
    if (lost.length > 0) say(JSON.stringify(lost.slice(0, 5)));
  }
  say(`${rounds} rounds of ${kind}: ${total} acknowledged, ${bad} rounds with something missing or broken.`);
} finally {
  rmSync(base, { recursive: true, force: true, maxRetries: 20 });
}
process.exitCode = bad > 0 ? 1 : 0;
