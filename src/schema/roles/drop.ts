import { type Database, identifier, type Queryable, ROLES, roleName } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';

export interface DroppedRoles {
  dropped: string[];
  /** Roles that are there still, and why. */
  left: { name: string; because: string }[];
}

/**
 * Drops the roles of a book that has been dropped. One that has anything else, here or in another database of the server,
 * that somebody is logged in as, or that this login may not drop, is left and named.
 */
export async function dropRoles(database: Database, book: string): Promise<DroppedRoles> {
  return database.transaction(async (t) => {
    const result: DroppedRoles = { dropped: [], left: [] };
    // The owner is in the seed's login, and goes first.
    for (const role of ROLES) {
      const name = roleName(role, book);
      const because = await reasonToLeave(t, name);
      if (because === undefined) continue;
      const problem = because ?? (await drop(t, book, name));
      if (problem === null) result.dropped.push(name);
      else result.left.push({ name, because: problem });
    }
    return result;
  });
}

/** Undefined where there is no such role, null where nothing is known against dropping it. */
async function reasonToLeave(t: Queryable, name: string): Promise<string | null | undefined> {
  const [row] = await t.query<{ superuser: boolean; sessions: number }>(
    `select rolsuper as superuser,
       (select count(*) from pg_stat_activity where usesysid = r.oid and backend_type = 'client backend')::int as sessions
     from pg_roles as r where rolname = $1`,
    [name],
  );
  if (!row) return undefined;
  if (row.superuser) return 'it is a superuser, which Claire makes none of';
  return row.sessions > 0 ? `${row.sessions} sessions are logged in as it` : null;
}

async function drop(t: Queryable, book: string, name: string): Promise<string | null> {
  const role = identifier(name);
  await t.query('savepoint one');
  try {
    const [here] = await t.query<{ database: string; exists: boolean }>(
      `select current_database()::text as database, to_regnamespace(quote_ident($1)) is not null as exists`,
      [book],
    );
    await t.query(`revoke all on database ${identifier(here!.database)} from ${role}`);
    if (here!.exists) await t.query(`revoke all on schema ${identifier(book)} from ${role}`);
    await t.query(`drop role ${role}`);
    return null;
  } catch (error) {
    await t.query('rollback to savepoint one');
    if (!(error instanceof ClaireError)) throw error;
    const { detail, message } = error.cause as Error & { detail?: string };
    return detail ?? message;
  }
}
