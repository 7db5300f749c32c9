import { setTimeout as sleep } from 'node:timers/promises';
import { type Claire, claireOn } from '../../claire.js';
import type { BarePool, Database } from '../../database/index.js';
import { migrate } from '../../schema/index.js';
import { enough, ratioBar } from '../bars.js';
import { type Statement, statementOf } from '../explain.js';
import { inTurn } from '../measure.js';
import type { Bar, Figure, Spread, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';

const DATABASE = 'pool';
/** As many as the seed's pool keeps, and as many callers: none waits for another. */
const CONNECTIONS = 10;
const CALLERS = 10;
/** One query takes a tenth of a millisecond, which the machine's moods are larger than. */
const QUERIES = 20;
/** A connection that was idle for longer than half a second is probed before it is used. */
const IDLE_MS = 600;
const MOST = 1.1;

const BY = { claire: 'claire', pg: 'pg.Pool' } as const;

/** What a borrower does with each of the two pools. */
interface Pair {
  what: string;
  claire: () => Promise<unknown>;
  pg: () => Promise<unknown>;
  before?: () => Promise<unknown>;
  /** Whether the ratio is a promise. */
  isPromised?: true;
}

export const pool: Workload = {
  name: 'pool',
  summary:
    "A query through Claire's pool, its checkout and probe included, beside the same through a bare pg.Pool.",
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const { place, onProgress } = options;
  onProgress('pool: making a book');
  const url = await place.create(DATABASE);
  const [own, bare] = [place.pool(url, CONNECTIONS), place.barePool(url, CONNECTIONS)];
  await migrate(own, 'main');
  const read = await statementOf('exposure', {});
  const pairs = pairsOf({ own, bare, claire: claireOn(own, 'main'), read });
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const [at, pair] of pairs.entries()) {
    onProgress(`pool: ${pair.what}`, at, pairs.length);
    const measured = await measure(pair, options);
    figures.push(...measured.figures);
    bars.push(...measured.bars);
  }
  await own.close();
  await bare.end();
  await place.drop(DATABASE);
  return {
    workload: 'pool',
    figures,
    bars,
    notes: [
      `Each pool has ${CONNECTIONS} connections, is warm, and sends the same text; a figure is the time of all its queries.`,
      'With parameters Claire keeps the statement prepared and bare pg does not, as one writes it.',
      `After ${IDLE_MS} ms Claire probes the connection before it is used, which is a round trip more; the bare pool hands out a dead one.`,
    ],
  };
}

interface Desk {
  own: Database;
  bare: BarePool;
  claire: Claire;
  read: Statement;
}

function pairsOf({ own, bare, claire, read }: Desk): Pair[] {
  const one = 'select 1';
  const given = { text: 'select $1::int as n', values: [1] };
  return [
    {
      what: `${QUERIES} × \`${one}\`, one after another`,
      claire: () => inSequence(() => own.query(one)),
      pg: () => inSequence(() => bare.query(one)),
      isPromised: true,
    },
    {
      what: `${QUERIES} × \`${one}\` of each of ${CALLERS} callers at once`,
      claire: () => atOnce(() => own.query(one)),
      pg: () => atOnce(() => bare.query(one)),
      isPromised: true,
    },
    {
      what: `${QUERIES} × a statement with a parameter, one after another`,
      claire: () => inSequence(() => own.query(given.text, given.values)),
      pg: () => inSequence(() => bare.query(given)),
    },
    {
      what: `${QUERIES} × reading exposure, one after another`,
      claire: () => inSequence(() => claire.exposure()),
      pg: () => inSequence(() => bare.query({ text: read.text, values: [...(read.values ?? [])] })),
    },
    {
      what: `one \`${one}\` after ${IDLE_MS} ms`,
      claire: () => own.query(one),
      pg: () => bare.query(one),
      before: () => sleep(IDLE_MS),
    },
  ];
}

async function inSequence(query: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < QUERIES; n++) await query();
}

const atOnce = (query: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: CALLERS }, () => inSequence(query)));

async function measure(
  { what, claire, pg, before, isPromised }: Pair,
  { runs, signal }: WorkloadOptions,
): Promise<Pick<WorkloadResult, 'figures' | 'bars'>> {
  const subjects = [
    { name: 'claire', run: claire, ...(before ? { before } : {}) },
    { name: 'pg', run: pg, ...(before ? { before } : {}) },
  ] as const;
  const spreads = await inTurn(subjects, runs, signal);
  return {
    figures: [figure(what, 'claire', spreads), figure(what, 'pg', spreads)],
    bars: isPromised ? [barOf(what, spreads)] : [],
  };
}

type Spreads = Record<keyof typeof BY, Spread>;

const ratioOf = ({ claire, pg }: Spreads): number => claire.median / pg.median;

const figure = (what: string, by: keyof typeof BY, spreads: Spreads): Figure => ({
  ...{ what, by: BY[by], unit: 'ms', facts: {} },
  ...spreads[by],
  ratios: by === 'claire' ? [{ to: BY.pg, ratio: ratioOf(spreads) }] : [],
});

/** That what a pool can be trusted for costs next to nothing where nothing is wrong. */
export const barOf = (what: string, spreads: Spreads): Bar =>
  ratioBar(what, ratioOf(spreads), { atMost: MOST }, BY.pg, enough(spreads.claire, spreads.pg));
