import type { Spread } from './workload.js';

/** Something to be measured: its name, and one run of it. `before` is done before each run and not counted. */
export interface Subject {
  name: string;
  before?: () => Promise<unknown>;
  run: () => Promise<unknown>;
}

/**
 * Quantiles of numbers, the good ones first: of rates, high ones are, so that 95 % of the rounds were as fast as p95.
 * @throws RangeError where there is none
 */
export function spread(values: readonly number[], good: 'low' | 'high' = 'low'): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...values].sort((a, b) => (good === 'low' ? a - b : b - a));
  const at = (percent: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))]!;
  return {
    runs: sorted.length,
    median: at(50),
    p95: at(95),
    p99: at(99),
    percentiles: Array.from({ length: 101 }, (_, percent) => at(percent)),
  };
}

/** How long a run takes, in milliseconds. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
}

/** Each begins in its turn: none always comes after the same other one. */
export const rotated = <Item>(items: readonly Item[], turn: number): Item[] => {
  const first = turn % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
};

/** What one subject may take: on 1.0 a query takes seconds at the largest size. */
const BUDGET_MS = 10_000;

/**
 * Measures subjects in turn, one run of each after the other, so that whatever the machine does beside falls on all of
 * them alike. The first tenth warms caches up and is not counted. A subject that has had its 10 seconds is left out of
 * the turns that follow. Gives the milliseconds of each.
 */
export async function inTurn<Name extends string>(
  subjects: readonly (Subject & { name: Name })[],
  runs: number,
  signal: AbortSignal,
): Promise<Record<Name, Spread>> {
  await turns(subjects, Math.max(1, Math.ceil(runs / 10)), BUDGET_MS / 10, signal);
  const values = await turns(subjects, runs, BUDGET_MS, signal);
  return Object.fromEntries([...values].map(([name, all]) => [name, spread(all)])) as Record<Name, Spread>;
}

async function turns<Name extends string>(
  subjects: readonly (Subject & { name: Name })[],
  count: number,
  budget_ms: number,
  signal: AbortSignal,
): Promise<Map<Name, number[]>> {
  const all = subjects.map((subject) => ({ subject, values: [] as number[], spent_ms: 0 }));
  for (let turn = 0; turn < count; turn++) {
    for (const each of rotated(all, turn)) {
      if (each.spent_ms > budget_ms) continue;
      signal.throwIfAborted();
      each.spent_ms += await timed(async () => {
        await each.subject.before?.();
        each.values.push(await timed(each.subject.run));
      });
    }
  }
  return new Map(all.map(({ subject, values }) => [subject.name, values]));
}
