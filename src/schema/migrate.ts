import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { LATEST_VERSION, type Migration, readMigrations, VERSIONS, type Version } from './files.js';
import { applyGrants } from './grants.js';
import { type BookState, recognise } from './recognise.js';

export interface MigrateOptions {
  /** Version to stop at. Default: the newest. */
  to?: Version;
  /** Told of each file before it runs. */
  onStep?: (migration: Migration, at: number, of: number) => void;
  /** How long to wait for another migrator of the same book, in milliseconds. */
  patience?: number;
}

/**
 * Brings a book to a version, making it where it does not exist. Runs twice without harm; interrupted anywhere, it is
 * run again and goes on. Two at once: the second waits and then has nothing to do.
 * @throws ClaireError schema_newer, schema_unrecognised, migration_edited, migration_backward, migration_busy
 */
export async function migrate(
  database: Database,
  book: string,
  options: MigrateOptions = {},
): Promise<BookState> {
  const migrations = await readMigrations();
  const to = options.to ?? LATEST_VERSION;
  await requireServer(database);
  return database.session(async (session) => {
    const key = `claire migrate ${book}`;
    await lock(session, key, options.patience ?? 60_000);
    try {
      const state = await recognise(session, book);
      const pending = pendingMigrations(state, migrations, to);
      // A login that may not make a schema may still find that there is nothing to do.
      if (pending.length > 0) await prepare(session, book);
      for (const [at, migration] of pending.entries()) {
        options.onStep?.(migration, at + 1, pending.length);
        // With the last file, so that nobody meets a version that he may not read.
        const grants = migration === migrations.at(-1) ? () => applyGrants(session, book) : async () => {};
        await apply(session, book, migration, grants);
      }
      if (state.version === LATEST_VERSION) await applyGrants(session, book);
      return await recognise(session, book);
    } finally {
      await session.query('reset search_path').catch(() => {});
      await session.query(`select pg_advisory_unlock(hashtextextended($1, 0))`, [key]).catch(() => {});
    }
  });
}

/** What is still to be applied, after the history was held against the files. */
export function pendingMigrations(state: BookState, migrations: Migration[], to: Version): Migration[] {
  if (state.newer) {
    throw new ClaireError('schema_newer', {
      found: `Book ${state.book} stands at ${state.newer}, this program knows up to ${LATEST_VERSION}.`,
    });
  }
  if (state.inTheWay.length > 0) {
    throw new ClaireError('schema_unrecognised', {
      found: `In schema ${state.book}: ${state.inTheWay.join(', ')}.`,
    });
  }
  for (const [at, applied] of state.applied.entries()) {
    const file = migrations[at];
    if (file?.number !== applied.number || file.hash !== applied.hash) {
      throw new ClaireError('migration_edited', {
        found: `Book ${state.book} has ${applied.name} (${applied.hash.slice(0, 12)}), here it is ${file?.name} (${file?.hash.slice(0, 12)}).`,
      });
    }
  }
  const newest = state.applied.at(-1)?.version;
  if (VERSIONS.some((version, at) => version === newest && at > VERSIONS.indexOf(to))) {
    const where = state.unfinished ? `is on its way from ${state.version ?? 'nothing'} to` : 'stands at';
    throw new ClaireError('migration_backward', {
      found: `Book ${state.book} ${where} ${newest}; ${to} was asked for.`,
    });
  }
  return migrations
    .slice(state.applied.length)
    .filter((m) => VERSIONS.indexOf(m.version) <= VERSIONS.indexOf(to));
}

async function requireServer(database: Queryable): Promise<void> {
  const [row] = await database.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  const major = Math.floor(Number(row?.version) / 10_000);
  if (major < 15) throw new ClaireError('server_too_old', { found: `This server is ${major}.` });
}

/** Polls: a blocking lock would deadlock with another migrator's CREATE INDEX CONCURRENTLY. */
async function lock(session: Queryable, key: string, patience: number): Promise<void> {
  const until = Date.now() + patience;
  for (;;) {
    const [row] = await session.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(hashtextextended($1, 0)) as locked`,
      [key],
    );
    if (row?.locked) return;
    if (Date.now() > until) throw new ClaireError('migration_busy', { found: `Waited ${patience} ms.` });
    await sleep(100);
  }
}

async function prepare(session: Queryable, book: string): Promise<void> {
  const schema = identifier(book);
  await session.query(`create schema if not exists ${schema}`);
  await session.query(
    `create table if not exists ${schema}.schema_migrations (
       number integer primary key,
       name text not null,
       version text not null,
       hash text not null,
       duration_ms integer not null,
       applied_at timestamp not null default timezone('UTC', now())
     )`,
  );
}

async function apply(
  session: Queryable,
  book: string,
  migration: Migration,
  grants: () => Promise<void>,
): Promise<void> {
  const begun = Date.now();
  const schema = identifier(book);
  const local = migration.transaction ? 'local ' : '';
  if (migration.transaction) await session.query('begin');
  try {
    // Functions keep this path (set search_path from current); pg_temp last, so that no temporary table shadows ours.
    await session.query(`set ${local}search_path to ${schema}, pg_temp`);
    for (const statement of migration.statements) await session.query(statement);
    await session.query(
      `insert into ${schema}.schema_migrations (number, name, version, hash, duration_ms) values ($1, $2, $3, $4, $5)`,
      [migration.number, migration.name, migration.version, migration.hash, Date.now() - begun],
    );
    await grants();
    if (migration.transaction) await session.query('commit');
  } catch (error) {
    if (migration.transaction) await session.query('rollback').catch(() => {});
    throw error;
  }
}
