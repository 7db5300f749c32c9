import type { Check } from '../check.js';
import { idleInTransaction } from './idle-in-transaction.js';
import { invalidIndexes } from './invalid-indexes.js';
import { slowStatements } from './slow-statements.js';

/** Every check, in the order of the report: what stops trading first, what wastes room last. */
export const checks: readonly Check[] = [idleInTransaction, invalidIndexes, slowStatements];
