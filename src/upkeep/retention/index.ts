export { type Due, dueNow } from './due.js';
export { type RetentionOptions, type RunOfTable, runRetention } from './run.js';
export { type LastRun, type RetentionState, retentionState, type Standing } from './show.js';
export { type Coverage, RETAINED, type Retained, type Scope } from './tables.js';
export { type CoverageOf, retentionTask } from './task.js';
