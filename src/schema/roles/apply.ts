import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Database,
  identifier,
  LOGIN_ROLES,
  literal,
  OWNER,
  type Queryable,
  ROLES,
  type Role,
  roleName,
  scramVerifier,
} from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { inTransaction } from '../application.js';
import { describeState } from '../describe.js';
import { LATEST_VERSION } from '../files.js';
import { alone } from '../migrate.js';
import { recognise } from '../recognise.js';
import { readGround } from './cells.js';
import { makeExact } from './grants.js';
import { ACT_AS, ownerOfView, ownershipStatements } from './owner.js';
import { type RolePasswords, type RoleState, type RolesState, rolesOf, spoiledBy } from './state.js';

export interface ApplyRolesOptions {
  /** Clear passwords to set; the server is given their SCRAM verifiers only. A login without one keeps its own, or none. */
  passwords?: RolePasswords;
}

/** How often the whole is tried: roles are of the whole server, and somebody else may change them for another database. */
const ATTEMPTS = 10;
const LOCK_MS = 2000;
const PATIENCE_MS = 60_000;

/**
 * Makes the roles of a book what the table of rights says: creates what is missing, sets limits and settings, gives the
 * book to its owner role and makes the rights exact. One transaction; run again it changes nothing. Takes rights from
 * Claire's roles and from PUBLIC on Claire's objects only.
 * @throws ClaireError book_missing, schema_outdated, right_missing, lock_timed_out, migration_busy
 */
export async function applyRoles(
  database: Database,
  book: string,
  { passwords = {} }: ApplyRolesOptions = {},
): Promise<RolesState> {
  return alone(database, book, { patience: PATIENCE_MS }, async (session) => {
    await requireNewest(session, book);
    for (let attempt = 1; ; attempt++) {
      try {
        let created: string[] = [];
        await inTransaction(session, async () => {
          await session.query(`set local lock_timeout to ${LOCK_MS}`);
          created = await bring(session, book, passwords);
        });
        return { ...(await rolesOf(session, book)), created };
      } catch (error) {
        if (attempt === ATTEMPTS || !isMeeting(error)) throw error;
        await sleep(attempt * 50 * (0.5 + Math.random()));
      }
    }
  });
}

async function requireNewest(session: Queryable, book: string): Promise<void> {
  const state = await recognise(session, book);
  if (state.version === LATEST_VERSION && !state.handMade) return;
  if (state.version === undefined) {
    throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  }
  throw new ClaireError('schema_outdated', { found: describeState(state) });
}

/** Two at once on one role: the catalog row was changed (XX000), or the role was made (42710, 23505) by the other one. */
function isMeeting(error: unknown): boolean {
  if (!(error instanceof ClaireError)) return false;
  const state = error.details?.sqlstate;
  if (state === 'XX000') return /tuple concurrently/i.test(error.message);
  return (
    ['42710', '23505'].includes(String(state)) ||
    ['lock_timed_out', 'transaction_conflict'].includes(error.code)
  );
}

async function bring(session: Queryable, book: string, passwords: RolePasswords): Promise<string[]> {
  const run = (sql: string, shown = sql) => saying(session, sql, shown);
  const { roles, database } = await rolesOf(session, book);
  const me = await currentUser(session);
  const missing = roles.filter(({ exists }) => !exists);
  if (missing.length > 0 && !me.superuser && !me.createrole) {
    const names = missing.map(({ name }) => name).join(', ');
    throw new ClaireError('right_missing', {
      found: `${me.name} has no CREATEROLE, and these roles are not there: ${names}.`,
    });
  }
  for (const state of roles) {
    // No right binds a superuser, and it is somebody's on purpose: left as it is, and told by protectionMissing.
    if (state.superuser) continue;
    for (const sql of attributes(state, database, state.name === me.name && !me.superuser)) await run(sql);
  }
  for (const role of LOGIN_ROLES) {
    const clear = passwords[role];
    if (clear === undefined) continue;
    const alter = `alter role ${identifier(roleName(role, book))} password `;
    await run(alter + literal(scramVerifier(clear)), `${alter}'…'`);
  }
  await bringMembers(session, book, me, run);
  const owner = roleName(OWNER, book);
  const view = await ownerOfView(session, book, owner);
  for (const sql of ownershipStatements(await readGround(session, book), owner, view, me.superuser))
    await run(sql);
  await bringDatabase(session, book, database, run);
  await makeExact(session, book, run);
  return missing.map(({ name }) => name);
}

type Run = (sql: string) => Promise<unknown>;

/** Names the statement that a right was missing for: the server names the object only. */
async function saying(session: Queryable, sql: string, shown: string): Promise<unknown> {
  try {
    return await session.query(sql);
  } catch (error) {
    if (!(error instanceof ClaireError && error.code === 'right_missing')) throw error;
    const said = (error.cause as Error | undefined)?.message ?? error.message;
    throw new ClaireError('right_missing', { found: `${shown}: ${said}.`, cause: error });
  }
}

interface Me {
  name: string;
  superuser: boolean;
  createrole: boolean;
}

