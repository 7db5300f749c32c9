import { packageVersion } from '../config.js';
import { identifier, type Queryable } from '../database/index.js';
import { recordTables } from '../schema/index.js';
import type { Coding } from './files.js';
import { backupName, type Listed, openDraft } from './repository.js';
import type { Kind, SideFile } from './side-file.js';

/**
 * Levels of gzip where nobody names one. Of rows 3 takes a quarter less time than 6 for a twentieth more room
 * (docs/benchmarks.md). pg_dump compresses by itself.
 */
export const LEVELS: Readonly<Record<Kind, number | false>> = { logical: 3, pg_dump: false, physical: 6 };

/** What a kind of backup is given to write into. */
export interface Writing {
  directory: string;
  coding: Coding;
  onProgress?: ((done: number, total: number | undefined, note: string) => void) | undefined;
}

/** What it says of what it wrote. */
export type Written = Pick<
  SideFile,
  'taken_ms' | 'complete_until_ms' | 'open_from' | 'server' | 'books' | 'files' | 'physical'
>;

export interface CreateOptions {
  backups: string;
  kind: Kind;
  /** The book, or `server` where all of it is backed up. */
  of: string;
  coding: Coding;
  onProgress?: Writing['onProgress'];
}

/** Writes a backup: it has its name when everything of it is on the disk, and nothing of it is left where it fails. */
export async function createBackup(
  { backups, kind, of, coding, onProgress }: CreateOptions,
  write: (writing: Writing) => Promise<Written>,
): Promise<Listed> {
  const begun_ms = Date.now();
  const draft = await openDraft(backups, backupName(of, kind, begun_ms));
  const { name } = draft;
  try {
    const written = await write({ directory: draft.directory, coding, onProgress });
    return await draft.finish({
      ...{ format: 1, name, kind, claire: packageVersion(), begun_ms, ended_ms: Date.now() },
      ...{ gzip: coding.gzip, key: coding.key?.id ?? null },
      ...written,
    });
  } catch (error) {
    await draft.abandon();
    throw error;
  }
}

/** When and where a backup sees what it holds. */
export type Moment = Pick<SideFile, 'server' | 'taken_ms' | 'complete_until_ms' | 'open_from'>;

/**
 * Which server and database it is, and until when all that was recorded is committed now. Asked before the snapshot is
 * taken: who commits between the two is not in the snapshot, and was seen to be open here. When what is prepared, or
 * another's, began is not told: a day is given to it.
 */
async function describeServer(session: Queryable): Promise<Omit<Moment, 'taken_ms' | 'open_from'>> {
  const [row] = await session.query<SideFile['server'] & { complete_until_ms: number }>(
    `select current_setting('server_version') as version,
       current_setting('server_version_num')::int / 10000 as major,
       (select system_identifier::text from pg_control_system()) as system_identifier,
       current_database()::text as database,
       (select reset_val from pg_settings where name = 'TimeZone') as time_zone,
       floor(extract(epoch from least(now(), (select min(prepared) - interval '1 day' from pg_prepared_xacts), (
         select case when bool_or(query = '<insufficient privilege>') then now() - interval '1 day'
           else min(xact_start) end
         from pg_stat_activity where datid = (select oid from pg_database where datname = current_database())
           and pid <> pg_backend_pid()
       ))) * 1000)::bigint as complete_until_ms`,
  );
  const { complete_until_ms, ...server } = row!;
  return { complete_until_ms, server };
}

/**
 * Work on a session that sees one moment of these books, which others can be given to see as well. Their tables are held
 * from before it: what is truncated or written anew meanwhile, by a restore or a migration, looks empty to an older
 * snapshot, and would be backed up so.
 */
export async function atOneMoment<T>(
  session: Queryable,
  books: readonly string[],
  work: (moment: Moment, snapshot: string) => Promise<T>,
): Promise<T> {
  const described = await describeServer(session);
  const held = await tablesOf(session, books);
  await session.query('begin isolation level repeatable read read only');
  try {
    // Takes no snapshot.
    if (held.length > 0) await session.query(`lock table ${held.join(', ')} in access share mode`);
    const [row] = await session.query<{ snapshot: string; taken_ms: number; open_from: string }>(
      `select pg_export_snapshot() as snapshot, pg_snapshot_xmin(pg_current_snapshot())::text as open_from,
         floor(extract(epoch from statement_timestamp()) * 1000)::bigint as taken_ms`,
    );
    const { snapshot, ...moment } = row!;
    return await work({ ...described, ...moment }, snapshot);
  } finally {
    await session.query('rollback').catch(() => {});
  }
}

async function tablesOf(session: Queryable, books: readonly string[]): Promise<string[]> {
  const found = await session.query<{ book: string; table: string }>(
    `select n.nspname::text as book, c.relname::text as table
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = any ($1) and c.relkind in ('r', 'p') and c.relname = any ($2) order by c.oid`,
    [books, recordTables('all')],
  );
  return found.map(({ book, table }) => `${identifier(book)}.${identifier(table)}`);
}

/** The same moment, seen from another session. */
export async function alsoAt<T>(session: Queryable, snapshot: string, work: () => Promise<T>): Promise<T> {
  await session.query('begin isolation level repeatable read read only');
  try {
    await session.query(`set transaction snapshot '${snapshot.replace(/[^0-9A-F-]/gi, '')}'`);
    return await work();
  } finally {
    await session.query('rollback').catch(() => {});
  }
}

/** SQL: rows of a table with these columns, as they are copied. */
export const copyOutText = (book: string, table: string, columns: readonly { name: string }[]): string =>
  `copy ${identifier(book)}.${identifier(table)} (${columns.map(({ name }) => identifier(name)).join(', ')}) to stdout`;
