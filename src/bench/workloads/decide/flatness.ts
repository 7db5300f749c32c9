import { enough, ratioBar } from '../../bars.js';
import type { Book } from '../../book.js';
import { inTurn } from '../../measure.js';
import type { Bar, Figure, WorkloadOptions } from '../../workload.js';
import { fold, makeDesk, type Trades, wantedOf } from './desk.js';

/** As many closed trades as --rows says, from here up to the number that the bar is about. */
const CLOSED = { least: 10_000, most: 1_000_000 };
const LIMIT = 1.3;
/** A decision takes a millisecond or two, so more of them are asked for than of other things. */
const RUNS_FACTOR = 10;

interface Case {
  name: string;
  trades: Trades;
  /** What it is beside the smallest book, where a bar is about it, and whether this size can say. */
  bar?: { what: string; says: boolean };
}

const SMALL = { closed: 1000, days: 90, open: 10 };
const BY = (trades: Trades) => {
  const span = trades.days === 1 ? 'of 24 hours' : `of ${trades.days} days`;
  return `${trades.closed.toLocaleString('en-US')} closed trades ${span}, ${trades.open.toLocaleString('en-US')} open`;
};

export function casesOf(rows: number): Case[] {
  const closed = Math.min(CLOSED.most, Math.max(CLOSED.least, rows));
  const says = closed === CLOSED.most;
  return [
    { name: 'small', trades: SMALL },
    {
      name: 'closed',
      trades: { ...SMALL, closed },
      bar: { what: `${closed.toLocaleString('en-US')} closed trades`, says },
    },
    { name: 'open', trades: { ...SMALL, open: 10_000 }, bar: { what: '10,000 open trades', says: true } },
    { name: 'day', trades: { ...SMALL, closed, days: 1 } },
  ];
}

const WHAT = 'one decision, one caller, books of four kinds in one loop';

/** What a decision costs with few and with many trades, measured in turn. Books of their own, dropped at the end. */
export async function measureFlatness(options: WorkloadOptions): Promise<{ figures: Figure[]; bars: Bar[] }> {
  const cases = casesOf(options.rows.at(-1)!);
  const books = new Map<string, Book>();
  for (const { name, trades } of cases) books.set(name, await makeDesk(options, `decide_${name}`, trades));
  options.onProgress(`decide: ${WHAT}`);
  let n = 0;
  const subjects = cases.map(({ name }) => ({
    name,
    run: () => books.get(name)!.claire.decide(wantedOf('flat_', n++)),
  }));
  // The first decision of a minute moves the profit on: it happens in all of them, and to none of the medians.
  for (const book of books.values()) await fold(book);
  const all = await inTurn(subjects, options.runs * RUNS_FACTOR, options.signal);
  for (const book of books.values()) await book.drop();
  const small = all.small!;
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const { name, trades, bar } of cases) {
    const measured = all[name]!;
    const ratio = measured.median / small.median;
    figures.push({
      ...measured,
      ...{ what: WHAT, by: BY(trades), unit: 'ms', facts: {} },
      ratios: name === 'small' ? [] : [{ to: BY(SMALL), ratio }],
    });
    if (!bar) continue;
    const says = bar.says && enough(measured, small);
    bars.push(ratioBar(`one decision, ${bar.what}`, ratio, { atMost: LIMIT }, BY(SMALL), says));
  }
  return { figures, bars };
}
