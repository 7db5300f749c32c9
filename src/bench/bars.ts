import type { Bar, Spread } from './workload.js';

/** Fewer runs, or shorter ones, show that a workload works and say nothing about a bar. */
const RUNS = 20;

export const enough = (...spreads: readonly Spread[]): boolean => spreads.every(({ runs }) => runs >= RUNS);

/** A promise that a ratio stays below a limit, or above one. `says` is false where this run was too small to judge it. */
export function ratioBar(
  what: string,
  ratio: number,
  bar: { atMost: number } | { atLeast: number },
  of: string,
  says: boolean,
): Bar {
  const [sign, limit, kept] =
    'atMost' in bar ? ['≤', bar.atMost, ratio <= bar.atMost] : ['≥', bar.atLeast, ratio >= bar.atLeast];
  return {
    what,
    bar: `${sign} ${limit} × ${of}`,
    measured: `${ratio.toFixed(2)} ×`,
    ...(says ? { kept } : {}),
  };
}
