/**
 * Would signals in a partition a day be better than one table? The same rows in both, as Claire has it and by day with a
 * table of keys that keeps `signal_id` unique and that orders refer to; in turn: writing, reading, removing a day, and how
 * large both are after thirty days of coming and going. Decision 15 has what came of it.
 * Run: npm run build && node bench/partition.js [--rows 10m] [--days 30] [--rounds 5] [--seconds 2] [--removed-days 3]
 *   [--bloat-rows 300k] [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { parseSizes, reportJson, tablesOf } from '../dist/bench/index.js';
import { machineFacts, serverFacts } from '../dist/bench/machine.js';
import { rotated, spread } from '../dist/bench/measure.js';
import { openPlace } from '../dist/bench/place.js';
import { rounded } from '../dist/bench/report.js';
import { packageVersion } from '../dist/config.js';
import { interruptible } from './connections/interrupt.js';
import { load, makeBook, recordDay, sizeOf } from './partition/books.js';
import { tryLaws } from './partition/laws.js';
import { measureReads } from './partition/reads.js';
import { removeDay } from './partition/removal.js';
import { measureWrites } from './partition/writes.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10m' },
    days: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    'bloat-rows': { type: 'string', default: '300k' },
    'removed-days': { type: 'string', default: '3' },
    output: { type: 'string' },
  },
});
const [rows] = parseSizes(values.rows);
const bloatRows = Math.min(rows, parseSizes(values['bloat-rows'])[0]);
const [days, rounds, seconds, removedDays] = ['days', 'rounds', 'seconds', 'removed-days'].map((name) =>
  Number(values[name]),
);
/** Of one day nothing is named: its partition drops clean. */
const UNNAMED = removedDays;
const DAY_MS = 86_400_000;
const signal = new AbortController().signal;
const say = (what) =>
  process.stderr.write(
    `${new Date().toISOString().slice(11, 19)} load ${loadavg()[0].toFixed(1)}: ${what}\n`,
  );

const figure = (what, by, unit, values, { of = rows, facts = {} } = {}) => ({
  ...{ what, by, unit, rows: of, ratios: [], facts },
  ...spread(values),
});

/** Of each thing the figure of the partitioned one over that of the plain one. */
function compared(figures) {
  for (const one of figures) {
    const plain = figures.find(({ what, by }) => what === one.what && by === 'plain');
    if (one.by !== 'plain' && plain && one.ratios.length === 0)
      one.ratios.push({ to: 'plain', ratio: one.median / plain.median });
  }
  return figures;
}

async function measureRemoval(books) {
  const figures = [];
  for (const clean of [false, true]) {
    const done = new Map(books.map(({ name }) => [name, []]));
    for (let day = clean ? UNNAMED : 0; day < (clean ? UNNAMED + 1 : removedDays); day++) {
      for (const book of rotated(books, day)) {
        say(`${book.name} loses day ${day}`);
        done.get(book.name).push(await removeDay(book, day));
      }
    }
    const which = clean ? 'a day of which orders name nothing' : 'a day of which orders name a fifth';
    const parts = {
      'all of it': ['ms', 'all_ms'],
      'rows one by one': ['ms', 'rows_ms'],
      'everybody waits': ['ms', 'locked_ms'],
      vacuum: ['ms', 'vacuum_ms'],
      'log written': ['MB', 'log_mb'],
    };
    for (const [part, [unit, key]] of Object.entries(parts)) {
      for (const [by, all] of done) {
        const values = all.map((one) => one[key]);
        const facts = key === 'all_ms' ? { removed: all[0].removed, moved: all[0].kept } : {};
        if (Math.max(...values) > 0)
          figures.push(figure(`removing ${which}: ${part}`, by, unit, values, { facts }));
      }
    }
  }
  return figures;
}

