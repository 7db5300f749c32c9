import {
  type LoginRole,
  OWNER,
  profileOf,
  type Queryable,
  ROLES,
  type Role,
  roleName,
} from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { cellText, differences, readGround } from './cells.js';

/** A role of a book, as it is and as it should be. */
export interface RoleState {
  role: Role;
  /** As the server knows it, with the book in it. */
  name: string;
  exists: boolean;
  /** May log in. */
  login: boolean;
  /** No right and no limit binds it. */
  superuser: boolean;
  /** Connections that it may have at once; -1 without a limit. */
  connection_limit: number;
  /** What it should be; the owner has none. */
  expected_limit: number;
  /** Settings of the role, in every database and in this one: `search_path=main`. */
  settings: string[];
  /** Those that it should have. */
  expected_settings: string[];
  /** Until when its password is valid, ISO 8601; null for ever. */
  valid_until: string | null;
  /** Documented rights that it has not: `insert on signals`. */
  missing: string[];
  /** Rights on Claire's objects that it has and should not have. */
  beyond: string[];
}

export interface RolesState {
  book: string;
  database: string;
  /** Who owns the schema. */
  owner: string;
  /** Those that were made just now. */
  created: string[];
  roles: RoleState[];
  /** What PUBLIC, and Claire's roles of other books, may do here and should not: `public: execute on function why(text)`. */
  beyond: string[];
}

/** A clear password a login role. */
export type RolePasswords = Partial<Record<LoginRole, string>>;

const TIMES = [
  // Twice what the library says for itself: for clients that are not the library.
  'idle_in_transaction_session_timeout=60s',
  // A client whose line was cut keeps its place among the few of its login until the server notices: by the system's own
  // settings after two hours, by these within the half minute of a checkout.
  ...[
    'tcp_keepalives_idle=10',
    'tcp_keepalives_interval=5',
    'tcp_keepalives_count=3',
    'tcp_user_timeout=25s',
  ],
];

interface Row {
  login: boolean;
  superuser: boolean;
  connection_limit: number;
  settings: string[];
  valid_until: string | null;
}

/**
 * What stands of the roles of a book, read from the catalog: any login may ask.
 * @throws ClaireError book_missing
 */
export async function rolesOf(session: Queryable, book: string): Promise<RolesState> {
  const ground = await readGround(session, book);
  const [place] = await session.query<{ database: string; owner: string; path: string }>(
    `select current_database()::text as database, pg_get_userbyid(nspowner)::text as owner, quote_ident(nspname) as path
     from pg_namespace where nspname = $1`,
    [book],
  );
  if (!place) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  const { missing, beyond } = differences(ground);
  const names = ROLES.map((role) => roleName(role, book));
  const found = await readRoles(session, names);
  const textsOf = (cells: typeof missing, name: string) =>
    cells.filter(({ grantee }) => grantee === name).map(cellText);
  const roles = ROLES.map((role): RoleState => {
    const name = roleName(role, book);
    const row = found.get(name);
    return {
      role,
      name,
      exists: row !== undefined,
      login: row?.login ?? false,
      superuser: row?.superuser ?? false,
      connection_limit: row?.connection_limit ?? -1,
      expected_limit: limitOf(role),
      settings: row?.settings ?? [],
      expected_settings: role === OWNER ? [] : [...TIMES, `search_path=${place.path}`],
      valid_until: row?.valid_until ?? null,
      missing: textsOf(missing, name),
      beyond: textsOf(beyond, name),
    };
  });
  return {
    book,
    database: place.database,
    owner: place.owner,
    created: [],
    roles,
    beyond: beyond
      .filter(({ grantee }) => !names.includes(grantee))
      .map((cell) => `${cell.grantee}: ${cellText(cell)}`),
  };
}

/**
 * What a login, which may change its own settings, can spoil its next connections with: nobody but a person means these
 * for a login of Claire's, and the person would be told.
 */
const SPOILING =
  /^(default_transaction_\w+|statement_timeout|lock_timeout|transaction_timeout|role|(session|local)_preload_libraries)=/;

/** Settings of a role by which it would not work as documented. */
export const spoiledBy = (settings: readonly string[]): string[] =>
  settings.filter((setting) => SPOILING.test(setting));

/** Connections of a login at its peak. */
function limitOf(role: Role): number {
  if (role === OWNER) return -1;
  const { base, overflow } = profileOf(role);
  return base + overflow;
}

async function readRoles(session: Queryable, names: readonly string[]): Promise<Map<string, Row>> {
  const rows = await session.query<Row & { name: string }>(
    `select r.rolname::text as name, r.rolcanlogin as login, r.rolsuper as superuser, r.rolconnlimit as connection_limit,
       array(
         select setting from pg_db_role_setting as s, unnest(s.setconfig) as setting
         where s.setrole = r.oid
           and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
         order by setting
       ) as settings,
       case when isfinite(r.rolvaliduntil)
         then to_char(timezone('UTC', r.rolvaliduntil), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end as valid_until
     from pg_roles as r where r.rolname = any ($1)`,
    [names],
  );
  return new Map(rows.map(({ name, ...row }) => [name, row]));
}
