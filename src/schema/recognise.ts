import { identifier, type Queryable } from '../database/index.js';
import type { Migration, Version } from './files.js';
import { readMigrations, VERSIONS } from './files.js';
import { FUNCTIONS, HISTORY, MATERIALIZED_VIEWS, TABLES, VIEWS } from './objects.js';

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
  /** Version of the schema, all of whose files are applied; undefined where there is none. */
  version: Version | undefined;
  /** Files of the next version are applied, but not all: a migration was interrupted or failed. */
  unfinished: boolean;
  /** A version that this program does not know. */
  newer: string | undefined;
  applied: AppliedMigration[];
  handMade: boolean;
  pieces?: { version: Version; present: string[]; missing: string[] };
  /** Objects of our names without our history. */
  inTheWay: string[];
}

const RELATIONS = [...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name);
const HISTORY_COLUMNS = ['number', 'name', 'version', 'hash', 'duration_ms'];

/** SQL: whether the table with oid `c.oid` is a history of ours. Others use the name too, with other columns. */
const isHistory = `c.relkind = 'r' and c.relname = '${HISTORY}' and (
  select count(*) from pg_attribute a
  where a.attrelid = c.oid and a.attname = any ('{${HISTORY_COLUMNS.join(',')}}')
) = ${HISTORY_COLUMNS.length}`;

/** Looks at what stands in a book, changing nothing. */
export async function recognise(database: Queryable, book: string): Promise<BookState> {
  const [found] = await database.query<{ exists: boolean; history: boolean; ours: string[] }>(
    `select
       exists (select from pg_namespace where nspname = $1) as exists,
       exists (select from pg_class c where c.relnamespace = n.oid and ${isHistory}) as history,
       array(select c.relname::text from pg_class c where c.relnamespace = n.oid and c.relname = any ($2) order by 1)
       || array(
         select signature from unnest($3::text[]) as signature
         where to_regprocedure(format('%I.%s', $1::text, signature)) is not null
       ) as ours
     from (select to_regnamespace(quote_ident($1)) as oid) as n`,
    [book, [...RELATIONS, HISTORY], FUNCTIONS.map(({ name }) => name)],
  );
  const applied = found?.history
    ? await database.query<AppliedMigration>(
        `select number, name, version, hash from ${identifier(book)}.${HISTORY} order by number`,
      )
    : [];
  const version = versionOf(applied, await readMigrations());
  const newest = applied.at(-1)?.version;
  const isKnown = VERSIONS.some((known) => known === newest);
  return {
    book,
    exists: found?.exists ?? false,
    version,
    unfinished: isKnown && newest !== version,
    newer: newest !== undefined && !isKnown ? newest : undefined,
    applied,
    handMade:
      applied.length === 0 &&
      ['signals', 'orders', 'trades', 'risk_events'].every((x) => found?.ours.includes(x)),
    inTheWay:
      applied.length === 0 &&
      !['signals', 'orders', 'trades', 'risk_events'].every((x) => found?.ours.includes(x))
        ? (found?.ours ?? []).filter((name) => name !== HISTORY || !found?.history)
        : [],
  };
}

/** The newest version of which no file is missing. */
function versionOf(
  applied: readonly AppliedMigration[],
  migrations: readonly Migration[],
): Version | undefined {
  return VERSIONS.findLast((version) => {
    const last = migrations.findLast((migration) => migration.version === version);
    return last !== undefined && applied.length >= last.number;
  });
}

/** The books of a database that this login may look into: every schema with a history of ours. */
export async function listBooks(database: Queryable): Promise<BookState[]> {
  const names = await database.query<{ name: string }>(
    `select n.nspname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where ${isHistory} and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
     order by 1`,
  );
  return Promise.all(names.map(({ name }) => recognise(database, name)));
}
export const describeState = (s: BookState) => `Book ${s.book} stands at ${s.version}.`;
export const listHandMade = async (_: Queryable): Promise<string[]> => [];
