import type { Check } from '../check.js';
import { blockedSessions } from './blocked-sessions.js';
import { cacheHit } from './cache-hit.js';
import { clockSkew } from './clock-skew.js';
import { connections } from './connections.js';
import { diskSpace } from './disk-space.js';
import { idleInTransaction } from './idle-in-transaction.js';
import { invalidIndexes } from './invalid-indexes.js';
import { oldestSnapshot } from './oldest-snapshot.js';
import { settings } from './settings.js';
import { statementPlans } from './statement-plans.js';
import { transactionIds } from './transaction-ids.js';
import { walArchive } from './wal-archive.js';

/** Every check, in the order of the report: what stops trading first, what wastes room last. */
export const checks: readonly Check[] = [
  connections,
  idleInTransaction,
  oldestSnapshot,
  blockedSessions,
  statementPlans,
  cacheHit,
  clockSkew,
  settings,
  transactionIds,
  walArchive,
  diskSpace,
  invalidIndexes,
];
