import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { paced, type Rest } from '../../web/src/pace.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Asks that the test answers, with the moment of each. */
function asked(options?: Parameters<typeof paced>[1]) {
  const open: ((rest: Rest) => void)[] = [];
  const at: number[] = [];
  const began = performance.now();
  const pace = paced(() => {
    at.push(performance.now() - began);
    return new Promise((resolve) => open.push(resolve));
  }, options);
  const answer = async (rest: Rest = {}) => {
    open.shift()!(rest);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { pace, at, answer, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test('what is asked for while one is under way is asked once more, and not before as long as that took', async () => {
  const { pace, at, answer, pass } = asked();
  await pass(0);
  for (let n = 0; n < 5; n++) {
    pace.ask();
    await pass(1000);
  }
  expect(at).toEqual([0]);
  await answer();
  await pass(60_000);
  expect(at).toEqual([0, 10_000]);
});

test('a hundred events are one ask a second', async () => {
  const { pace, at, answer, pass } = asked();
  await pass(0);
  await answer();
  for (let n = 0; n < 100; n++) pace.ask();
  await pass(5000);
  expect(at).toEqual([0, 1000]);
});

test('who presses a button does not wait for the pace, but for the answer that is under way', async () => {
  const { pace, at, answer, pass } = asked();
  await pass(0);
  pace.ask('at once');
  pace.ask();
  await pass(3000);
  await answer();
  await pass(0);
  expect(at).toEqual([0, 3000]);
});

test('a server that asked for a pause gets it, whatever comes meanwhile', async () => {
  const { pace, at, answer, pass } = asked();
  await pass(0);
  await answer({ least_ms: 7000, beat_ms: 7000 });
  pace.ask();
  await pass(20_000);
  expect(at).toEqual([0, 7000]);
});

test('the beat goes on while somebody looks, and nothing is asked after the end', async () => {
  let isIdle = true;
  const { pace, at, answer, pass } = asked({ isIdle: () => isIdle });
  await pass(0);
  await answer({ beat_ms: 30_000 });
  await pass(100_000);
  expect(at).toEqual([0]);
  isIdle = false;
  await pass(30_000);
  expect(at).toHaveLength(2);
  pace.ask();
  pace.stop();
  await answer({ beat_ms: 1 });
  await pass(100_000);
  expect(at).toHaveLength(2);
});
