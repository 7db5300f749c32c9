import { identifier, type Queryable } from '../database/index.js';

/** What is to be known of a table before it is vacuumed. */
export interface TableState {
  pages: number;
  /** Rows by the last count, which may be old; -1 where it was never counted. */
  rows: number;
  /** PostgreSQL 15 and 16 let nobody but the owner vacuum; asked all the same the server would warn in its log. */
  able: boolean;
}

/** Of a table of a book, for the login of the session. */
export async function tableState(session: Queryable, book: string, table: string): Promise<TableState> {
  const [row] = await session.query<TableState>(
    `select pg_relation_size(oid) / current_setting('block_size')::int as pages, reltuples::bigint as rows,
       case when current_setting('server_version_num')::int >= 170000 then has_table_privilege(oid, 'maintain')
         else pg_has_role(relowner, 'usage') end as able
     from pg_class where oid = to_regclass($1)`,
    [`${identifier(book)}.${identifier(table)}`],
  );
  return row ?? { pages: 0, rows: 0, able: false };
}

/** Makes room that others left in a table. Shrinking the file is left to autovacuum: it needs a lock that writers wait for. */
export async function vacuum(session: Queryable, book: string, table: string): Promise<void> {
  await session.query(`vacuum (truncate false) ${identifier(book)}.${identifier(table)}`);
}
