import type { Place } from './place.js';

/** Quantiles of one thing that was measured, all in the figure's unit. */
export interface Spread {
  runs: number;
  median: number;
  p95: number;
  p99: number;
  /** The 0th, 1st … 100th percentile, for a picture of the distribution. */
  percentiles: number[];
}

/** One thing that was measured. */
export interface Figure extends Spread {
  /** What was done, as "last 100 signals of a symbol". */
  what: string;
  /** Who did it: `newest`, `1.0`, `floor`, `pg, one INSERT a row` … */
  by: string;
  unit: 'ms' | 'rows/s' | 'decisions/s' | 'calls/s' | 'MB';
  /** Rows of the largest table, where the figure depends on it. */
  rows?: number;
  /** The figure this one is compared with, by `by`, and this median over that one. From the same run. */
  ratios: { to: string; ratio: number }[];
  /** What explains it: index used, rows scanned, server time, plan … */
  facts: Record<string, string | number>;
}

/** A promise about a figure, and whether this run kept it. A ratio where it can be: milliseconds are of one machine. */
export interface Bar {
  what: string;
  /** As `≤ 1.2 × floor`. */
  bar: string;
  measured: string;
  /** Undefined where this run was too small to say. */
  kept?: boolean;
  /** It is about what is right and not about time: the command ends with an error where it is missed. */
  isLaw?: true;
}

export interface WorkloadResult {
  workload: string;
  figures: Figure[];
  bars: Bar[];
  /** What a reader must know: what was left out, and why. */
  notes: string[];
}

export interface WorkloadOptions {
  place: Place;
  /** Sizes: rows of the largest table (signals). Sorted, at least one. */
  rows: readonly number[];
  /** How often each thing is measured at most; a workload may need fewer. Small for a look whether it works. */
  runs: number;
  signal: AbortSignal;
  /** Says what is being done; shown on a terminal only. */
  onProgress(what: string, done?: number, total?: number): void;
}

export interface Workload {
  name: string;
  /** One sentence for --help and the docs. */
  summary: string;
  run(options: WorkloadOptions): Promise<WorkloadResult>;
}
