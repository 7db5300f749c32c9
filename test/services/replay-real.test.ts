import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEMO_LIMITS, replay } from '../../src/services/index.js';
import { shared } from '../harness/seed.js';
import { useDesks } from './ground.js';
import { profitOfFills } from './profit.js';

const { desk, checksums, sql } = useDesks();

test('two days of real candles leave a record that holds its laws, and again the same', async ({ skip }) => {
  const real = ['BTCUSD', 'ETHUSD', 'LTCUSD'].map((symbol) => shared(`data/candles/${symbol}.csv`));
  if (!real.every((file) => existsSync(file))) {
    process.stderr.write('Skipped: the real candles are not beside this checkout.\n');
    skip();
  }
  const at = await desk();
  const result = await replay({ connections: at, files: real });
  expect(result).toMatchObject({ finished: true, candles: 7343 });
  const before = await checksums(at.book, true);
  await replay({ connections: at, files: real });
  expect(await checksums(at.book, true)).toEqual(before);
  expect((await at.claire.profit()).pnl).toBe(await profitOfFills(sql, at.book));
  expect((await at.claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
});

test('the demonstration: twenty years of real daily candles meet every type of risk event', async ({
  skip,
}) => {
  const file = 'node_modules/vega-datasets/data/sp500-2000.csv';
  if (!existsSync(file)) {
    process.stderr.write('Skipped: the development dependency vega-datasets is not installed.\n');
    skip();
  }
  const at = await desk();
  const result = await replay({ connections: at, files: [file], limits: DEMO_LIMITS });
  expect(result).toMatchObject({ finished: true, candles: 5105 });
  expect(Object.keys((await at.claire.summary()).risk_events)).toHaveLength(5);
  expect((await at.claire.profit()).pnl).toBe(await profitOfFills(sql, at.book));
  expect((await at.claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
});
