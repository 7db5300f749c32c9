import {
  type Database,
  identifier,
  LOGIN_ROLES,
  type LoginRole,
  literal,
  profileOf,
  type Queryable,
  roleName,
  scramVerifier,
  secondName,
} from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { inTransaction } from '../application.js';
import { alone } from '../migrate.js';
import { spoiledBy } from './state.js';

const PATIENCE_MS = 60_000;

/*
 * PostgreSQL keeps one password a role, so two can be valid only under two names. Each login role may have a second one, a
 * member of it with the same limit and settings. A rotation gives the one whose password nobody was told a new password,
 * and the other one's ends: by itself at a time, or when it is said. The first then gets a password that only the file
 * holds, so that who reads the file is never refused; the second may not log in until it is needed again.
 */

/** A login that a client of a role may use. */
export interface Credential {
  name: string;
  /** When its password ends; NULL: not by itself. ISO 8601. */
  until: string | null;
  is_over: boolean;
}

export interface Rotation {
  role: LoginRole;
  /** Who has a password that stays. */
  current: Credential;
  /** Who has one that ends; NULL where no rotation is under way. */
  ending: Credential | null;
}

/** Puts what has changed into the password file, before it is committed. Undefined takes a line away. */
export type KeepPasswords = (passwords: Readonly<Record<string, string | undefined>>) => Promise<void>;

interface Login {
  name: string;
  login: boolean;
  until: string | null;
  is_over: boolean;
}

/** @throws ClaireError rotation_refused, where the role is not there */
export async function rotationOf(database: Queryable, book: string, role: LoginRole): Promise<Rotation> {
  const [first, second] = await loginsOf(database, book, role);
  if (!first) {
    throw new ClaireError('rotation_refused', { found: `There is no login ${roleName(role, book)}.` });
  }
  const credential = ({ name, until, is_over }: Login): Credential => ({ name, until, is_over });
  if (!second?.login) {
    return first.until === null
      ? { role, current: credential(first), ending: null }
      : { role, current: credential(second ?? first), ending: credential(first) };
  }
  if (first.until !== null) return { role, current: credential(second), ending: credential(first) };
  if (second.until !== null) return { role, current: credential(first), ending: credential(second) };
  return { role, current: credential(second), ending: null };
}

async function loginsOf(
  database: Queryable,
  book: string,
  role: LoginRole,
): Promise<[Login | undefined, Login | undefined]> {
  const names = [roleName(role, book), secondName(role, book)];
  const rows = await database.query<Login>(
    `select rolname as name, rolcanlogin as login,
       case when isfinite(rolvaliduntil)
         then to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end as until,
       coalesce(rolvaliduntil <= now(), false) as is_over
     from pg_roles where rolname = any ($1)`,
    [names],
  );
  return names.map((name) => rows.find((row) => row.name === name)) as [Login | undefined, Login | undefined];
}

export interface RotateOptions {
  /** The new password; the server gets its verifier only. */
  password: string;
  /** How long the old one stays valid, in milliseconds. */
  keep_ms: number;
  keep: KeepPasswords;
}

/**
 * Makes a new credential of a role; the old one stays valid for a while.
 * @throws ClaireError rotation_refused, right_missing
 */
export async function beginRotation(
  database: Database,
  book: string,
  role: LoginRole,
  { password, keep_ms, keep }: RotateOptions,
): Promise<Rotation> {
  await whole(database, book, async (t) => {
    const { current, ending } = await rotationOf(t, book, role);
    if (ending) {
      const end = ending.is_over ? `ended at ${ending.until}` : `is valid until ${ending.until}`;
      throw new ClaireError('rotation_refused', {
        found: `A rotation of ${roleName(role, book)} is under way: the old password, of ${ending.name}, ${end}.`,
      });
    }
    const [first, second] = [roleName(role, book), secondName(role, book)];
    const next = current.name === first ? second : first;
    if (next === second) await makeSecond(t, book, role);
    const [row] = await t.query<{ until: string }>(`select (now() + $1 * interval '1 ms')::text as until`, [
      keep_ms,
    ]);
    await t.query(
      `alter role ${identifier(next)} login password ${literal(scramVerifier(password))} valid until 'infinity'`,
    );
    await t.query(`alter role ${identifier(current.name)} valid until ${literal(row!.until)}`);
    await keep({ [next]: password });
  });
  return rotationOf(database, book, role);
}

