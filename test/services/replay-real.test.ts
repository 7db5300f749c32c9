import { existsSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { replay } from '../../src/services/index.js';
import { shared } from '../harness/seed.js';
import { LIMITS, useDesks } from './ground.js';
import { profitOfFills } from './profit.js';

const { desk, checksums, sql } = useDesks();

test('two days of real candles leave a record that holds its laws, and again the same', async ({ skip }) => {
  const real = ['BTCUSD', 'ETHUSD', 'LTCUSD'].map((symbol) => shared(`data/candles/${symbol}.csv`));
  if (!real.every((file) => existsSync(file))) {
    process.stderr.write('Skipped: the real candles are not beside this checkout.\n');
    skip();
  }
  if (inject('major') !== 18) {
    process.stderr.write(
      'Skipped on PostgreSQL 15: the real candles take their time, and the synthetic market meets the same laws there.\n',
    );
    skip();
  }
  const at = await desk();
  await at.limit({ ...LIMITS, breaker_halts: 'until_next_day' });
  const result = await replay({ connections: at, files: real });
  expect(result).toMatchObject({ finished: true, candles: 7343 });
  const before = await checksums(at.book, true);
  await replay({ connections: at, files: real });
  expect(await checksums(at.book, true)).toEqual(before);
  expect((await at.claire.profit()).pnl).toBe(await profitOfFills(sql, at.book));
  expect((await at.claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
});
