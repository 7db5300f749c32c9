import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, literal, type Queryable } from '../database/index.js';
import { sqlDirectory } from '../schema/index.js';

/** The schema of statistics, shared by all books of a database. */
const SCHEMA = 'claire_system';
const EXTENSION = 'pg_stat_statements';

/**
 * Makes the schema of statistics where it is missing, or was made by another version of this program: then what it holds
 * goes. Gives whether it made it. Where another session is at it, nothing happens.
 * @throws ClaireError right_missing where the login may not make a schema
 */
export async function ensureStatistics(database: Database): Promise<boolean> {
  const text = await readFile(join(sqlDirectory('system'), 'statistics.sql'), 'utf8');
  const version = `Statistics of Claire, ${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
  if (await stands(database, version)) return false;
  return database.transaction(async (t) => {
    const [row] = await t.query<{ alone: boolean }>(
      "select pg_try_advisory_xact_lock(hashtextextended('claire statistics', 0)) as alone",
    );
    if (!row!.alone || (await stands(t, version))) return false;
    // What it drops may not be there yet.
    await t.query('set local client_min_messages to warning');
    await t.query(text);
    await t.query(`comment on schema ${SCHEMA} is ${literal(version)}`);
    await addExtension(t);
    return true;
  });
}

async function stands(on: Queryable, version: string): Promise<boolean> {
  const [row] = await on.query<{ version: string | null }>(
    `select obj_description(oid, 'pg_namespace') as version from pg_namespace where nspname = $1`,
    [SCHEMA],
  );
  return row?.version === version;
}

/**
 * The server's counters of statements, where it counts them and nobody has asked for them here yet. In the schema of statistics:
 * in one of a book its views would be read as the book's.
 */
async function addExtension(t: Queryable): Promise<void> {
  const [row] = await t.query<{ able: boolean | null }>(
    `select exists (select from pg_available_extensions where name = $1 and installed_version is null)
       and $1 = any (string_to_array(replace((
         select setting from pg_settings where name = 'shared_preload_libraries'
       ), ' ', ''), ','))
       and (select rolsuper from pg_roles where rolname = current_user) is true as able`,
    [EXTENSION],
  );
  if (row!.able) await t.query(`create extension if not exists ${EXTENSION} schema ${SCHEMA}`);
}
