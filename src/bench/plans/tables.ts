import type { Queryable } from '../../database/index.js';
import { growingTables } from '../../schema/index.js';
import type { Surroundings } from './verdict.js';

/** What judging the plans of a book needs to know. */
export async function surroundingsOf(session: Queryable, book: string): Promise<Surroundings> {
  const gin = await session.query<{ name: string }>(
    `select i.relname::text as name
     from pg_class as i join pg_am as a on a.oid = i.relam
     where i.relnamespace = $1::regnamespace and a.amname = 'gin'`,
    [book],
  );
  return {
    growing: growingTables(),
    unordered: new Set(gin.map(({ name }) => name)),
  };
}
