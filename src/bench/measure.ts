import type { Spread } from './workload.js';

/** Something to be measured: its name, and one run of it. `before` is done before each run and not counted. */
export interface Subject {
  name: string;
  before?: () => Promise<unknown>;
  run: () => Promise<unknown>;
}

/** Quantiles of numbers. @throws RangeError where there is none. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
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

/**
 * Measures subjects in turn, one run of each after the other, so that whatever the machine does beside falls on all of
 * them alike. The first tenth warms caches up and is not counted. Gives the milliseconds of each.
 */
export async function inTurn<Name extends string>(
  subjects: readonly (Subject & { name: Name })[],
  runs: number,
  signal: AbortSignal,
): Promise<Record<Name, Spread>> {
  const values = new Map<Name, number[]>(subjects.map(({ name }) => [name, []]));
  const warm = Math.max(1, Math.ceil(runs / 10));
  for (let run = -warm; run < runs; run++) {
    for (const subject of subjects) {
      signal.throwIfAborted();
      await subject.before?.();
      const took = await timed(subject.run);
      if (run >= 0) values.get(subject.name)!.push(took);
    }
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, spread(all)])) as Record<Name, Spread>;
}
