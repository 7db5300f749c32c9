export { type Clock, systemClock } from './clock.js';
export { runUpkeep, type UpkeepOptions } from './run-upkeep.js';
export { type Books, runUpkeepOfAllBooks } from './run-upkeep-of-all-books.js';
export type { Task } from './tasks.js';
