import type { Queryable } from '../../database/index.js';
import { type BookState, rowsIn, type Version } from '../../schema/index.js';

/** Whether a migration would change a book that stands there, and has rows which it could harm. */
export async function wantsBackup(database: Queryable, state: BookState, to: Version): Promise<boolean> {
  const { book, version, handMade } = state;
  const isBehind = version !== undefined && (version !== to || handMade);
  return isBehind && (await rowsIn(database, book)).some;
}
