import { LATEST_VERSION } from '../../schema/index.js';
import { enough, ratioBar } from '../bars.js';
import { type Book, makeBook } from '../book.js';
import { loadBook, sizesOf } from '../data.js';
import { explain } from '../explain.js';
import { inTurn } from '../measure.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { type Case, casesOf, LIBRARY } from './seed-queries-cases.js';

const VERSIONS = ['1.0', '1.1', LATEST_VERSION] as const;

/** Sizes a decade apart or more may differ by so much. */
const GROWTH = { from: 10, limit: 1.3 };

/** Each case beside its floor, and whether the promises about them are kept. */
async function measure(options: WorkloadOptions, book: Book, rows: number, cases: readonly Case[]) {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const { what, by, run, statement, floor, limit, facts } of cases) {
    options.onProgress(`${what}, ${by}, ${rows} rows`);
    const subjects = [
      { name: 'query', run },
      { name: 'floor', run: floor.run },
    ] as const;
    const both = await inTurn(subjects, options.runs, options.signal);
    const ratio = both.query.median / both.floor.median;
    const floorName = `floor of ${by}`;
    const common = { what, unit: 'ms' as const, rows };
    figures.push(
      {
        ...both.query,
        ...common,
        by,
        ratios: [{ to: floorName, ratio }],
        facts: { ...facts, ...(await explain(book.bare, statement)) },
      },
      { ...both.floor, ...common, by: floorName, ratios: [], facts: { is: floor.is } },
    );
    if (limit === undefined) continue;
    const says = enough(both.query, both.floor);
    bars.push(ratioBar(`${what}, ${by}, ${rows} rows`, ratio, { atMost: limit }, floor.short, says));
  }
  return { figures, bars };
}

/** Adds to every query what it is beside the seed's statement on 1.0 at the same size. */
function compareWithFirst(figures: readonly Figure[]): void {
  for (const figure of figures) {
    if (figure.by === '1.0' || figure.by.startsWith('floor')) continue;
    const first = figures.find(
      ({ what, by, rows }) => what === figure.what && by === '1.0' && rows === figure.rows,
    );
    if (!first) continue;
    figure.ratios.push({ to: '1.0', ratio: figure.median / first.median });
    figure.facts.times_as_fast_as_1_0 = Number((first.median / figure.median).toFixed(1));
  }
}

/** A book of one size, and the library's reads of it. */
interface Sized {
  book: Book;
  rows: number;
  reads: readonly Case[];
}

/** The library's reads of the smallest and of the largest book, in one loop. */
async function measureGrowth(options: WorkloadOptions, small: Sized, large: Sized) {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const [at, { what, run }] of small.reads.entries()) {
    options.onProgress(`${what} at ${small.rows} and at ${large.rows} rows`);
    const subjects = [
      { name: 'small', run },
      { name: 'large', run: large.reads[at]!.run },
    ] as const;
    const both = await inTurn(subjects, options.runs, options.signal);
    const ratio = both.large.median / both.small.median;
    const figure = (size: 'small' | 'large', { rows }: Sized): Figure => ({
      ...both[size],
      what: `${what}, two sizes in one loop`,
      by: `${LIBRARY}, ${rows} rows`,
      unit: 'ms',
      rows,
      ratios: size === 'large' ? [{ to: `${LIBRARY}, ${small.rows} rows`, ratio }] : [],
      facts: {},
    });
    figures.push(figure('small', small), figure('large', large));
    const says = large.rows >= small.rows * GROWTH.from && enough(both.small, both.large);
    const growth = `${what}, ${large.rows} rows beside ${small.rows}`;
    bars.push(ratioBar(growth, ratio, { atMost: GROWTH.limit }, 'the smallest size', says));
  }
  return { figures, bars };
}

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  const largest = options.rows.at(-1)!;
  let small: Sized | undefined;
  for (const rows of options.rows) {
    for (const version of VERSIONS) {
      const name = `queries_${version.replace('.', '_')}_${rows}`;
      const book = await makeBook(options, name, version, (client, withIds, onRows) =>
        loadBook(client, rows, withIds, onRows),
      );
      const cases = await casesOf(book);
      const measured = await measure(options, book, rows, cases);
      figures.push(...measured.figures);
      if (rows === largest) bars.push(...measured.bars);
      if (version === LATEST_VERSION) {
        const sized = { book, rows, reads: cases.filter(({ by }) => by === LIBRARY) };
        if (small && rows === largest) {
          const growth = await measureGrowth(options, small, sized);
          figures.push(...growth.figures);
          bars.push(...growth.bars);
        }
        small ??= sized;
      }
      // Before the next is loaded: at the largest size each takes gigabytes. Only the smallest newest one stays.
      if (book !== small?.book) await book.drop();
    }
  }
  await small?.book.drop();
  compareWithFirst(figures);
  return { workload: 'seed-queries', figures, bars, notes: notesOn(largest) };
}

function notesOn(signals: number): string[] {
  const { trades, risk_events } = sizesOf(signals);
  return [
    'A ratio is this median over that one, so below 1 is faster; times_as_fast_as_1_0 is the other way round, as the seed has it.',
    'On 1.1 exposure is read from the materialized view, up to 5 seconds old; everywhere else it is exact.',
    `At ${signals} signals there are ${trades} trades, half of them open, and ${risk_events} risk events.`,
  ];
}

export const seedQueries: Workload = {
  name: 'seed-queries',
  summary: "The seed's three queries on 1.0, 1.1 and the newest version, beside their floors.",
  run,
};
