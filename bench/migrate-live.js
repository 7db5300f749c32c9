/**
 * A live 1.0 is brought to a newer version while services write to it: who waits, who fails, what is lost? By the seed's
 * own script and by `claire migrate`, each on a copy of the same loaded database.
 * Run: npm run build && node bench/migrate-live.js (see README.md beside this file)
 */
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LATEST_VERSION } from '../dist/schema/index.js';
import { load, SIZES } from './migrate-live/load.js';
import { cleanUp, connect, openPlace, serverFacts, Undo } from './migrate-live/place.js';
import { head, way } from './migrate-live/report.js';
import { runWay, WRITERS } from './migrate-live/run.js';
import { look } from './migrate-live/verify.js';

const CHOICES = { rows: Object.keys(SIZES), way: ['claire', 'seed', 'both'], start: ['1.0', '1.1'] };
const INTERRUPTED = 130;

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: 'full' },
      way: { type: 'string', default: 'both' },
      start: { type: 'string', default: '1.0' },
      traps: { type: 'boolean', default: false },
      hinder: { type: 'boolean', default: false },
      'hinder-seconds': { type: 'string', default: '60' },
      seconds: { type: 'string', default: '5' },
      'database-url': { type: 'string' },
      setting: { type: 'string', multiple: true, default: [] },
      program: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  for (const [name, among] of Object.entries(CHOICES)) {
    if (!among.includes(values[name])) throw new Error(`--${name} is one of ${among.join(', ')}`);
  }
  if (values['database-url'] && values.setting.length > 0)
    throw new Error('--setting is for our own server.');
  if (values.start === '1.1' && values.way === 'seed') throw new Error('The seed has no way from 1.1.');
  // Its way from 1.1 would only print that everything is there already.
  const ways =
    values.way === 'both' ? (values.start === '1.1' ? ['claire'] : ['seed', 'claire']) : [values.way];
  return {
    ...values,
    ways,
    seconds: positive('seconds', values.seconds),
    hinderSeconds: positive('hinder-seconds', values['hinder-seconds']),
    program: values.program && resolve(values.program),
    databaseUrl: values['database-url'],
    settings: Object.fromEntries(values.setting.map((text) => text.split(/=(.*)/s).slice(0, 2))),
    more: positionals,
  };
}

function positive(name, text) {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${name} is a number above 0, not ${text}`);
  return number;
}

/** A line that a person watches; nothing in a pipe. */
function say(text) {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${text.slice(0, Math.max(20, process.stderr.columns - 1))}`);
}

async function measure(options, undo) {
  const rows = SIZES[options.rows];
  const place = await openPlace(options, undo);
  const client = await connect(await place.create('loaded'), 'bench load');
  undo.add(() => client.end());
  const { start, traps } = options;
  const document = {
    workload: 'migrate-live',
    command: `npm run build && node bench/migrate-live.js ${shown()}`.trim(),
    start,
    newest: LATEST_VERSION,
    traps,
    rows,
    server: await serverFacts(client),
    machine: { cores: cpus().length, cpu: cpus()[0]?.model, node: process.versions.node },
    writers: WRITERS,
    load_seconds: await load(client, { rows, start, traps, say }),
    ways: [],
  };
  const before = await look(client, rows);
  await client.end();
  if (!options.json) print(head(document));
  for (const name of options.ways) {
    const result = await runWay(name, { place, options, rows, before, say, undo });
    document.ways.push(result);
    if (!options.json) print(way(result));
  }
  if (options.json) print(JSON.stringify(document, null, 2));
  return document;
}

/** What was typed, without the address: it may hold a password. */
const shown = () =>
  process.argv
    .slice(2)
    .join(' ')
    .replace(/postgres(ql)?:\S+/g, '…');

function print(text) {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(`${text}\n`);
}

/** A migration that failed, or left less than it found, fails the bench; a slow one is only printed so. */
const isSound = ({ migration, verified }) =>
  migration.exit === 0 && verified.checks.every(({ holds }) => holds);

const undo = new Undo();
const interrupted = new Promise((_, reject) => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => reject(INTERRUPTED));
});
try {
  const work = measure(readOptions(), undo);
  // Interrupted, it loses its connections; how it ends then is of no interest.
  work.catch(() => {});
  const document = await Promise.race([work, interrupted]);
  process.exitCode = document.ways.every(isSound) ? 0 : 1;
} catch (error) {
  if (error !== INTERRUPTED) process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = error === INTERRUPTED ? INTERRUPTED : 1;
} finally {
  say('');
  await cleanUp(undo);
  // Whatever an interrupted work still waits for ends here.
  process.exit();
}
