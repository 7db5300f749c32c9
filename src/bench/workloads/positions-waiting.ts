import { setTimeout as sleep } from 'node:timers/promises';
import { enough, ratioBar } from '../bars.js';
import { type Book, settle } from '../book.js';
import { SYMBOLS } from '../data.js';
import { inTurn, spread, timed } from '../measure.js';
import type { Bar, Figure, Spread, WorkloadOptions } from '../workload.js';
import { openTrade, WRITERS, writeFor } from './positions-trades.js';
import { withUpkeep } from './positions-writers.js';

const FULL_MS = 30_000;
const BEFORE = 'no writers, before';
const FIRST = 'first third';
const LAST = 'last third';
const AFTER = 'no writers, after';
const UNFOLDED = {
  all: 'reading all positions, upkeep off',
  one: 'reading positions of one symbol, upkeep off',
  exposure: 'reading exposure of all symbols, upkeep off',
  floor: '`select 1`, upkeep off',
};

/** How far a median may be above the one it is compared with and still be called the same. */
const FLAT = 1.3;

interface Read {
  at_ms: number;
  positions: number;
  one: number;
}

/** Reads all positions, and `select 1` to show what the busy machine adds to any read. */
async function readFor({ signal }: WorkloadOptions, { claire, pool }: Book, duration_ms: number) {
  const reads: Read[] = [];
  const begun = performance.now();
  do {
    signal.throwIfAborted();
    reads.push({
      at_ms: performance.now() - begun,
      positions: await timed(() => claire.positions()),
      one: await timed(() => pool.query('select 1', [])),
    });
  } while (performance.now() - begun < duration_ms);
  return reads;
}

/** What the table of changes looks like to whoever reads through it. */
async function changesOf({ bare }: Book): Promise<Record<string, number>> {
  const { rows } = await bare.query(`
    select (select count(*)::int from position_changes) as unfolded, n_dead_tup::int as dead_rows,
      (pg_relation_size(relid) / current_setting('block_size')::int)::int as pages, autovacuum_count::int as autovacuums
    from pg_stat_user_tables where schemaname = 'main' and relname = 'position_changes'`);
  return rows[0];
}

interface Phase {
  by: string;
  reads: readonly Read[];
  facts: Record<string, number>;
}

/** Reading positions before, while and after ten connections open trades, with the upkeep running. */
export async function measureFlatness(options: WorkloadOptions, book: Book, open: number) {
  options.onProgress(`reading positions while trades are opened, ${open} open trades`);
  const duration_ms = Math.min(FULL_MS, options.runs * 150);
  const phases: Phase[] = [];
  await withUpkeep(options, book.url, async () => {
    const alone = async (by: string) => {
      const reads = await readFor(options, book, duration_ms / 3);
      phases.push({ by, reads, facts: await changesOf(book) });
    };
    await alone(BEFORE);
    let reads: Read[] = [];
    const rate = await writeFor(
      options,
      book.url,
      duration_ms,
      async (client) => Boolean(await openTrade(client, SYMBOLS)),
      async () => {
        reads = await readFor(options, book, duration_ms);
      },
    );
    const facts = { ...(await changesOf(book)), commits_per_second: Math.round(rate) };
    const until = (part: number) => reads.findIndex(({ at_ms }) => at_ms >= duration_ms * part);
    phases.push({ by: FIRST, reads: upTo(reads, until(1 / 3)), facts: {} });
    phases.push({ by: LAST, reads: reads.slice(until(2 / 3)), facts });
    // The upkeep folds what the writers left.
    await sleep(1500);
    await alone(AFTER);
  });
  return describePhases(phases, open, duration_ms === FULL_MS);
}

/** At least one: a read may take longer than a part of a very short run. */
const upTo = (reads: readonly Read[], end: number) => reads.slice(0, end < 1 ? 1 : end);

function describePhases(phases: readonly Phase[], open: number, isFull: boolean) {
  const what = `reading all positions, ${WRITERS} connections opening trades`;
  const spreads = new Map(phases.map(({ by, reads }) => [by, spread(reads.map((read) => read.positions))]));
  const ratioOf = (by: string, to: string) => spreads.get(by)!.median / spreads.get(to)!.median;
  const figures = phases.flatMap(({ by, reads, facts }): Figure[] => {
    const one = spread(reads.map((read) => read.one));
    const common = { unit: 'ms' as const, rows: open };
    const before = by === BEFORE ? [] : [{ to: BEFORE, ratio: ratioOf(by, BEFORE) }];
    const first = by === LAST ? [{ to: FIRST, ratio: ratioOf(by, FIRST) }] : [];
    return [
      { ...common, ...spreads.get(by)!, what, by, ratios: [...before, ...first], facts },
      { ...common, ...one, what: `${what}: \`select 1\` beside`, by, ratios: [], facts: {} },
    ];
  });
  const bar = (by: string, to: string): Bar =>
    ratioBar(
      `${what}, ${by}`,
      ratioOf(by, to),
      { atMost: FLAT },
      to,
      isFull && enough(spreads.get(by)!, spreads.get(to)!),
    );
  return { figures, bars: [bar(LAST, FIRST), bar(AFTER, BEFORE)] };
}

/** Changes that cancel each other out, of all symbols and both sides: positions stay what they are. */
const WAIT = `
  insert into position_changes (symbol, side, quantity, notional, num_trades)
  select ($2::text[])[1 + n / 4 % cardinality($2::text[])], case n / 2 % 2 when 0 then 'BUY' else 'SELL' end, sign, sign * 20000, sign
  from (select n, case n % 2 when 0 then 1 else -1 end as sign from generate_series(1, $1::int) as n) as changes`;

/** As many as wait at most where a thousand trades a second are opened: the upkeep folds each second. */
const SECOND = 1000;

/** Reading positions beside changes that nobody folds. */
export async function measureUnfolded(
  options: WorkloadOptions,
  book: Book,
  open: number,
): Promise<{ figures: Figure[]; bars: Bar[] }> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  const firsts: Partial<Record<keyof typeof UNFOLDED, Spread>> = {};
  for (const unfolded of [0, SECOND, 10_000]) {
    options.onProgress(`reading positions beside ${unfolded} unfolded changes`);
    await settle(book);
    await book.bare.query(WAIT, [unfolded, SYMBOLS]);
    const symbol = SYMBOLS[0]!;
    const subjects = [
      { name: 'all', run: () => book.claire.positions() },
      { name: 'one', run: () => book.claire.positions({ symbol }) },
      { name: 'exposure', run: () => book.claire.exposure() },
      { name: 'floor', run: () => book.pool.query('select 1', []) },
    ] as const;
    const measured = await inTurn(subjects, options.runs, options.signal);
    for (const { name } of subjects) {
      const first = firsts[name];
      firsts[name] ??= measured[name];
      if (first && name === 'all' && unfolded === SECOND) {
        const what = `${UNFOLDED.all}, ${unfolded} unfolded changes`;
        const ratio = measured.all.median / first.median;
        bars.push(ratioBar(what, ratio, { atMost: FLAT }, 'none', enough(first, measured.all)));
      }
      figures.push({
        ...measured[name],
        what: UNFOLDED[name],
        by: `${unfolded} unfolded changes`,
        unit: 'ms',
        rows: open,
        ratios: first ? [{ to: '0 unfolded changes', ratio: measured[name].median / first.median }] : [],
        facts: {},
      });
    }
  }
  await settle(book);
  return { figures, bars };
}
