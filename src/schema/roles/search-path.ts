import type { Queryable } from '../../database/index.js';
import { SIGNATURE } from '../hand-made.js';
import { FUNCTIONS, HISTORY, MATERIALIZED_VIEWS, TABLES, VIEWS } from '../objects.js';

const RELATIONS = [...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name).concat(HISTORY);

/**
 * Functions of Claire's that could be made to use somebody else's table or function. Safe are those with a fixed path
 * on which temporary tables come last. Those without one run with the rights of the caller and are inlined where they
 * are called: they may be SQL that names no table.
 */
export async function looseFunctions(session: Queryable, book: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select f.signature as name
     from (
       select ${SIGNATURE} as signature, p.*, l.lanname, n.nspname
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
       where n.nspname = $1
     ) as f
     where f.signature = any ($2)
       and not coalesce('search_path=' || quote_ident(f.nspname) || ', pg_temp' = any (f.proconfig), false)
       and (f.prosecdef or f.lanname <> 'sql' or f.prosrc ~ ('\\m(from|join|into|update|table)\\s+(' || array_to_string($3::text[], '|') || ')\\M'))
     order by 1`,
    [book, FUNCTIONS.map(({ name }) => name), RELATIONS],
  );
  return rows.map(({ name }) => name);
}
