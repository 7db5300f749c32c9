import type { Workload } from './workload.js';
import { start } from './workloads/start.js';

/** In the order in which they run. */
export const WORKLOADS: readonly Workload[] = [start];

export { reportHtml } from './html.js';
export { type Report, reportJson } from './report.js';
export { type BenchProgress, runBench } from './run.js';
export { parseSizes, sizeText } from './sizes.js';
export { type ReportTables, type Table, tablesOf, type WorkloadTables } from './tables.js';
export type { Workload } from './workload.js';
