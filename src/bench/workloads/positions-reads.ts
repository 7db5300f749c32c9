import { type Book, settle } from '../book.js';
import { SYMBOLS } from '../data.js';
import { explain, statementOf } from '../explain.js';
import { inTurn } from '../measure.js';
import type { Bar, Figure, WorkloadOptions } from '../workload.js';
import { AGGREGATE, closeTrade, differences, openTrade } from './positions-trades.js';

/**
 * `positions`, the seed's view, and the sum over trades, each through Claire's pool on one connection. With an empty list
 * of values the pool keeps them all prepared, as it does what it is asked by the library.
 */
export async function measureReads(
  options: WorkloadOptions,
  newest: Book,
  seed: Book,
  open: number,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const symbol of [undefined, SYMBOLS[0]!]) {
    const what = symbol ? 'reading positions of one symbol' : 'reading all positions';
    options.onProgress(`${what}, ${open} open trades`);
    const where = symbol ? `where symbol = '${symbol}'` : '';
    const view = `select * from main.positions_realtime ${where}`;
    const sum = `select * from (${AGGREGATE}) as a ${where}`;
    const subjects = [
      { name: 'newest', run: () => newest.claire.positions(symbol ? { symbol } : {}) },
      { name: 'view', run: () => seed.pool.query(view, []) },
      { name: 'sum', run: () => newest.pool.query(sum, []) },
      { name: 'floor', run: () => newest.pool.query('select 1', []) },
    ] as const;
    const measured = await inTurn(subjects, options.runs, options.signal);
    const to = (by: string, other: keyof typeof measured) => ({
      to: by,
      ratio: measured.newest.median / measured[other].median,
    });
    const [VIEW, SUM, FLOOR] = ["the seed's view on 1.1", 'sum over trades', '`select 1`'];
    const common = { what, unit: 'ms' as const, rows: open, ratios: [] };
    const statement = await statementOf('positions', symbol ? { symbol } : {});
    figures.push(
      {
        ...common,
        ...measured.newest,
        by: 'newest',
        ratios: [to(VIEW, 'view'), to(SUM, 'sum'), to(FLOOR, 'floor')],
        facts: { staleness: 'none', ...(await explain(newest.bare, statement)) },
      },
      {
        ...common,
        ...measured.view,
        by: VIEW,
        facts: { staleness: 'up to 5 s and a refresh', ...(await explain(seed.bare, { text: view })) },
      },
      {
        ...common,
        ...measured.sum,
        by: SUM,
        facts: { staleness: 'none', ...(await explain(newest.bare, { text: sum })) },
      },
      { ...common, ...measured.floor, by: FLOOR, facts: {} },
    );
  }
  return figures;
}

/** How often `positions`, read right after a commit, differed from the open trades; there and back again. */
export async function checkExact(options: WorkloadOptions, newest: Book, open: number): Promise<Bar> {
  options.onProgress(`positions after each commit, ${open} open trades`);
  const opened: string[] = [];
  let wrong = 0;
  const commits = Math.min(5, options.runs);
  for (let n = 0; n < commits; n++) {
    options.signal.throwIfAborted();
    opened.push(await openTrade(newest.bare, SYMBOLS));
    if ((await differences(newest.bare)) > 0) wrong++;
    await closeTrade(newest.bare, opened[n]!);
    if ((await differences(newest.bare)) > 0) wrong++;
  }
  await settle(newest);
  return {
    what: `positions read after each of ${commits * 2} commits, ${open} open trades`,
    bar: 'equal to the open trades each time',
    measured: `${wrong} differed`,
    kept: wrong === 0,
    isLaw: true,
  };
}
