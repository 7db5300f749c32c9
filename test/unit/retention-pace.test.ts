import { expect, test } from 'vitest';
import { Pace } from '../../src/upkeep/retention/pace.js';

/** Batches on a machine where a row costs so many milliseconds. */
function batches(pace: Pace, row_ms: number, count = 20) {
  let [work, pause] = [0, 0];
  for (let n = 0; n < count; n++) {
    const looked = pace.size;
    work = looked * row_ms;
    pause = pace.after({ looked, removed: looked }, work);
  }
  return { work, pause };
}

test.each([0.001, 0.02, 0.4])('batches come to take a short while where a row takes %s ms', (row_ms) => {
  const { work } = batches(new Pace(), row_ms);
  expect(work).toBeGreaterThan(row_ms === 0.001 ? 5 : 40);
  expect(work).toBeLessThan(100);
});

test('the slower a batch is beside the best, the longer is the pause, within bounds', () => {
  const pace = new Pace();
  const share = ({ work, pause }: { work: number; pause: number }) => work / (work + pause);
  expect(share(batches(pace, 0.03))).toBeCloseTo(2 / 3, 1);
  expect(share(batches(pace, 0.06, 5))).toBeLessThan(0.4);
  expect(share(batches(pace, 3, 5))).toBeCloseTo(1 / 9, 2);
  expect(share(batches(pace, 0.03, 1))).toBeCloseTo(2 / 3, 1);
});

test('a batch at the end of a table, which is not full, makes the next one no larger', () => {
  const pace = new Pace();
  const { size } = pace;
  pace.after({ looked: 3, removed: 0 }, 1);
  expect(pace.size).toBe(size);
});
