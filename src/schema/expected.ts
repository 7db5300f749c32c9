import { randomBytes } from 'node:crypto';
import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type CatalogObject, readCatalog } from './catalog.js';
import { readMigrations, VERSIONS, type Version } from './files.js';
import { applyStill } from './migrate.js';

/**
 * What the catalog of a book of this version must hold, in the words of this very server: versions of PostgreSQL write
 * the same definition differently. Makes a scratch book in a transaction that is rolled back.
 * @throws ClaireError right_missing where the login may not make a schema
 */
export async function expectedCatalog(database: Database, version: Version): Promise<CatalogObject[]> {
  return database.session(async (session) => {
    await requireCreate(session);
    await session.query('begin');
    try {
      return await expectedCatalogHere(session, version);
    } finally {
      await session.query('rollback');
    }
  });
}

/** The same in the transaction that the caller has begun and will roll back: the scratch book stands in it until then. */
export async function expectedCatalogHere(session: Queryable, version: Version): Promise<CatalogObject[]> {
  const migrations = await readMigrations();
  // Capitals: no book can have this name.
  const scratch = `CLAIRE_SCRATCH_${randomBytes(8).toString('hex')}`;
  await session.query(`create schema ${identifier(scratch)}`);
  const isPart = (each: Version) => VERSIONS.indexOf(each) <= VERSIONS.indexOf(version);
  await applyStill(
    session,
    scratch,
    migrations.filter((each) => isPart(each.version)),
  );
  return readCatalog(session, scratch);
}

async function requireCreate(session: Queryable): Promise<void> {
  const [row] = await session.query<{ able: boolean; login: string; database: string }>(
    `select has_database_privilege(current_database(), 'create') as able, current_user as login,
       current_database() as database`,
  );
  if (row!.able) return;
  throw new ClaireError('right_missing', {
    found:
      'What is expected is read from a scratch schema, which is rolled back: ' +
      `${row!.login} needs CREATE on database ${row!.database} for it (grant create on database ${identifier(row!.database)} to ${identifier(row!.login)}).`,
  });
}
