import type { Check } from '../check.js';
import { backupAge } from './backup-age.js';
import { blockedSessions } from './blocked-sessions.js';
import { cacheHit } from './cache-hit.js';
import { clockSkew } from './clock-skew.js';
import { connections } from './connections.js';
import { deadRows } from './dead-rows.js';
import { diskSpace } from './disk-space.js';
import { duplicateIndexes } from './duplicate-indexes.js';
import { foreignKeysIndexed } from './foreign-keys-indexed.js';
import { halted } from './halted.js';
import { idleInTransaction } from './idle-in-transaction.js';
import { indexBloat } from './index-bloat.js';
import { invalidIndexes } from './invalid-indexes.js';
import { notValidConstraints } from './not-valid-constraints.js';
import { oldestSnapshot } from './oldest-snapshot.js';
import { positionsExact } from './positions-exact.js';
import { positionsRealtime } from './positions-realtime.js';
import { retentionLag } from './retention-lag.js';
import { schemaReleased } from './schema-released.js';
import { sequences } from './sequences.js';
import { settings } from './settings.js';
import { slowStatements } from './slow-statements.js';
import { statementPlans } from './statement-plans.js';
import { tableBloat } from './table-bloat.js';
import { transactionIds } from './transaction-ids.js';
import { unusedIndexes } from './unused-indexes.js';
import { walArchive } from './wal-archive.js';

/** Every check, in the order of the report: what stops trading first, what wastes room last. */
export const checks: readonly Check[] = [
  halted,
  connections,
  idleInTransaction,
  oldestSnapshot,
  blockedSessions,
  slowStatements,
  statementPlans,
  cacheHit,
  clockSkew,
  settings,
  transactionIds,
  walArchive,
  diskSpace,
  positionsRealtime,
  positionsExact,
  schemaReleased,
  notValidConstraints,
  invalidIndexes,
  foreignKeysIndexed,
  unusedIndexes,
  duplicateIndexes,
  tableBloat,
  indexBloat,
  deadRows,
  sequences,
  backupAge,
  retentionLag,
];
