export {
  type ConnectionGroup,
  type ConnectionRole,
  type ConnectionsReport,
  lookAtConnections,
} from './connections.js';
export {
  endIdle,
  findIdle,
  type IdleConnection,
  type IdleOptions,
  type LeftConnection,
  limitDatabase,
} from './end-connections.js';
