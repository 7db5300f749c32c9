import { expect, test } from 'vitest';
import { barsOf, figuresOf, inTurns, type Writer } from '../../src/bench/turns.js';
import { quarters } from '../../src/bench/workloads/write/import-file.js';

const what = 'signals';
const measured = (rates: Record<string, number[]>, beside: string[] = []) =>
  Object.entries(rates).map(([by, values]) => ({
    writer: { by, beside, turn: async () => ({ rows: 0, took: 0 }) } satisfies Writer,
    rates: values,
    latencies: [],
  }));

test('a ratio is that of the medians, whatever single rounds were', () => {
  const [one] = figuresOf(what, measured({ a: [1, 30, 900], b: [1, 10, 2] }, ['b', 'nobody']));
  expect(one).toMatchObject({ by: 'a', unit: 'rows/s', median: 30, ratios: [{ to: 'b', ratio: 15 }] });
});

test('a promise is judged where it was measured often enough, and left out where it was not measured', () => {
  const promises = [
    { what, by: 'a', to: 'b', least: 1.2 },
    { what, by: 'a', to: 'c', least: 1.2 },
  ];
  const bars = (rounds: number, rate: number) =>
    barsOf(
      promises,
      figuresOf(what, measured({ a: Array(rounds).fill(rate), b: Array(rounds).fill(10) }, ['b'])),
    );
  expect(bars(5, 12)).toEqual([{ what: 'signals: a', bar: '≥ 1.2 × b', measured: '1.20 ×', kept: true }]);
  expect(bars(5, 11.9)).toMatchObject([{ kept: false }]);
  expect(bars(2, 11.9)[0]).not.toHaveProperty('kept');
});

test('writers take turns, each from the same beginning and with ids of its own, and the first round does not count', async () => {
  const order: string[] = [];
  const ids = new Set<string>();
  const writer = (by: string): Writer => ({
    by,
    async turn(own, milliseconds) {
      order.push(`${by} ${milliseconds}`);
      ids.add(own);
      return { rows: 10, took: 1000 };
    },
  });
  const before = async () => order.push('empty');
  const pace = {
    rounds: 2,
    milliseconds: 40,
    signal: new AbortController().signal,
    before,
    onTurn: () => {},
  };
  const [a] = await inTurns([writer('a'), writer('b')], pace);
  expect(order.join()).toBe('empty,a 10,empty,b 10,empty,b 40,empty,a 40,empty,a 40,empty,b 40');
  expect(a?.rates).toEqual([10, 10]);
  expect(ids.size).toBe(6);
});

test('growth is seen between the first and the last quarter', () => {
  expect(quarters([50, 100, 100, 100, 100, 100, 110, 110])).toEqual({ first: 100, last: 110 });
});
