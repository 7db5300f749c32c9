import { identifier, type Queryable } from '../database/index.js';
import type { Version } from './files.js';
import { VERSIONS } from './files.js';

/** A row of the history that each book keeps of its own schema. */
export interface AppliedMigration {
  number: number;
  name: string;
  version: string;
  hash: string;
}

export interface BookState {
  book: string;
  /** The schema exists in the database. */
  exists: boolean;
  /** Version of the schema; undefined where nothing of ours is there, or nothing that we know. */
  version: Version | undefined;
  /** A version that this program does not know. */
  newer: string | undefined;
  applied: AppliedMigration[];
  /** Tables of our names without our history. */
  inTheWay: string[];
}

const OURS = ['signals', 'orders', 'trades', 'risk_events', 'positions_realtime'];

/** Looks at what stands in a book, changing nothing. */
export async function recognise(database: Queryable, book: string): Promise<BookState> {
  const [found] = await database.query<{ exists: boolean; history: boolean; ours: string[] }>(
    `select
       exists (select from pg_namespace where nspname = $1) as exists,
       exists (
         select from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = 'schema_migrations'
       ) as history,
       array(
         select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = any ($2) order by 1
       ) as ours`,
    [book, OURS],
  );
  const applied = found?.history
    ? await database.query<AppliedMigration>(
        `select number, name, version, hash from ${identifier(book)}.schema_migrations order by number`,
      )
    : [];
  const last = applied.at(-1)?.version;
  const version = VERSIONS.find((known) => known === last);
  return {
    book,
    exists: found?.exists ?? false,
    version,
    newer: last !== undefined && version === undefined ? last : undefined,
    applied,
    inTheWay: applied.length === 0 ? (found?.ours ?? []) : [],
  };
}

/** The books of a database: every schema with a history of ours. */
export async function listBooks(database: Queryable): Promise<BookState[]> {
  const names = await database.query<{ name: string }>(
    `select n.nspname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'schema_migrations' and c.relkind = 'r'
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'hash')
     order by 1`,
  );
  return Promise.all(names.map(({ name }) => recognise(database, name)));
}
