import type { Database } from '../../database/index.js';
import { LATEST_VERSION } from '../../schema/index.js';
import { runRetention } from '../../upkeep/index.js';
import { ratioBar } from '../bars.js';
import { makeBook } from '../book.js';
import { LAST, loadBook } from '../data.js';
import { spread } from '../measure.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { RATE, writeBeside } from './retention/clients.js';
import { measureDays } from './retention/days.js';

/** Days that the loaded rows are of, so that a thirtieth is a day. */
const SPAN_DAYS = 90;
/** Of the oldest signals orders keep two in five: so many more days are gone through until a thirtieth of the rows has gone. */
const LEAVING = 0.62;
const DAY_OF = 30;
const FULL = { rounds: 3, least_ms: 10_000 };
const SLOWER = 1.5;
const FASTEST = 10_000;

export const retention: Workload = {
  name: 'retention',
  summary:
    "Removing a day's signals beside clients that write at a fixed rate, and thirty days of coming and going.",
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const rows of options.rows) {
    for (const part of [await measureRemoval(options, rows), await measureDays(options, rows)]) {
      figures.push(...part.figures);
      bars.push(...part.bars);
    }
  }
  return {
    workload: 'retention',
    figures,
    bars,
    notes: [
      `Four clients write ${RATE} times a second, each write a commit of its own. How long one takes counts from when its time had come.`,
      'A day is a thirtieth of the rows; of the oldest signals orders and trades keep two in five. Rows a second count the pauses too.',
    ],
  };
}

interface Removal {
  without: number[];
  beside: number[];
  /** Rows a second. */
  rates: number[];
  removed: number;
}

async function measureRemoval(
  options: WorkloadOptions,
  rows: number,
): Promise<{ figures: Figure[]; bars: Bar[] }> {
  const { place, runs, onProgress } = options;
  const book = await makeBook(options, `retention_${rows}`, LATEST_VERSION, (client, withIds, onProgress) =>
    loadBook(client, rows, withIds, onProgress),
  );
  const pool = place.pool(book.url, 2);
  const rounds = Math.min(FULL.rounds, Math.ceil(runs / 20));
  const least_ms = Math.min(FULL.least_ms, runs * 100);
  const measured: Removal = { without: [], beside: [], rates: [], removed: 0 };
  for (let round = 1; round <= rounds; round++) {
    onProgress(`clients alone, ${rows} signals`, 2 * round - 1, 2 * rounds);
    const alone = await writeBeside(options, book.url, least_ms, async () => {});
    measured.without.push(...alone.latencies);
    onProgress(`clients and retention, ${rows} signals`, 2 * round, 2 * rounds);
    const beside = await writeBeside(options, book.url, 0, () => removeADay(options, pool, round, measured));
    measured.beside.push(...beside.latencies);
  }
  await pool.close();
  await book.drop();
  return judged(measured, rows, rounds);
}

async function removeADay(
  { signal }: WorkloadOptions,
  pool: Database,
  day: number,
  measured: Removal,
): Promise<void> {
  const share = day / DAY_OF / LEAVING;
  await pool.query(`select main.set_horizon('signals', $1, 'a day less')`, [
    Math.round((1 - share) * SPAN_DAYS * 86_400),
  ]);
  const begun = performance.now();
  const [run] = await pool.session((session) =>
    runRetention(session, 'main', {
      ...{ tables: ['signals'], withoutBackup: true, signal, at_ms: LAST, searches: 'now_and_then' },
    }),
  );
  measured.removed += run!.removed;
  measured.rates.push((run!.removed * 1000) / (performance.now() - begun));
}

function judged(
  { without, beside, rates, removed }: Removal,
  rows: number,
  rounds: number,
): { figures: Figure[]; bars: Bar[] } {
  const what = `a commit of clients that write ${RATE} times a second`;
  const [alone, both] = [spread(without), spread(beside)];
  const ratio = both.p99 / alone.p99;
  const rate = spread(rates, 'high');
  // Of a removal that takes a moment the 99th percentile is one commit.
  const says = rounds === FULL.rounds && beside.length >= 1000;
  return {
    figures: [
      { ...{ what, by: 'clients alone', unit: 'ms', rows, ratios: [], facts: {} }, ...alone },
      {
        ...{ what, by: 'beside retention', unit: 'ms', rows, ...both },
        ratios: [{ to: 'clients alone', ratio: both.median / alone.median }],
        facts: { 'p99 beside p99': ratio },
      },
      {
        ...{ what: "removing a day's signals", by: 'retention', unit: 'rows/s', rows, ratios: [], ...rate },
        facts: { removed },
      },
    ],
    bars: [
      ratioBar(`p99 of ${what}`, ratio, { atMost: SLOWER }, 'clients alone', says),
      {
        what: "removing a day's signals beside them",
        bar: `≥ ${FASTEST.toLocaleString('en-US')} rows/s`,
        measured: `${Math.round(rate.median).toLocaleString('en-US')} rows/s`,
        ...(says ? { kept: rate.median >= FASTEST } : {}),
      },
    ],
  };
}
