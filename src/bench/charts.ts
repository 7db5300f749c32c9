import type { Report } from './report.js';
import { sizeText } from './sizes.js';
import type { Figure } from './workload.js';

/** A chart as its page draws it. Both axes may be logarithmic, so nothing below or at zero is among the values. */
export interface Chart {
  title: string;
  x: { label: string; values: number[]; logarithmic: boolean };
  y: { label: string };
  lines: { label: string; values: (number | null)[] }[];
}

export interface Charts {
  /** Time against rows. */
  growth: Chart[];
  /** How the runs of one thing are spread. */
  distributions: Chart[];
}

export function chartsOf({ results }: Report): Charts {
  const times = results.flatMap(({ workload, figures }) =>
    figures.filter(({ unit }) => unit === 'ms').map((figure) => ({ ...figure, workload })),
  );
  const growth = grouped(times, ({ workload, what }) => [workload, what]).flatMap(growthOf);
  const distributions = grouped(times, ({ workload, what, rows }) => [workload, what, rows]).flatMap(
    distributionOf,
  );
  return { growth, distributions };
}

type Named = Figure & { workload: string };

const title = ({ workload, what }: Named) => `${workload}: ${what}`;
const positive = (value: number | undefined) => (value !== undefined && value > 0 ? value : null);

/** One chart for what was measured at more than one size. */
function growthOf(figures: Named[]): Chart[] {
  const sizes = [...new Set(figures.flatMap(({ rows }) => rows ?? []))].sort((a, b) => a - b);
  if (sizes.length < 2) return [];
  const lines = grouped(figures, ({ by }) => [by]).map((ofOne) => ({
    label: ofOne[0]!.by,
    values: sizes.map((size) => positive(ofOne.find(({ rows }) => rows === size)?.median)),
  }));
  return [
    {
      title: title(figures[0]!),
      x: { label: 'rows', values: sizes, logarithmic: true },
      y: { label: 'median, ms' },
      lines,
    },
  ];
}

/** A single run has no distribution. */
function distributionOf(figures: Named[]): Chart[] {
  const measured = figures.filter(({ runs }) => runs > 1);
  if (measured.length === 0) return [];
  const { rows } = measured[0]!;
  return [
    {
      title: rows === undefined ? title(measured[0]!) : `${title(measured[0]!)}, ${sizeText(rows)} rows`,
      x: { label: 'percentile', values: Array.from({ length: 101 }, (_, at) => at), logarithmic: false },
      y: { label: 'ms' },
      lines: measured.map(({ by, percentiles }) => ({ label: by, values: percentiles.map(positive) })),
    },
  ];
}

function grouped<T>(items: readonly T[], key: (item: T) => unknown[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = JSON.stringify(key(item));
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return [...groups.values()];
}
