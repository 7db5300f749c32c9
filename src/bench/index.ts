import type { Workload } from './workload.js';
import { backup } from './workloads/backup.js';
import { churn } from './workloads/churn.js';
import { decide } from './workloads/decide.js';
import { http } from './workloads/http.js';
import { plans } from './workloads/plans.js';
import { pool } from './workloads/pool.js';
import { positions } from './workloads/positions.js';
import { retention } from './workloads/retention.js';
import { sampling } from './workloads/sampling.js';
import { seedQueries } from './workloads/seed-queries.js';
import { start } from './workloads/start.js';
import { write } from './workloads/write.js';

/** In the order in which they run. */
export const WORKLOADS: readonly Workload[] = [
  seedQueries,
  write,
  positions,
  decide,
  pool,
  retention,
  churn,
  backup,
  sampling,
  http,
  plans,
  start,
];

export { reportHtml } from './html.js';
export { type Report, reportJson } from './report.js';
export { type BenchProgress, runBench } from './run.js';
export { parseSizes, sizeText } from './sizes.js';
export { type ReportTables, type Table, tablesOf, type WorkloadTables } from './tables.js';
export type { Workload } from './workload.js';
