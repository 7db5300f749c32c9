import { bookName, type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { inTransaction } from './application.js';
import { VERSIONS, type Version } from './files.js';
import { alone, migrate, requireOurs } from './migrate.js';
import {
  FUNCTIONS,
  HISTORY,
  MATERIALIZED_VIEWS,
  ROW_FUNCTIONS,
  TABLES,
  TEMPORARY_FUNCTIONS,
  VIEWS,
} from './objects.js';
import { examine } from './preflight.js';
import { type BookState, recognise } from './recognise.js';

/** Makes a book: a schema of this name with the newest version of the record. */
export async function createBook(database: Database, name: string): Promise<BookState> {
  const book = bookName(name);
  const state = await recognise(database, book);
  if (state.exists) throw new ClaireError('book_exists', { found: `Schema ${book} is there.` });
  return migrate(database, book);
}

interface Dropped {
  /** The schema went too; false where it holds other objects, which were left alone. */
  schema: boolean;
}

/**
 * Drops Claire's own objects of a book and then the schema where nothing else is in it. Nothing of anybody else is
 * touched: where a foreign table or view depends on ours, nothing is dropped and it is named.
 * @throws ClaireError book_missing, book_not_dropped
 */
export async function dropBook(database: Database, name: string): Promise<Dropped> {
  const book = bookName(name);
  return database.transaction(async (t) => {
    const state = await recognise(t, book);
    if (state.applied.length === 0) {
      throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
    }
    if (!state.version || state.unfinished || state.newer) {
      const found = `Book ${book} stands between versions, or at one that is not known here: which objects are Claire's is not sure.`;
      throw new ClaireError('book_not_dropped', { found });
    }
    await dropObjects(t, book, state.version);
    if (book === 'public') return { schema: false };
    await t.query('savepoint empty');
    try {
      await t.query(`drop schema ${identifier(book)}`);
      return { schema: true };
    } catch (error) {
      if (!isDependedOn(error)) throw error;
      await t.query('rollback to savepoint empty');
      return { schema: false };
    }
  });
}

/**
 * Drops Claire's own objects of a book, made by hand or by migrations, whole or half made, and leaves the schema with
 * whatever else is in it. All or nothing: where a new book could not be made in their place, nothing is dropped.
 * @throws ClaireError book_missing, book_not_dropped, schema_unrecognised, schema_newer, right_missing, lock_timed_out
 */
export async function emptyBook(database: Database, book: string): Promise<void> {
  await alone(database, book, {}, (session) =>
    inTransaction(session, async () => {
      // Who waits for an exclusive lock makes everybody behind him wait.
      await session.query(`set local lock_timeout to ${DROP_LOCK_MS}`);
      const state = await recognise(session, book);
      requireOurs(state);
      if (!state.version) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
      const { refusals } = await examine(session, book, state, { to: state.version });
      const [refused] = refusals;
      if (refused) throw new ClaireError(refused.code, { found: refused.found });
      // What is half made of the next version is ours: a foreign object under its name would have been in the way.
      const isHalfMade = state.unfinished || state.pieces !== undefined;
      const next = VERSIONS[VERSIONS.indexOf(state.version) + 1];
      await dropObjects(session, book, (isHalfMade && next) || state.version);
      requireOurs(await recognise(session, book));
    }),
  );
}

const DROP_LOCK_MS = 2000;

async function dropObjects(t: Queryable, book: string, version: Version): Promise<void> {
  try {
    for (const statement of dropStatements(book, version)) await t.query(statement);
  } catch (error) {
    if (!isDependedOn(error)) throw error;
    const detail = ((error as ClaireError).cause as { detail?: string }).detail;
    throw new ClaireError('book_not_dropped', { found: detail ?? (error as Error).message, cause: error });
  }
}

const isDependedOn = (error: unknown): boolean =>
  error instanceof ClaireError && error.details?.sqlstate === '2BP01';

function dropStatements(book: string, version: Version): string[] {
  const schema = identifier(book);
  const present = (named: readonly { name: string; since: Version }[]) =>
    named.filter(({ since }) => VERSIONS.indexOf(since) <= VERSIONS.indexOf(version));
  return [
    ...present(MATERIALIZED_VIEWS).map(({ name }) => `drop materialized view if exists ${schema}.${name}`),
    ...present(VIEWS).map(({ name }) => `drop view if exists ${schema}.${name}`),
    ...present(ROW_FUNCTIONS).map(({ name }) => dropFunction(schema, name)),
    ...[...present(TABLES), { name: HISTORY }].map(({ name }) => `drop table if exists ${schema}.${name}`),
    ...[
      ...present(FUNCTIONS)
        .filter((named) => !ROW_FUNCTIONS.includes(named))
        .map(({ name }) => name),
      ...TEMPORARY_FUNCTIONS,
    ].map((signature) => dropFunction(schema, signature)),
  ];
}

/** The rows of tables among its arguments are types of the schema. */
function dropFunction(schema: string, signature: string): string {
  const [name, types] = signature.split('(') as [string, string];
  const qualified = types.replace(/\w+(?=[,)[])/g, (type) =>
    TABLES.some((table) => table.name === type) ? `${schema}.${type}` : type,
  );
  return `drop function if exists ${schema}.${name}(${qualified}`;
}
