import { identifier, type Queryable } from '../../database/index.js';
import type { BookState, Version } from '../../schema/index.js';

/** Whether a migration would change a book that stands there. */
export const isBehind = ({ version, handMade }: BookState, to: Version): boolean =>
  version !== undefined && (version !== to || handMade);

/** Whether something is recorded that a migration could harm. */
export async function hasRows(database: Queryable, book: string): Promise<boolean> {
  const tables = ['signals', 'orders', 'trades', 'risk_events'];
  const any = tables.map((table) => `exists (select from ${identifier(book)}.${table})`);
  const [row] = await database.query<{ rows: boolean }>(`select ${any.join(' or ')} as rows`);
  return row!.rows;
}
