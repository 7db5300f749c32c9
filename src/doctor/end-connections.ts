import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

/** A session that has been idle for long. */
export interface IdleConnection {
  pid: number;
  role: string;
  application: string;
  in_transaction: boolean;
  idle_seconds: number;
}

/** A session that stays, and why. */
export interface LeftConnection extends IdleConnection {
  reason: 'no_right' | 'holds_a_lock' | 'gone';
}

export interface IdleOptions {
  idleForSeconds: number;
  /** Also those that are idle in a transaction, which is rolled back. */
  inTransaction: boolean;
  /** Sessions of whoever asks. */
  except: readonly number[];
}

/** As found: `backend_start` tells a session from the next one that gets its number. */
interface Found extends IdleConnection {
  started: string;
  may_end: boolean;
  holds_lock: boolean;
}

const MAY_END = `me.rolsuper or (not r.rolsuper and
      (pg_has_role(r.oid, 'usage') or pg_has_role('pg_signal_backend', 'usage'))) as may_end`;
const HOLDS_LOCK = `exists (
      select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted
    ) as holds_lock`;

/**
 * Sessions of clients of this database; those of workers and of replication have another kind. Who holds an advisory lock
 * is at work, however quietly: a migration, the upkeep, a command on the embedded server.
 */
const IDLE = `
  select a.pid, a.usename as role, a.application_name as application, a.state <> 'idle' as in_transaction,
    extract(epoch from clock_timestamp() - a.state_change)::float8 as idle_seconds,
    a.backend_start::text as started,
    ${MAY_END},
    ${HOLDS_LOCK}
  from pg_stat_activity a
  join pg_roles r on r.oid = a.usesysid
  join pg_roles me on me.rolname = current_user
  where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
    and (a.state = 'idle' or ($2 and a.state like 'idle in transaction%'))
    and a.state_change <= clock_timestamp() - make_interval(secs => $1) and a.pid <> all ($3::int[])
  order by a.state_change`;

/** What `endIdle` would end, and what it would leave. */
export async function findIdle(
  database: Queryable,
  options: IdleOptions,
): Promise<{ found: readonly Found[]; left: LeftConnection[] }> {
  const all = await look(database, options);
  const isFound = ({ may_end, holds_lock }: Found) => may_end && !holds_lock;
  return {
    found: all.filter(isFound),
    left: all
      .filter((each) => !isFound(each))
      .map((each) => leftFor(each, each.may_end ? 'holds_a_lock' : 'no_right')),
  };
}

/** Ends those that `findIdle` found and that are idle still. */
export async function endIdle(
  database: Queryable,
  options: IdleOptions,
  found: readonly Found[],
): Promise<{ ended: IdleConnection[]; left: LeftConnection[] }> {
  const ended: IdleConnection[] = [];
  const left: LeftConnection[] = [];
  for (const each of found) {
    const outcome = await end(database, options, each);
    if (outcome === 'ended') ended.push(shown(each));
    else left.push(leftFor(each, outcome));
  }
  return { ended, left };
}

const look = (
  database: Queryable,
  { idleForSeconds, inTransaction, except }: IdleOptions,
): Promise<Found[]> => database.query<Found>(IDLE, [idleForSeconds, inTransaction, except]);

async function end(
  database: Queryable,
  options: IdleOptions,
  { pid, started }: Found,
): Promise<'ended' | LeftConnection['reason']> {
  try {
    const [row] = await database.query<{ ended: boolean }>(
      `select pg_terminate_backend(pid, 5000) as ended from (${IDLE}) as idle
       where pid = $4 and started = $5 and not holds_lock`,
      [options.idleForSeconds, options.inTransaction, options.except, pid, started],
    );
    return row?.ended ? 'ended' : 'gone';
  } catch (error) {
    if (error instanceof ClaireError && error.code === 'right_missing') return 'no_right';
    throw error;
  }
}

const shown = ({ pid, role, application, in_transaction, idle_seconds }: Found): IdleConnection => ({
  ...{ pid, role, application, in_transaction, idle_seconds },
});

const leftFor = (found: Found, reason: LeftConnection['reason']): LeftConnection => ({
  ...shown(found),
  reason,
});

/** A session that somebody named by its number. */
export interface NamedConnection {
  pid: number;
  role: string;
  application: string;
  /** Null: this login may not see it. */
  state: string | null;
  state_seconds: number | null;
  /** It is at work, however quietly: a migration, the upkeep, a command. */
  holds_lock: boolean;
}

interface FoundNamed extends NamedConnection {
  /** Null: of none. */
  database: string | null;
  is_here: boolean;
  is_client: boolean;
  started: string;
  may_end: boolean;
}

const NAMED = `
  select a.pid, a.usename as role, a.application_name as application, a.state,
    extract(epoch from clock_timestamp() - a.state_change)::float8 as state_seconds,
    a.datname as database, coalesce(a.datname = current_database(), false) as is_here,
    coalesce(a.backend_type, 'client backend') = 'client backend' as is_client,
    a.backend_start::text as started,
    ${MAY_END},
    ${HOLDS_LOCK}
  from pg_stat_activity a
  join pg_roles r on r.oid = a.usesysid
  join pg_roles me on me.rolname = current_user
  where a.pid = $1`;

/**
 * The session of this number, whatever it does; undefined where there is none.
 * @throws ClaireError input_invalid where it is of another database or no client's
 */
export async function findNamed(database: Queryable, pid: number): Promise<FoundNamed | undefined> {
  const [found] = await database.query<FoundNamed>(NAMED, [pid]);
  if (!found) return undefined;
  if (!found.is_client) {
    throw new ClaireError('input_invalid', {
      found: `Process ${pid} is the server's own, or one of replication.`,
    });
  }
  if (!found.is_here) {
    throw new ClaireError('input_invalid', {
      found: `Session ${pid} is one of database ${found.database}: connect to that one to end it.`,
    });
  }
  return found;
}

/** Ends it, unless the number is another session's by now. */
export async function endNamed(
  database: Queryable,
  { pid, started, may_end }: FoundNamed,
): Promise<'ended' | 'no_right' | 'gone'> {
  if (!may_end) return 'no_right';
  const [row] = await database.query<{ ended: boolean }>(
    `select pg_terminate_backend(pid, 5000) as ended from pg_stat_activity
     where pid = $1 and backend_start::text = $2`,
    [pid, started],
  );
  return row?.ended ? 'ended' : 'gone';
}

/** Gives the database a limit of connections, or takes it away (null). Gives the one before. */
export async function limitDatabase(
  database: Queryable,
  limit: number | null,
): Promise<{ database: string; before: number | null }> {
  const [row] = await database.query<{ name: string; before: number | null }>(
    'select datname as name, nullif(datconnlimit, -1) as before from pg_database where datname = current_database()',
  );
  const { name, before } = row!;
  await database.query(`alter database ${identifier(name)} connection limit ${limit ?? -1}`);
  return { database: name, before };
}