/** A day comes and a day goes; of each a fifth stays, so what counts is the size of a row. */
async function measureBloat(place) {
  const url = await place.create('bloat');
  const perDay = Math.floor(bloatRows / days);
  const of = { days, perDay, from: Date.now() - 2 * days * DAY_MS };
  const figures = [];
  const books = [];
  for (const partitioned of [false, true]) {
    const book = await makeBook(place, url, {
      ...of,
      ...{ name: partitioned ? 'partitioned' : 'plain', partitioned },
    });
    await load(book, perDay * days);
    books.push({ ...book, sizes: [], rows: perDay * days, first: (await sizeOf(book)) / (perDay * days) });
  }
  for (let day = 0; day < days; day++) {
    say(`day ${day + 1} of ${days} that comes and goes`);
    for (const book of rotated(books, day)) {
      await recordDay(book, days + day);
      const { removed } = await removeDay(book, day);
      book.rows += perDay - removed;
      book.sizes.push(((await sizeOf(book)) / book.rows) * 1e6);
    }
  }
  for (const { name, sizes, first, rows: left } of books) {
    const facts = {
      'bytes a row at first': Math.round(first * 1e6),
      'bytes a row at the end': Math.round(sizes.at(-1)),
    };
    const growth = Number((sizes.at(-1) / 1e6 / first).toFixed(3));
    figures.push(
      figure(`size of a row with its indexes and key, ${days} days`, name, 'bytes', sizes, {
        of: bloatRows,
        facts: { ...facts, 'end over first': growth, 'rows at the end': left },
      }),
    );
  }
  return figures;
}

async function measure(place) {
  const url = await place.create('books');
  // The newest partition is half full: that is where everything is written.
  const perDay = Math.floor(rows / (days - 0.5));
  const from = Date.now() - (days - 0.5) * DAY_MS;
  const books = [];
  for (const name of ['plain', 'partitioned']) {
    const partitioned = name === 'partitioned';
    books.push(await makeBook(place, url, { name, partitioned, days: days + 1, perDay, from }));
  }
  say(`loading ${rows} signals twice`);
  // At once: it is not measured.
  await Promise.all(books.map((book) => load(book, rows, [UNNAMED])));
  const sizes = await Promise.all(books.map(sizeOf));
  const shared = { place, rows, rounds, seconds, signal, say };
  const figures = books.map(({ name }, at) => figure('size as loaded', name, 'MB', [sizes[at]]));
  const laws = await Promise.all(books.map(tryLaws));
  figures.push(...(await measureReads(shared, books, from + (days - 0.5) * DAY_MS)));
  figures.push(...(await measureWrites(shared, books)));
  figures.push(...(await measureRemoval(books)));
  const differ = Object.keys(laws[0]).filter((what) => laws[0][what] !== laws[1][what]);
  return {
    figures,
    notes: differ.map((what) => `"${what}": plain ${laws[0][what]}; partitioned ${laws[1][what]}.`),
  };
}

const table = ({ head, rows }) => {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at].length)));
  return [head, ...rows].map((row) => row.map((cell, at) => cell.padEnd(widths[at])).join('  ')).join('\n');
};

process.exitCode = await interruptible(async (undo) => {
  const started = new Date();
  const load_at_start = loadavg()[0];
  const place = await openPlace(undefined, undo);
  const { figures, notes } = await measure(place);
  figures.push(...(await measureBloat(place)));
  const loads = `Load of the machine ${load_at_start.toFixed(1)} at the start, ${loadavg()[0].toFixed(1)} at the end.`;
  const report = rounded({
    version: packageVersion(),
    command: `node bench/partition.js --rows ${values.rows} --days ${days} --rounds ${rounds} --seconds ${seconds} --removed-days ${removedDays} --bloat-rows ${values['bloat-rows']}`,
    started_at: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 1000),
    machine: machineFacts(),
    server: await serverFacts(place.admin, true),
    ...{ rows: [rows], runs: rounds },
    results: [{ workload: 'partition', figures: compared(figures), bars: [], notes: [...notes, loads] }],
  });
  if (values.output) await writeFile(values.output, reportJson(report));
  const [{ figures: shown, facts }] = tablesOf(report).workloads;
  process.stdout.write(`${[table(shown), table(facts), ...notes, loads].join('\n\n')}\n`);
  return 0;
});
