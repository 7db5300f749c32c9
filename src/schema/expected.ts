import { randomBytes } from 'node:crypto';
import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type CatalogObject, readCatalog } from './catalog.js';
import { readMigrations, VERSIONS, type Version } from './files.js';

/**
 * What the catalog of a book of this version must hold, in the words of this very server: versions of PostgreSQL write
 * the same definition differently. Makes a scratch book in a transaction that is rolled back.
 * @throws ClaireError right_missing where the login may not make a schema
 */
export async function expectedCatalog(database: Database, version: Version): Promise<CatalogObject[]> {
  return database.session(async (session) => {
    await requireCreate(session);
    // Capitals: no book can have this name.
    const scratch = `CLAIRE_SCRATCH_${randomBytes(8).toString('hex')}`;
    await session.query('begin');
    try {
      await session.query(`create schema ${identifier(scratch)}`);
      await build(session, scratch, version);
      return await readCatalog(session, scratch);
    } finally {
      await session.query('rollback');
    }
  });
}

async function build(session: Queryable, scratch: string, version: Version): Promise<void> {
  await session.query(`set local search_path to ${identifier(scratch)}, pg_temp`);
  for (const migration of await readMigrations()) {
    if (VERSIONS.indexOf(migration.version) > VERSIONS.indexOf(version)) return;
    for (const statement of migration.statements) await session.query(statement);
  }
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
