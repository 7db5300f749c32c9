import type { Machine, ServerFacts } from './machine.js';
import type { WorkloadResult } from './workload.js';

/** What one `claire bench` found: the document of --json and --output, from which every other form is made. */
export interface Report {
  /** Of Claire. */
  version: string;
  /** What to type for the same. */
  command: string;
  /** ISO 8601, UTC. */
  started_at: string;
  seconds: number;
  machine: Machine;
  server: ServerFacts;
  /** Sizes that were asked for, in rows of the largest table. */
  rows: number[];
  runs: number;
  results: WorkloadResult[];
}

/** The report without digits that no clock gives. */
export const rounded = (report: Report): Report =>
  JSON.parse(JSON.stringify(report), (_, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value,
  ) as Report;

/** As JSON with a line for each list of numbers: a hundred percentiles a figure would else be most of the file. */
export const reportJson = (report: Report): string =>
  `${JSON.stringify(report, null, 2).replace(/\[\n([-\d.e+,\s]+?)\n\s*\]/gi, (_, numbers: string) => `[${numbers.trim().replace(/\s+/g, ' ')}]`)}\n`;
