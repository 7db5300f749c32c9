export type { Columns } from './columns.js';
export { type ImportResult, importRows, outcomesOf, type Problem } from './import-rows.js';
export { FORMATS, type Format, formatOf, openFile, type Source } from './source.js';
