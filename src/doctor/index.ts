export type { BackupSight, Evidence, Remedy, Result, Surroundings } from './check.js';
export { checks } from './checks/index.js';
export {
  type ConnectionGroup,
  type ConnectionRole,
  type ConnectionsReport,
  lookAtConnections,
} from './connections.js';
export { type DiagnoseOptions, type Diagnosis, diagnose, type Report } from './diagnose.js';
export {
  endIdle,
  endNamed,
  findIdle,
  findNamed,
  type IdleConnection,
  type IdleOptions,
  type LeftConnection,
  limitDatabase,
  type NamedConnection,
} from './end-connections.js';
export { type Fixed, type FixOptions, fix } from './fix.js';
export {
  type OperationStep,
  type OperationUse,
  operationSeries,
  operationUse,
  type Sampled,
  type StatementUse,
  sampledOf,
  statementUse,
  type UseOptions,
  type UseOrder,
} from './queries.js';
