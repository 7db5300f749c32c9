import { expect, test } from 'vitest';
import { enough, ratioBar } from '../../src/bench/bars.js';
import { indexesOf, type PlanNode, rowsScanned, shapeOf, statementOf } from '../../src/bench/explain.js';
import { spread } from '../../src/bench/measure.js';
import { casesOf } from '../../src/bench/workloads/decide/flatness.js';
import { barOf } from '../../src/bench/workloads/pool.js';
import { openTradesOf } from '../../src/bench/workloads/positions.js';

const node = (type: string, more: Partial<PlanNode> = {}): PlanNode => ({
  'Node Type': type,
  'Actual Rows': 1,
  'Actual Loops': 1,
  ...more,
});

const newest100 = node('Limit', {
  'Actual Rows': 100,
  Plans: [
    node('Index Scan', {
      'Relation Name': 'signals',
      'Index Name': 'idx_signals_symbol_timestamp',
      'Scan Direction': 'Backward',
      'Actual Rows': 100,
    }),
  ],
});

test('a plan is told in one line, with its index', () => {
  expect(shapeOf(newest100)).toBe('Limit < Index Scan Backward idx_signals_symbol_timestamp');
  expect(indexesOf(newest100)).toEqual(['idx_signals_symbol_timestamp']);
});

test('a plan with two arms names both', () => {
  const plan = node('Append', {
    Plans: [
      node('Seq Scan', { 'Relation Name': 'position_totals' }),
      node('Seq Scan', { 'Relation Name': 'position_changes', 'Parallel Aware': true }),
    ],
  });
  expect(shapeOf(plan)).toBe('Append < (Seq Scan position_totals; Parallel Seq Scan position_changes)');
});

test('rows that a filter threw away were scanned too, in each loop', () => {
  const plan = node('Gather', {
    Plans: [
      node('Seq Scan', {
        'Relation Name': 'signals',
        'Actual Rows': 33.33,
        'Rows Removed by Filter': 1633.33,
        'Actual Loops': 3,
      }),
    ],
  });
  expect(rowsScanned(plan)).toBe(5000);
});

test('a bitmap counts where it reads the table, what it was unsure of included', () => {
  const plan = node('Bitmap Heap Scan', {
    'Relation Name': 'risk_events',
    'Actual Rows': 170,
    'Rows Removed by Index Recheck': 3,
    Plans: [node('Bitmap Index Scan', { 'Index Name': 'idx_risk_events_jsonb', 'Actual Rows': 173 })],
  });
  expect(rowsScanned(plan)).toBe(173);
  expect(shapeOf(plan)).toBe('Bitmap Heap Scan risk_events < Bitmap Index Scan idx_risk_events_jsonb');
});

test("a read's statement is known without a server", async () => {
  const { text, values } = await statementOf('exposure', { symbol: 'BTCUSDT' });
  expect(text).toContain('from "main".exposure');
  expect(values).toEqual(['BTCUSDT']);
});

test('a bar is judged by its side, and only by a run that can say', () => {
  expect(ratioBar('q', 1.1, { atMost: 1.2 }, 'floor', true)).toEqual({
    what: 'q',
    bar: '≤ 1.2 × floor',
    measured: '1.10 ×',
    kept: true,
  });
  expect(ratioBar('w', 0.5, { atLeast: 0.75 }, 'bare', true).kept).toBe(false);
  expect(ratioBar('w', 0.5, { atLeast: 0.75 }, 'bare', false)).not.toHaveProperty('kept');
  expect(enough(spread(Array(20).fill(1)), spread([1]))).toBe(false);
});

test('the number of open trades follows the rows, and the smallest is always there', () => {
  expect(openTradesOf([2000])).toEqual([1000]);
  expect(openTradesOf([50_000, 1_000_000])).toEqual([1000, 40_000]);
  expect(openTradesOf([10_000_000])).toEqual([1000, 40_000, 1_000_000]);
});

test('a decision is measured beside as many closed trades as rows, and judged where they are a million', () => {
  const closed = (rows: number) => casesOf(rows).map(({ trades, bar }) => [trades.closed, bar?.says]);
  expect(closed(2000)).toEqual([
    [1000, undefined],
    [10_000, false],
    [1000, true],
    [10_000, undefined],
  ]);
  expect(closed(10_000_000)[1]).toEqual([1_000_000, true]);
});

test("Claire's pool is held against the bare one by medians, over twenty runs of each", () => {
  const bar = (claire: number, runs: number) =>
    barOf('q', { claire: spread(Array(runs).fill(claire)), pg: spread(Array(runs).fill(10)) });
  expect(bar(11, 20)).toEqual({ what: 'q', bar: '≤ 1.1 × pg.Pool', measured: '1.10 ×', kept: true });
  expect(bar(11.1, 20).kept).toBe(false);
  expect(bar(11.1, 19)).not.toHaveProperty('kept');
});
