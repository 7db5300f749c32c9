import { identifier, type Queryable } from '../database/index.js';
import type { Migration, Version } from './files.js';
import { readMigrations, VERSIONS } from './files.js';
import { lookByHand, type Pieces } from './hand-made.js';
import { HISTORY } from './objects.js';
import { SEED_TABLES } from './seed-tables.js';

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
  /**
   * With a history: the newest version all of whose files are applied. Without: the newest all of whose pieces stand.
   * Undefined where there is none.
   */
  version: Version | undefined;
  /** Files of the next version are applied, but not all: a migration was interrupted or failed. */
  unfinished: boolean;
  /** A version that this program does not know. */
  newer: string | undefined;
  applied: AppliedMigration[];
  /** The tables of the seed stand here without a history of ours: somebody ran the seed's SQL. */
  handMade: boolean;
  /** Of a book made by hand, where the next version was begun: what of it is there, and what is not. */
  pieces: Pieces | undefined;
  /** What stands under our names, without our history, and is not ours; or is not as it must be. */
  inTheWay: string[];
}

const HISTORY_COLUMNS = ['number', 'name', 'version', 'hash', 'duration_ms'];

/** SQL: whether the table with oid `c.oid` is a history of ours. Others use the name too, with other columns. */
const isHistory = `c.relkind = 'r' and c.relname = '${HISTORY}' and (
  select count(*) from pg_attribute a
  where a.attrelid = c.oid and a.attname = any ('{${HISTORY_COLUMNS.join(',')}}')
) = ${HISTORY_COLUMNS.length}`;

/** Looks at what stands in a book, changing nothing. Two questions to the server where there is a history. */
export async function recognise(database: Queryable, book: string): Promise<BookState> {
  const [found] = await database.query<{ exists: boolean; history: boolean }>(
    `select
       n.oid is not null as exists,
       exists (select from pg_class c where c.relnamespace = n.oid and ${isHistory}) as history
     from (select to_regnamespace(quote_ident($1)) as oid) as n`,
    [book],
  );
  const history = found?.history ?? false;
  const applied = history
    ? await database.query<AppliedMigration>(
        `select number, name, version, hash from ${identifier(book)}.${HISTORY} order by number`,
      )
    : [];
  const exists = found?.exists ?? false;
  const empty = { book, exists, unfinished: false, newer: undefined, applied };
  // A history without a row is that of a migration which was killed before its first file: the catalog tells more.
  if (applied.length === 0) {
    return exists
      ? { ...empty, ...(await lookByHand(database, book, history)) }
      : { ...empty, version: undefined, handMade: false, pieces: undefined, inTheWay: [] };
  }
  const version = versionOf(applied, await readMigrations());
  const newest = applied.at(-1)?.version;
  const isKnown = VERSIONS.some((known) => known === newest);
  return {
    ...empty,
    version,
    unfinished: isKnown && newest !== version,
    newer: isKnown ? undefined : newest,
    handMade: false,
    pieces: undefined,
    inTheWay: [],
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

/** One after the other: `claire up` asks again and again, and each connection is one of the thirty. */
async function recogniseAll(database: Queryable, names: readonly { name: string }[]): Promise<BookState[]> {
  const states: BookState[] = [];
  for (const { name } of names) states.push(await recognise(database, name));
  return states;
}

/** The books of a database that this login may look into: every schema with a history of ours. */
export async function listBooks(database: Queryable): Promise<BookState[]> {
  const names = await database.query<{ name: string }>(
    `select n.nspname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where ${isHistory} and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
     order by 1`,
  );
  return recogniseAll(database, names);
}

/** The schemas with tables of all four names of the seed and no history of ours; `handMade` says whether they are its. */
export async function listHandMade(database: Queryable): Promise<BookState[]> {
  const names = await database.query<{ name: string }>(
    `select n.nspname as name
     from pg_namespace n
     where (
       select count(*) from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and c.relname = any ($1)
     ) = $2
       and not exists (select from pg_class c where c.relnamespace = n.oid and ${isHistory})
       and has_schema_privilege(n.oid, 'usage')
     order by 1`,
    [SEED_TABLES, SEED_TABLES.length],
  );
  return recogniseAll(database, names);
}
