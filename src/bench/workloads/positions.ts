import { LATEST_VERSION, type Version } from '../../schema/index.js';
import { makeBook, settle } from '../book.js';
import { loadTrades } from '../data.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { checkExact, measureReads } from './positions-reads.js';
import { measureRefresh } from './positions-refresh.js';
import { measureFlatness, measureUnfolded } from './positions-waiting.js';
import { copiesOf, measureWriters } from './positions-writers.js';

/** Open trades. */
const SIZES = [1000, 40_000, 1_000_000];

/** A tenth of the rows of a full book are open trades; the smallest size is always looked at. */
export function openTradesOf(rows: readonly number[]): number[] {
  const most = Math.max(SIZES[0]!, rows.at(-1)! / 10);
  return SIZES.filter((size) => size <= most);
}

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  const sizes = openTradesOf(options.rows);
  for (const open of sizes) {
    const make = (version: Version) =>
      makeBook(
        options,
        `positions_${version.replace('.', '_')}_${open}`,
        version,
        (client, withIds, onRows) => loadTrades(client, open, withIds, onRows),
      );
    const newest = await make(LATEST_VERSION);
    const seed = await make('1.1');
    figures.push(...(await measureReads(options, newest, seed, open)));
    const refresh = await measureRefresh(options, newest, seed, open);
    figures.push(...refresh.figures);
    bars.push(...refresh.bars, await checkExact(options, newest, open));
    await seed.drop();
    if (open === sizes.at(-1)) {
      const written = await write(options, newest, open);
      figures.push(...written.figures);
      bars.push(...written.bars);
    }
    await newest.drop();
  }
  return {
    workload: 'positions',
    figures,
    bars,
    notes: [
      'A ratio is this median over that one; of rates, above 1 is faster.',
      'Writers and what waits to be folded are measured at the largest number of open trades only.',
      'Trades that are opened name no order; of rates the upkeep runs beside the newest only, as in production.',
    ],
  };
}

type Written = Pick<WorkloadResult, 'figures' | 'bars'>;

/** What ten connections do to positions and positions to them. Closes the book's connections. */
async function write(
  options: WorkloadOptions,
  newest: Awaited<ReturnType<typeof makeBook>>,
  open: number,
): Promise<Written> {
  await newest.close();
  const copies = await copiesOf(options, newest);
  const writers = await measureWriters(options, copies, open);
  for (const copy of [copies.bare, copies['without the bookkeeping']]) await copy.drop();
  await settle(copies.newest);
  const flat = await measureFlatness(options, copies.newest, open);
  const unfolded = await measureUnfolded(options, copies.newest, open);
  await copies.newest.drop();
  return {
    figures: [...writers.figures, ...flat.figures, ...unfolded.figures],
    bars: [...writers.bars, ...flat.bars, ...unfolded.bars],
  };
}

export const positions: Workload = {
  name: 'positions',
  summary: 'Positions read, refreshed and kept exact while ten connections open and close trades.',
  run,
};
