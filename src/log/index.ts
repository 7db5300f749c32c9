export { EVENTS, type EventEntry, type EventName } from './events.js';
export { type Fields, type Log, type LogOptions, openLog } from './log.js';
