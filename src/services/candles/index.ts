export type { Candle, Step } from './candle.js';
export { type ReadOptions, readCandles } from './file.js';
export { mergeCandles } from './merge.js';
export { recordedSteps } from './record.js';
export { symbolOf } from './symbol.js';
