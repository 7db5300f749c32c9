import { expect, test } from 'vitest';
import { MovingAverageCrossover, RelativeStrength, type Strategy } from '../../src/services/index.js';
import { candle } from './ground.js';

/** What a strategy says of each close. */
const run = (strategy: Strategy, closes: string[]) =>
  closes.map((close, minute) => strategy.next(candle('A', minute, close)));

test('moving averages speak when they cross, once, with the distance as confidence', () => {
  // Averages of 1 and 3: 9|10, 14|11, 13|12, 5|10.667, 5|7.667: the second close of 5 is no crossing.
  const advice = run(new MovingAverageCrossover(1, 3), ['11', '10', '9', '14', '13', '5', '5']);
  expect(advice.map((one) => one?.side)).toEqual([
    undefined,
    undefined,
    undefined,
    'BUY',
    undefined,
    'SELL',
    undefined,
  ]);
  expect(advice[3]).toEqual({
    side: 'BUY',
    // 3 / 11 is far beyond the band of 1 %.
    confidence: '1',
    metadata: {
      strategy: 'moving_average_crossover',
      short: 1,
      long: 3,
      short_average: '14',
      long_average: '11',
    },
  });
});

test('a crossing within the band has a part of the confidence', () => {
  // 100.3 against (100 + 99.9 + 100.3) / 3 = 100.066…: 0.2331… % of it, of 1 %.
  const advice = run(new MovingAverageCrossover(1, 3), ['100', '100', '99.9', '100.3']);
  expect(advice[3]).toMatchObject({ side: 'BUY', confidence: '0.2331' });
});

test('averages that touch and part on the same side have not crossed', () => {
  // 1|2: above, equal, above.
  const advice = run(new MovingAverageCrossover(1, 2), ['10', '11', '11', '12']);
  expect(advice).toEqual([undefined, undefined, undefined, undefined]);
});

test('a sum of closes stays exact over a long series', () => {
  const closes = Array.from(
    { length: 20_000 },
    (_, at) => `0.${String((at * 7919) % 99_999_999 || 1).padStart(8, '0')}`,
  );
  const strategy = new MovingAverageCrossover(1, 2);
  run(strategy, closes);
  // After two equal closes the average is that close, to the last digit: nothing is left of 20,000 others.
  strategy.next(candle('A', 1, '0.00000003'));
  strategy.next(candle('A', 2, '0.00000003'));
  expect(strategy.next(candle('A', 3, '0.00000005'))?.metadata.long_average).toBe('0.00000004');
});

// The worked example that charting sites publish for Wilder's index over 14 periods, with its results.
const PUBLISHED_CLOSES = [
  '44.3389',
  '44.0902',
  '44.1497',
  '43.6124',
  '44.3278',
  '44.8264',
  '45.0955',
  '45.4245',
  '45.8433',
  '46.0826',
  '45.8931',
  '46.0328',
  '45.6140',
  '46.2820',
  '46.2820',
  '46.0028',
  '46.0328',
  '46.4116',
  '46.2222',
  '45.6439',
];
const PUBLISHED = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97];

test("the index over 14 periods has Wilder's values", () => {
  const strategy = new RelativeStrength();
  const found = PUBLISHED_CLOSES.map((close, minute) => {
    strategy.next(candle('A', minute, close));
    return strategy.index;
  });
  expect(found.slice(0, 14)).toEqual(new Array(14).fill(undefined));
  for (const [at, value] of PUBLISHED.entries()) expect(Number(found[14 + at])).toBeCloseTo(value, 1);
});

test('the index speaks when it comes back through a level, with the excess as confidence', () => {
  // Over 2 periods: changes −2, −2 give 0; +1 gives gain 0.5, loss 1: 33.33, back above 30 from 30 points below.
  const advice = run(new RelativeStrength(2), ['10', '8', '6', '7']);
  expect(advice.slice(0, 3)).toEqual([undefined, undefined, undefined]);
  expect(advice[3]).toMatchObject({
    side: 'BUY',
    confidence: '1',
    metadata: { index: '33.3333', extreme: '0', level: 30 },
  });
});

test('the index sells on its way down through 70, and not on its way up', () => {
  // +3, −1: 75; +1: gain 1.25, loss 0.25: 83.33; −1: gain 0.625, loss 0.625: 50.
  const advice = run(new RelativeStrength(2), ['10', '13', '12', '13', '12']);
  expect(advice.map((one) => one?.side)).toEqual([undefined, undefined, undefined, undefined, 'SELL']);
  // 83.33 is 13.33 points beyond 70, of 15.
  expect(advice[4]).toMatchObject({ confidence: '0.8888', metadata: { extreme: '83.3333', index: '50' } });
});

test('where nothing moves the index is 50 and says nothing', () => {
  const strategy = new RelativeStrength(2);
  expect(run(strategy, ['10', '10', '10', '10'])).toEqual([undefined, undefined, undefined, undefined]);
  expect(strategy.index).toBe('50');
});

test('parameters that cannot mean anything are refused', () => {
  expect(() => new MovingAverageCrossover(5, 5)).toThrow(RangeError);
  expect(() => new RelativeStrength(14, 70, 30)).toThrow(RangeError);
});
