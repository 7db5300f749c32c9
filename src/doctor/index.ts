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
  findIdle,
  type IdleConnection,
  type IdleOptions,
  type LeftConnection,
  limitDatabase,
} from './end-connections.js';
export { type Fixed, type FixOptions, fix } from './fix.js';
