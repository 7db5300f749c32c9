import type { Claire } from '../../../claire.js';
import type { BareClient } from '../../../database/index.js';
import type { Book } from '../../book.js';
import {
  barsOf,
  batches,
  callers,
  figuresOf,
  inTurns,
  type Pace,
  type Promised,
  type Turn,
  type Writer,
} from '../../turns.js';
import type { Bar, Figure, WorkloadOptions } from '../../workload.js';
import {
  BARE_ORDERS,
  CALLERS,
  decideBare,
  fold,
  insertOne,
  insertUnnest,
  libraryOn,
  wantedFrom,
  wantedOf,
} from './desk.js';

const BATCH = 100;
/** Each writes this often for a second at most, as in `write`. */
const ROUNDS = 7;
const TURN_MS = 1000;

const SINGLE = 'orders, each acknowledged after its commit';
const SINGLE_BY = {
  insert: `pg, one INSERT a commit, ${CALLERS} connections`,
  bare: `pg, decide_orders, one a commit, ${CALLERS} connections`,
  library: `claire, ${CALLERS} libraries of one caller and one connection`,
  gathered1: `claire, ${CALLERS} callers, 1 connection`,
  gathered2: `claire, ${CALLERS} callers, 2 connections`,
} as const;

const BATCHES = `orders in batches of ${BATCH}`;
const BATCH_BY = {
  claire1: 'claire, decideAll, 1 connection',
  unnest1: 'pg, unnest, 1 connection',
  claire10: `claire, decideAll, ${CALLERS} connections`,
  unnest10: `pg, unnest, ${CALLERS} connections`,
} as const;

const PROMISES: Promised[] = [
  { what: SINGLE, by: SINGLE_BY.bare, to: SINGLE_BY.insert, least: 0.15 },
  { what: SINGLE, by: SINGLE_BY.gathered2, to: SINGLE_BY.insert, least: 0.6 },
  { what: BATCHES, by: BATCH_BY.claire1, to: BATCH_BY.unnest1, least: 0.4 },
];

/** Decisions a second on one book, beside the bare insert of the same orders. */
export async function measureRates(
  options: WorkloadOptions,
  book: Book,
): Promise<{ figures: Figure[]; bars: Bar[] }> {
  await book.bare.query(BARE_ORDERS);
  const clients: BareClient[] = [];
  const claires: Claire[] = [];
  for (let caller = 0; caller < CALLERS; caller++) {
    const client = await options.place.bare(book.url);
    await client.query('set search_path to main');
    clients.push(client);
    claires.push(libraryOn(options, book, 1));
  }
  const groups = [
    { what: SINGLE, writers: singleWriters(options, book, clients, claires) },
    { what: BATCHES, writers: batchWriters(clients, claires) },
  ];
  const pace = paceOf(options, book, groups.flatMap(({ writers }) => writers).length);
  const figures: Figure[] = [];
  for (const { what, writers } of groups) {
    figures.push(...figuresOf(what, await inTurns(writers, pace), 'decisions/s'));
  }
  return { figures, bars: barsOf(PROMISES, figures) };
}

function singleWriters(
  options: WorkloadOptions,
  book: Book,
  clients: readonly BareClient[],
  claires: readonly Claire[],
): Writer[] {
  const turnOf =
    (call: (caller: number, ids: string, n: number) => Promise<unknown>) =>
    (ids: string, ms: number): Promise<Turn> =>
      callers(CALLERS, ms, (at, n) => call(at, ids, n));
  const gathered = [libraryOn(options, book, 1), libraryOn(options, book, 2)];
  const beside = [SINGLE_BY.insert];
  return [
    { by: SINGLE_BY.insert, turn: turnOf((at, ids, n) => insertOne(clients[at]!, wantedOf(ids, n))) },
    { by: SINGLE_BY.bare, beside, turn: turnOf((at, ids, n) => decideBare(clients[at]!, wantedOf(ids, n))) },
    {
      by: SINGLE_BY.library,
      beside,
      turn: turnOf((at, ids, n) => claires[at]!.decide(wantedOf(ids, n))),
    },
    {
      by: SINGLE_BY.gathered1,
      beside,
      turn: turnOf((_, ids, n) => gathered[0]!.decide(wantedOf(ids, n))),
    },
    {
      by: SINGLE_BY.gathered2,
      beside,
      turn: turnOf((_, ids, n) => gathered[1]!.decide(wantedOf(ids, n))),
    },
  ];
}

function batchWriters(clients: readonly BareClient[], claires: readonly Claire[]): Writer[] {
  const one =
    (write: (caller: number, items: ReturnType<typeof wantedFrom>) => Promise<unknown>) =>
    (ids: string, ms: number): Promise<Turn> =>
      batches(
        ms,
        (from) => wantedFrom(ids, from, BATCH),
        (items) => write(0, items),
      );
  const ten =
    (write: (caller: number, items: ReturnType<typeof wantedFrom>) => Promise<unknown>) =>
    async (ids: string, ms: number): Promise<Turn> => {
      const { rows, took } = await callers(CALLERS, ms, (at, n) =>
        write(at, wantedFrom(ids, n * BATCH, BATCH)),
      );
      return { rows: rows * BATCH, took };
    };
  const decide = (at: number, items: ReturnType<typeof wantedFrom>) => claires[at]!.decideAll(items);
  const insert = (at: number, items: ReturnType<typeof wantedFrom>) => insertUnnest(clients[at]!, items);
  return [
    { by: BATCH_BY.claire1, beside: [BATCH_BY.unnest1], turn: one(decide) },
    { by: BATCH_BY.unnest1, turn: one(insert) },
    { by: BATCH_BY.claire10, beside: [BATCH_BY.unnest10, BATCH_BY.unnest1], turn: ten(decide) },
    { by: BATCH_BY.unnest10, turn: ten(insert) },
  ];
}

/** A look whether it works (`runs` 2) takes seconds. */
function paceOf({ runs, signal, onProgress }: WorkloadOptions, book: Book, writers: number): Pace {
  const rounds = Math.min(ROUNDS, Math.max(2, runs));
  const total = writers * (rounds + 1);
  let done = 0;
  return {
    ...{ rounds, milliseconds: Math.min(TURN_MS, 100 * runs), signal },
    before: () => fold(book),
    onTurn: (by) => onProgress(`decide: ${by}`, done++, total),
  };
}
