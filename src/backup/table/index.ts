export { type Applied, type Apply, applyTable } from './apply.js';
export { type DifferentColumn, diffTable, type Row, type TableDiff } from './diff.js';
export type { TableSource } from './stage.js';
export { RESTORABLE, restorable } from './tables.js';
