import { type Report, type Table, tablesOf, type WorkloadTables } from '../bench/index.js';
import { list, table } from './print.js';

/** A report for the terminal. */
export function reportText(report: Report): string {
  const { about, workloads } = tablesOf(report);
  return [...workloads.map(workloadText), list(about)].join('\n\n');
}

function workloadText({ workload, figures, facts, bars, long, notes }: WorkloadTables): string {
  const plans = long.length > 0 ? [`${long.length} longer facts, as plans, are in --json and --html.`] : [];
  return [
    `${workload}\n${text(figures)}`,
    ...[facts, bars].filter((each) => each !== undefined).map(text),
    ...[...notes, ...plans].map((note) => `- ${note}`),
  ].join('\n\n');
}

const text = ({ head, rows }: Table): string => table(head, rows);
