import { listBackups, newestVerified, originOf } from '../backup/index.js';
import type { Queryable } from '../database/index.js';
import { type Coverage, RETAINED } from '../upkeep/index.js';

/**
 * What of a book the newest backup holds that was restored and found right; undefined where none lies there. How far its
 * ids were counts beside its moment: a client may record a row with any `created_at`.
 */
export async function coverageOf(
  admin: Queryable,
  backups: string,
  book: string,
): Promise<Coverage | undefined> {
  const found = newestVerified(await listBackups(backups), await originOf(admin, book));
  const side = found?.side;
  const shape = side?.books.find((one) => one.book === book);
  if (!found || !side || !shape) return undefined;
  const last = new Map(shape.sequences.map((sequence) => [sequence.name, sequence]));
  const last_ids = Object.fromEntries(
    RETAINED.flatMap((table) => {
      const sequence = last.get(`${table}_id_seq`);
      return sequence ? [[table, sequence.called ? sequence.last : '0']] : [];
    }),
  );
  return { name: found.name, until_ms: side.complete_until_ms, last_ids, open_from: side.open_from };
}
