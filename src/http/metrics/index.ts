export { Background, type BackgroundParts, type BackupFigures } from './background.js';
export { Collector, type CollectorOptions, type Section, type Source } from './collector.js';
export { positions, profit, riskEvents, trading } from './sections/books.js';
export { operations } from './sections/operations.js';
export { archive, connections } from './sections/server.js';
export { poolSource, Requests, UpkeepRuns } from './sources.js';
export { entryOfMetric, METRICS, type MetricName } from './table.js';
