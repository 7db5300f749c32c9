export type { BackupSight, Evidence, Remedy, Result, Surroundings } from './check.js';
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
