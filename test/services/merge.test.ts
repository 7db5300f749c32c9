import { expect, test } from 'vitest';
import { type Candle, mergeCandles, type Step, syntheticMarket } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { candle, collect, series, T0 } from './ground.js';

const at = (symbol: string, ...minutes: number[]) => minutes.map((minute) => candle(symbol, minute, '100'));
const names = (steps: Step[]) =>
  steps.map(
    ({ timestamp, candles }) => `${(timestamp - T0) / 60_000}: ${candles.map(({ symbol }) => symbol)}`,
  );

async function* failingAfter(candles: Candle[]): AsyncGenerator<Candle> {
  yield* candles;
  throw new Error('bad line');
}

test('candles of several symbols come in market time, those of one moment together and by symbol', async () => {
  const sources = [series(at('B', 0, 1, 4)), series(at('C', 1, 2)), series(at('A', 1, 4))];
  expect(names(await collect(mergeCandles(sources)))).toEqual(['0: B', '1: A,B,C', '2: C', '4: A,B']);
});

test('no source and empty sources give no step', async () => {
  expect(await collect(mergeCandles([]))).toEqual([]);
  expect(await collect(mergeCandles([series([]), series([])]))).toEqual([]);
});

test('files of one symbol one after another are one series', async () => {
  const sources = [series(at('A', 2, 3)), series(at('A', 0, 1))];
  expect(names(await collect(mergeCandles(sources)))).toEqual(['0: A', '1: A', '2: A', '3: A']);
});

test('a symbol twice at one moment is refused', async () => {
  const error = await refusal(collect(mergeCandles([series(at('A', 0, 1)), series(at('A', 1))])));
  expect(error.code).toBe('candle_file_invalid');
  expect(error.message).toContain('A at 2024-01-15T00:01:00.000Z');
});

test('where a source fails, every step up to its last candle comes first', async () => {
  const steps: Step[] = [];
  const merged = collect(mergeCandles([failingAfter(at('A', 0, 2)), series(at('B', 0, 1, 2, 3))]), steps);
  await expect(merged).rejects.toThrow('bad line');
  expect(names(steps)).toEqual(['0: A,B', '1: B', '2: A,B']);
});

test('a source is read no further than the steps that were taken', async () => {
  let read = 0;
  const counted = async function* () {
    for (const one of at('A', 0, 1, 2, 3, 4)) {
      read++;
      yield one;
    }
  };
  const merged = mergeCandles([counted()]);
  await merged.next();
  await merged.next();
  expect(read).toBe(2);
  await merged.return(undefined);
  expect(read).toBe(2);
});

test('a synthetic market is decided by its seed, possible, sorted and named as synthetic', async () => {
  const read = async (seed: number) =>
    (await collect(mergeCandles(syntheticMarket({ seed, days: 300 })))).flatMap((s) => s.candles);
  const market = await read(7);
  expect(await read(7)).toEqual(market);
  expect(await read(8)).not.toEqual(market);
  expect(market).toHaveLength(900);
  for (const { symbol, open, high, low, close } of market) {
    expect(symbol).toMatch(/^SYNTH-/);
    expect(Number(low)).toBeGreaterThan(0);
    expect(Math.min(Number(open), Number(close))).toBeGreaterThanOrEqual(Number(low));
    expect(Math.max(Number(open), Number(close))).toBeLessThanOrEqual(Number(high));
  }
});