/**
 * Ends the old credential of a rotation. A first login gets `password`, for who reads the file; a second one sleeps.
 * @throws ClaireError rotation_refused, right_missing
 */
export async function endRotation(
  database: Database,
  book: string,
  role: LoginRole,
  { password, keep }: Omit<RotateOptions, 'keep_ms'>,
): Promise<Rotation> {
  await whole(database, book, async (t) => {
    const { ending } = await rotationOf(t, book, role);
    if (!ending) {
      throw new ClaireError('rotation_refused', {
        found: `No rotation of ${roleName(role, book)} is under way.`,
      });
    }
    const name = identifier(ending.name);
    if (ending.name === roleName(role, book)) {
      await t.query(`alter role ${name} password ${literal(scramVerifier(password))} valid until 'infinity'`);
      await keep({ [ending.name]: password });
    } else {
      await t.query(`alter role ${name} nologin password null valid until 'infinity'`);
      await keep({ [ending.name]: undefined });
    }
  });
  return rotationOf(database, book, role);
}

/** The second login is a member of the first one and nothing else; it does not inherit what the server keeps by name. */
async function makeSecond(t: Queryable, book: string, role: LoginRole): Promise<void> {
  const [first, second] = [roleName(role, book), secondName(role, book)];
  const name = identifier(second);
  const [found] = await t.query<{ there: boolean; member: boolean; major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major,
       exists (select from pg_roles where rolname = $2) as there,
       exists (
         select from pg_auth_members where roleid = to_regrole(quote_ident($1)) and member = to_regrole(quote_ident($2))
       ) as member`,
    [first, second],
  );
  if (!found!.there) await t.query(`create role ${name}`);
  // Who has become the first one may give it another password, so the rights are lent and not the name. PostgreSQL 15 knows
  // no such difference. A second login from before gets it too.
  if (found!.major >= 16) await t.query(`grant ${identifier(first)} to ${name} with inherit true, set false`);
  else if (!found!.member) await t.query(`grant ${identifier(first)} to ${name}`);
  const { base, overflow } = profileOf(role);
  await t.query(`alter role ${name} inherit connection limit ${base + overflow}`);
  const settings = await t.query<{ inside: string; name: string; value: string }>(
    `select case when s.setdatabase = 0 then '' else format(' in database %I', current_database()) end as inside,
       split_part(each, '=', 1) as name, substr(each, strpos(each, '=') + 1) as value
     from pg_db_role_setting s join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) as each
     where r.rolname = $1
       and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))`,
    [first],
  );
  for (const { inside, name: setting, value } of settings) {
    if (spoiledBy([`${setting}=`]).length > 0) continue;
    await t.query(`alter role ${name}${inside} set ${setting} = ${literal(value)}`);
  }
}

/** Beside nobody who makes the roles of the book: two that change the same role at once fail in the server. */
async function whole(database: Database, book: string, work: (t: Queryable) => Promise<void>): Promise<void> {
  await alone(database, book, { patience: PATIENCE_MS }, (session) =>
    inTransaction(session, () => work(session)),
  );
}

/** Drops the second logins of a book that has been dropped. They have nothing but what the first ones lent them. */
export async function dropSeconds(database: Queryable, book: string): Promise<void> {
  const names = LOGIN_ROLES.map((role) => secondName(role, book));
  const rows = await database.query<{ name: string }>(
    'select rolname::text as name from pg_roles where rolname = any ($1)',
    [names],
  );
  for (const { name } of rows) await database.query(`drop role ${identifier(name)}`);
}
