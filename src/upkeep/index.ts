export { type Clock, systemClock } from './clock.js';
export * from './retention/index.js';
export { runUpkeep, type TaskRun, type UpkeepOptions } from './run-upkeep.js';
export { type Books, runUpkeepOfAllBooks } from './run-upkeep-of-all-books.js';
export { MISSING, type Missing, runSampling, type SamplingOptions, sample } from './sampling.js';
export { ensureStatistics } from './statistics.js';
export { type Task, tasks } from './tasks.js';