async function currentUser(session: Queryable): Promise<Me> {
  const [me] = await session.query<Me>(
    `select rolname::text as name, rolsuper as superuser, rolcreaterole as createrole
     from pg_roles where rolname = current_user`,
  );
  return me!;
}

/** What makes a role what it should be; none where it is. Its own limit PostgreSQL lets nobody change from 16 on. */
function attributes(state: RoleState, database: string, isOwn: boolean): string[] {
  const { role, exists, login, connection_limit, expected_limit, settings, expected_settings } = state;
  const name = identifier(state.name);
  if (role === OWNER) return exists ? [] : [`create role ${name} nologin`];
  const statements: string[] = [];
  if (!exists) statements.push(`create role ${name} login connection limit ${expected_limit}`);
  else if (!isOwn && (!login || connection_limit !== expected_limit)) {
    statements.push(`alter role ${name} login connection limit ${expected_limit}`);
  }
  for (const setting of expected_settings.filter((one) => !settings.includes(one))) {
    const [key, value] = setting.split('=') as [string, string];
    // The path is of this database: in another one the book may not be there.
    const where = key === 'search_path' ? ` in database ${identifier(database)}` : '';
    statements.push(
      `alter role ${name}${where} set ${key} = ${key === 'search_path' ? value : literal(value)}`,
    );
  }
  for (const setting of spoiledBy(settings)) {
    const key = setting.slice(0, setting.indexOf('='));
    statements.push(`alter role ${name} reset ${key}`);
    statements.push(`alter role ${name} in database ${identifier(database)} reset ${key}`);
  }
  return statements;
}

/**
 * The owner may do what the seed's login may, so that the view that this one owns can be replaced and refreshed; no other
 * role of Claire's is in another. Who applies roles and is no superuser must be in the owner, to give it the book.
 */
async function bringMembers(session: Queryable, book: string, me: Me, run: Run): Promise<void> {
  const owner = roleName(OWNER, book);
  const claire = roleName('claire', book);
  const [state] = await session.query<{ lent: boolean; able: boolean; lendable: boolean }>(
    `select pg_has_role($1::name, $2::name, 'usage') as lent, pg_has_role($1::name, ${ACT_AS}) as able,
       -- A superuser in it would make every function of the owner a superuser's. Where it is in the owner itself, as one
       -- that made the roles is, PostgreSQL refuses the ring.
       not rolsuper and rolname <> current_user and not pg_has_role($2::name, $1::name, 'member') as lendable
     from pg_roles where rolname = $2`,
    [owner, claire],
  );
  if (state!.lendable && !state!.lent) await run(`grant ${identifier(claire)} to ${identifier(owner)}`);
  if (!me.superuser && !state!.able) await run(`grant ${identifier(owner)} to ${identifier(me.name)}`);
  for (const { role, member, grantor, major } of await strangers(session, book)) {
    const by = major >= 16 ? ` granted by ${identifier(grantor)}` : '';
    await run(`revoke ${identifier(role)} from ${identifier(member)}${by}`);
  }
}

interface Membership {
  role: string;
  member: string;
  grantor: string;
  major: number;
}

/** Roles of Claire's in others of Claire's that should not be there, one of the two being of this book. */
async function strangers(session: Queryable, book: string): Promise<Membership[]> {
  const { roles } = await readGround(session, book);
  const members = await session.query<Membership>(
    `select r.rolname::text as role, x.rolname::text as member, g.rolname::text as grantor,
       current_setting('server_version_num')::int / 10000 as major
     from pg_auth_members as m
     join pg_roles as r on r.oid = m.roleid
     join pg_roles as x on x.oid = m.member
     join pg_roles as g on g.oid = m.grantor
     where r.rolname = any ($1) and x.rolname = any ($1) and not x.rolsuper and x.rolname <> current_user`,
    [[...roles.keys()]],
  );
  return members.filter(({ role, member }) => {
    const [of, by] = [roles.get(role)!, roles.get(member)!];
    const isDocumented = of.role === 'claire' && by.role === OWNER && of.book === by.book;
    return !isDocumented && (of.book === book || by.book === book);
  });
}

/** Where everybody's rights on the database were taken, ours need their own: to connect, and to refresh the view. */
async function bringDatabase(session: Queryable, book: string, database: string, run: Run): Promise<void> {
  const names = ROLES.map((role) => ({ role, name: roleName(role, book) }));
  const lacking = async (right: 'connect' | 'temporary', roles: readonly Role[]) => {
    const wanted = names.filter(({ role }) => roles.includes(role)).map(({ name }) => name);
    const rows = await session.query<{ name: string }>(
      `select name from unnest($1::text[]) as name where not has_database_privilege(name, current_database(), $2)`,
      [wanted, right],
    );
    return rows.map(
      ({ name }) => `grant ${right} on database ${identifier(database)} to ${identifier(name)}`,
    );
  };
  for (const sql of await lacking('connect', LOGIN_ROLES)) await run(sql);
  for (const sql of await lacking('temporary', [OWNER, 'claire'])) await run(sql);
}
