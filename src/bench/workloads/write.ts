import { Readable } from 'node:stream';
import { claireOn } from '../../claire.js';
import { type BareClient, copyIn, type Database } from '../../database/index.js';
import { migrate } from '../../schema/index.js';
import {
  barsOf,
  batches,
  callers,
  figuresOf,
  inTurns,
  type Pace,
  type Promised,
  type Writer,
} from '../turns.js';
import { Undo } from '../undo.js';
import type { Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { copyFile, importBars, importFigures, importFile } from './write/import-file.js';
import { openSeedWay, type SeedWay } from './write/seed-way.js';
import { COPY, copyText, insertOne, insertUnnest, signalOf, signalsFrom } from './write/signals.js';

const CALLERS = 20;
const SIZES = [100, 1000];
/** Each writes this often for a second at most: a median of seven holds against the machine's moods. */
const ROUNDS = 7;
const TURN_MS = 1000;

const SINGLE = 'signals, each with a commit of its own';
const SINGLE_BY = {
  claire1: 'claire, 1 caller',
  pg1: 'pg, one INSERT a commit, 1 connection',
  claire20: `claire, ${CALLERS} callers, 2 connections`,
  pg20: `pg, one INSERT a commit, ${CALLERS} connections`,
  seed: 'SQLAlchemy, one object a commit',
} as const;

const batchOf = (size: number) => `signals in batches of ${size.toLocaleString('en-US')}`;
const BATCH_BY = {
  outcomes: 'claire, an outcome an item',
  unnest: 'pg, unnest',
  copy: 'pg, COPY',
  seed: 'SQLAlchemy, add_all',
} as const;

// 0.9 is wanted of a way that tells no outcomes. There is none: where all rows are new, outcomes cost nothing to speak of.
const PROMISES: Promised[] = [
  { what: SINGLE, by: SINGLE_BY.claire20, to: SINGLE_BY.pg20, least: 1.2 },
  { what: SINGLE, by: SINGLE_BY.claire20, to: SINGLE_BY.pg1, least: 8 },
  { what: batchOf(1000), by: BATCH_BY.outcomes, to: BATCH_BY.unnest, least: 0.75 },
  { what: batchOf(1000), by: BATCH_BY.outcomes, to: BATCH_BY.unnest, least: 0.9 },
];

export const write: Workload = {
  name: 'write',
  summary:
    'Signals one at a time, from 20 callers, in batches and from a file, beside bare pg, COPY and SQLAlchemy.',
  async run(options) {
    const undo = new Undo();
    try {
      return await run(options, undo);
    } finally {
      await undo.run();
    }
  },
};

async function run(options: WorkloadOptions, undo: Undo): Promise<WorkloadResult> {
  const { place, rows, signal, onProgress } = options;
  const desk = await openDesk(options, undo);
  const groups = [
    { what: SINGLE, writers: singleWriters(desk) },
    ...SIZES.map((size) => ({ what: batchOf(size), writers: batchWriters(desk, size) })),
  ];
  const pace = paceOf(options, desk, groups.flatMap(({ writers }) => writers).length);
  const figures: Figure[] = [];
  for (const { what, writers } of groups) {
    figures.push(...figuresOf(what, await inTurns(writers, pace(what))));
  }
  const bars = barsOf(PROMISES, figures);
  for (const size of rows) {
    signal.throwIfAborted();
    const note = `write: import of ${size.toLocaleString('en-US')} rows`;
    const onRows = (done: number) => onProgress(note, done, size);
    await desk.empty();
    const copyTook = await copyFile(desk.one, size, onRows);
    await desk.empty();
    const imported = await importFile(desk.url, size, undo, onRows);
    figures.push(...importFigures(imported, copyTook));
    bars.push(...importBars(imported));
  }
  await desk.close();
  await place.drop(DATABASE);
  return { workload: 'write', figures, bars, notes: notesOf(desk) };
}

const DATABASE = 'write';

interface Desk {
  url: string;
  /** A connection, and as many as there are callers. */
  one: BareClient;
  many: BareClient[];
  single: Database;
  pair: Database;
  seed: SeedWay | undefined;
  empty(): Promise<unknown>;
  close(): Promise<void>;
}

async function openDesk({ place, onProgress }: WorkloadOptions, undo: Undo): Promise<Desk> {
  onProgress('write: making a book');
  const url = await place.create(DATABASE);
  const [single, pair] = [place.pool(url, 1), place.pool(url, 2)];
  await migrate(single, 'main');
  const many: BareClient[] = [];
  for (let caller = 0; caller < CALLERS; caller++) {
    const client = await place.bare(url);
    await client.query('set search_path to main');
    many.push(client);
  }
  const one = many[0]!;
  await allowEmptying(one);
  return {
    ...{ url, one, many, single, pair },
    seed: await openSeedWay(url, undo),
    empty: () => one.query('truncate signals cascade'),
    async close() {
      for (const each of [...many, single, pair]) await ('end' in each ? each.end() : each.close());
    },
  };
}

/** A book refuses that rows go; here each writer is to begin with the same, an empty table. */
const allowEmptying = (client: BareClient) =>
  client.query(`
    do $$
    declare
      guard record;
    begin
      for guard in
        select tgrelid::regclass as of_table, tgname from pg_trigger
        where tgfoid = 'refuse_removal'::regproc and not tgisinternal
      loop
        execute format('alter table %s disable trigger %I', guard.of_table, guard.tgname);
      end loop;
    end $$`);

function singleWriters({ one, many, single, pair, seed }: Desk): Writer[] {
  const [alone, together] = [claireOn(single, 'main'), claireOn(pair, 'main')];
  return [
    {
      by: SINGLE_BY.claire1,
      beside: [SINGLE_BY.pg1, SINGLE_BY.seed],
      turn: (ids, ms) => callers(1, ms, (_, n) => alone.recordSignal(signalOf(ids, n))),
    },
    {
      by: SINGLE_BY.pg1,
      turn: (ids, ms) => callers(1, ms, (_, n) => insertOne(one, signalOf(ids, n))),
    },
    {
      by: SINGLE_BY.claire20,
      beside: [SINGLE_BY.pg20, SINGLE_BY.pg1, SINGLE_BY.claire1],
      turn: (ids, ms) => callers(CALLERS, ms, (_, n) => together.recordSignal(signalOf(ids, n))),
    },
    {
      by: SINGLE_BY.pg20,
      beside: [SINGLE_BY.pg1],
      turn: (ids, ms) => callers(CALLERS, ms, (at, n) => insertOne(many[at]!, signalOf(ids, n))),
    },
    ...seedWriter(seed, SINGLE_BY.seed, 1),
  ];
}

function batchWriters({ one, single, seed }: Desk, size: number): Writer[] {
  const claire = claireOn(single, 'main');
  const make = (ids: string) => (from: number) => signalsFrom(ids, from, size);
  return [
    {
      by: BATCH_BY.outcomes,
      beside: [BATCH_BY.unnest, BATCH_BY.copy, BATCH_BY.seed],
      turn: (ids, ms) => batches(ms, make(ids), (items) => claire.recordSignals(items)),
    },
    {
      by: BATCH_BY.unnest,
      beside: [BATCH_BY.copy],
      turn: (ids, ms) => batches(ms, make(ids), (items) => insertUnnest(one, items)),
    },
    {
      by: BATCH_BY.copy,
      turn: (ids, ms) =>
        batches(ms, make(ids), (items) => copyIn(one, COPY, Readable.from([Buffer.from(copyText(items))]))),
    },
    ...seedWriter(seed, BATCH_BY.seed, size),
  ];
}

const seedWriter = (seed: SeedWay | undefined, by: string, size: number): Writer[] =>
  seed ? [{ by, facts: { versions: seed.versions }, turn: (ids, ms) => seed.turn(ids, size, ms) }] : [];

/** A look whether it works (`runs` 2) takes seconds. */
function paceOf({ runs, signal, onProgress }: WorkloadOptions, desk: Desk, writers: number) {
  const rounds = Math.min(ROUNDS, Math.max(2, runs));
  const milliseconds = Math.min(TURN_MS, 100 * runs);
  const total = writers * (rounds + 1);
  let done = 0;
  return (what: string): Pace => ({
    ...{ rounds, milliseconds, signal },
    before: desk.empty,
    onTurn: (by) => onProgress(`write: ${what}, ${by}`, done++, total),
  });
}

function notesOf({ seed }: Desk): string[] {
  return [
    'Each writer begins its turn with an empty table `signals` of one book, its laws and indexes in place; only the guards against removal are off.',
    'Bare pg sends its statements without a name, as one writes them. The bar of 0.9 is that of a way without outcomes: there is none, so it is held against the one with.',
    ...(seed
      ? []
      : [
          "The seed's way was left out: no python3 here has sqlalchemy and psycopg2 (Debian: python3-sqlalchemy, python3-psycopg2).",
        ]),
    ...(process.platform === 'linux'
      ? []
      : ['The memory of the import was not measured: only Linux tells it under /proc.']),
  ];
}
