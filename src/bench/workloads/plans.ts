import { identifier } from '../../database/index.js';
import { BOUNDED, LATEST_VERSION } from '../../schema/index.js';
import { makeBook } from '../book.js';
import { loadBook } from '../data.js';
import { spread } from '../measure.js';
import { fillBeside } from '../plans/ground.js';
import { EXEMPT } from '../plans/reads.js';
import type { Seen } from '../plans/recorder.js';
import { surveyPlans } from '../plans/survey.js';
import type { Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';

const BOOK = 'main';
/** More rows have the same plans and take longer to load. */
const MOST_ROWS = 1_000_000;
/** How many of the statements that read most are listed. */
const WORST = 5;
/** Below, a hundred rows are most of what there is of a symbol, and a planner rightly sorts them. */
const ENOUGH_ROWS = 200_000;

export const plans: Workload = {
  name: 'plans',
  summary: 'The plan of every statement, at the largest size.',
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const { onProgress, signal } = options;
  const rows = Math.min(MOST_ROWS, options.rows.at(-1)!);
  const book = await makeBook(options, 'plans', LATEST_VERSION, (client, withIds, onRows) =>
    loadBook(client, rows, withIds, onRows),
  );
  onProgress('plans: rows beside');
  await fillBeside(book.pool, identifier(BOOK), rows);
  const seen = await book.pool.session(async (session) => {
    await session.query('begin');
    try {
      return await surveyPlans(session, BOOK, {
        signal,
        onProgress: (done, total) => onProgress('plans: explaining', done, total),
      });
    } finally {
      await session.query('rollback');
    }
  });
  await book.drop();
  const offending = seen.filter(({ offences }) => offences.length > 0);
  return {
    workload: 'plans',
    figures: figuresOf(seen, rows),
    bars: [
      {
        what: `${seen.length} plans, ${rows.toLocaleString('en-US')} rows`,
        bar: 'no table that grows is read from end to end, no more rows are sorted than answered',
        measured: `${offending.length} offend`,
        ...(rows < ENOUGH_ROWS ? {} : { kept: offending.length === 0, isLaw: true as const }),
      },
    ],
    notes: [
      ...offending.map(({ asked, offences }) => `${asked}: ${offences.map(({ what }) => what).join('; ')}`),
      ...Object.entries(EXEMPT).map(([name, why]) => `Not judged: ${name}, because ${why}.`),
      `Tables that may be read from end to end, because they stay short: ${Object.entries(BOUNDED)
        .map(([name, why]) => `${name} (${why})`)
        .join(', ')}.`,
      'What a GIN index has found has no order, so it may be sorted whole.',
      'By nature these grow with the record, from an index: summary counts every row, profit without a span adds up every closed trade, and signals without an order that are fewer than asked for are looked for to the end.',
    ],
  };
}

/** Server time of all, and of the statements that read most for each row that they answer. */
function figuresOf(seen: readonly Seen[], rows: number): Figure[] {
  const figure = (what: string, chosen: readonly Seen[], facts: Figure['facts']): Figure => ({
    ...{ what, by: 'newest', unit: 'ms', rows, ratios: [], facts },
    ...spread(chosen.map(({ server_ms }) => server_ms)),
  });
  const perRow = (one: Seen) => one.rowsScanned / Math.max(1, one.rows);
  const worst = [...seen].sort((a, b) => perRow(b) - perRow(a)).slice(0, WORST);
  const slowest = [...seen].sort((a, b) => b.server_ms - a.server_ms).slice(0, WORST);
  const facts = (one: Seen) => ({
    rows_answered: one.rows,
    rows_scanned: one.rowsScanned,
    index: one.indexes.join(', ') || 'none',
  });
  return [
    figure('server time of every statement, planning included', seen, {}),
    ...worst.map((one) => figure(`reads most a row: ${one.asked}`, [one], facts(one))),
    ...slowest
      .filter((one) => !worst.includes(one))
      .map((one) => figure(`slowest: ${one.asked}`, [one], facts(one))),
  ];
}
