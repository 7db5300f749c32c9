import {
  BUDGET,
  LOGIN_ROLES,
  type LoginRole,
  loginNames,
  type Profile,
  profileOf,
  type Queryable,
  roleName,
} from '../database/index.js';

/** Sessions of one application under one role. */
export interface ConnectionGroup {
  application: string;
  role: string;
  /** Passes every limit but that of the server, and counts. */
  superuser: boolean;
  connections: number;
  active: number;
  idle: number;
  idle_in_transaction: number;
  /** Since when the oldest of them has been so. */
  longest_idle_in_transaction_seconds: number | null;
  /** Sessions whose state this login may not see. */
  hidden: number;
}

/** A login of Claire's: how many connections it has, may have, and is expected to have. */
export interface ConnectionRole {
  role: string;
  service: LoginRole;
  connections: number;
  /** Connections that stay once they were needed, and those at a peak. */
  expected: { base: number; most: number };
  /** As the server holds it; null: none. */
  connection_limit: number | null;
}

export interface ConnectionsReport {
  database: string;
  /** Of `client backend` rows of this database: workers and replication do not count, superusers do. */
  budget: { limit: number; connections: number; of_superusers: number; over: boolean };
  server: {
    max_connections: number;
    superuser_reserved_connections: number;
    /** Of all databases. */
    connections: number;
    databases: { database: string; connections: number }[];
  };
  /** Null: none. */
  database_connection_limit: number | null;
  groups: ConnectionGroup[];
  roles: ConnectionRole[];
  /** What does not hold the budget, in sentences. */
  missing: string[];
}

/** Clients' sessions: the server's own workers, parallel ones and replication have another kind. */
const SESSIONS = `
  from pg_stat_activity a
  left join pg_roles r on r.oid = a.usesysid
  where a.pid not in (select pid from pg_stat_replication)
    -- Of sessions that this login may not look into the kind is not told.
    and coalesce(a.backend_type, 'client backend') = 'client backend' and a.usesysid is not null`;

const GROUPS = `
  select coalesce(a.application_name, '') as application, coalesce(a.usename, '') as role,
    coalesce(r.rolsuper, false) as superuser, count(*)::int as connections,
    count(*) filter (where a.state in ('active', 'fastpath function call'))::int as active,
    count(*) filter (where a.state = 'idle')::int as idle,
    count(*) filter (where a.state like 'idle in transaction%')::int as idle_in_transaction,
    extract(epoch from max(clock_timestamp() - a.state_change)
      filter (where a.state like 'idle in transaction%'))::float8 as longest_idle_in_transaction_seconds,
    count(*) filter (where a.state is null or a.state = 'disabled')::int as hidden
  ${SESSIONS} and a.datname = current_database()
  group by 1, 2, 3
  order by role, application`;

const DATABASES = `
  select coalesce(a.datname, '') as database, count(*)::int as connections ${SESSIONS}
  group by 1 order by connections desc, database`;

interface Facts extends ServerLimits {
  database: string;
  database_connection_limit: number | null;
  sees_all: boolean;
}

interface ServerLimits {
  max_connections: number;
  superuser_reserved_connections: number;
}

const FACTS = `
  select d.datname as database, nullif(d.datconnlimit, -1) as database_connection_limit,
    current_setting('max_connections')::int as max_connections,
    current_setting('superuser_reserved_connections')::int as superuser_reserved_connections,
    pg_has_role('pg_read_all_stats', 'usage') as sees_all
  from pg_database d where d.datname = current_database()`;

interface Login {
  role: string;
  connection_limit: number | null;
}

const LOGINS = `
  select rolname as role, nullif(rolconnlimit, -1) as connection_limit from pg_roles
  where rolcanlogin and not rolsuper order by rolname`;

/**
 * Who is connected to this database, beside what is expected and what the server holds. `isOwn`: of others than the book's
 * logins it has numbers, and no names.
 */
export async function lookAtConnections(
  database: Queryable,
  book: string,
  { isOwn = false }: { isOwn?: boolean } = {},
): Promise<ConnectionsReport> {
  const groups = await database.query<ConnectionGroup>(GROUPS);
  const [facts] = await database.query<Facts>(FACTS);
  const logins = await database.query<Login>(LOGINS);
  const databases = await database.query<{ database: string; connections: number }>(DATABASES);
  const { max_connections, superuser_reserved_connections } = facts!;
  const used = sum(groups);
  const roles = rolesOf(groups, logins);
  const report = {
    database: facts!.database,
    budget: {
      limit: BUDGET,
      connections: used,
      of_superusers: sum(groups.filter(({ superuser }) => superuser)),
      over: used > BUDGET,
    },
    server: { max_connections, superuser_reserved_connections, connections: sum(databases), databases },
    database_connection_limit: facts!.database_connection_limit,
    groups,
    roles,
  };
  const told = isOwn ? ownOf(report, loginNames(book)) : report;
  return { ...told, missing: missingOf(told, logins, facts!.sees_all, book) };
}

type Unjudged = Omit<ConnectionsReport, 'missing'>;

const ownOf = ({ server, groups, roles, ...report }: Unjudged, own: readonly string[]): Unjudged => ({
  ...report,
  server: { ...server, databases: [] },
  groups: groups.filter(({ role }) => own.includes(role)),
  roles: roles.filter(({ role }) => own.includes(role)),
});

const sum = (groups: readonly { connections: number }[]): number =>
  groups.reduce((total, { connections }) => total + connections, 0);

/** The longest first: `claire_reader` is no `claire` of a book `reader`. */
const SERVICES = [...LOGIN_ROLES].sort((a, b) => b.length - a.length);

/** Which of Claire's logins a role is, of whatever book, its second one too; undefined where it is none. */
const serviceOf = (role: string): LoginRole | undefined =>
  SERVICES.find((service) => role === service || role.startsWith(`${service}_`));

const mostOf = ({ base, overflow }: Profile): number => base + overflow;

function rolesOf(groups: readonly ConnectionGroup[], logins: readonly Login[]): ConnectionRole[] {
  return logins.flatMap(({ role, connection_limit }) => {
    const service = serviceOf(role);
    if (!service) return [];
    const profile = profileOf(service);
    return {
      ...{ role, service, connection_limit },
      connections: sum(groups.filter((group) => group.role === role)),
      expected: { base: profile.base, most: mostOf(profile) },
    };
  });
}

/** Idle for so long in a transaction, a session holds back vacuum and perhaps others' locks. */
export const IDLE_IN_TRANSACTION_SECONDS = 60;

/** More connections than the budget, in a sentence. */
export const overBudget = ({ budget }: Pick<ConnectionsReport, 'budget'>): string[] =>
  budget.over
    ? [
        `${budget.connections} connections are over the budget of ${budget.limit}; see which role has more than it is expected to.`,
      ]
    : [];

/** Logins with more connections than they are expected to have, in sentences. */
export const overExpected = ({ roles }: Pick<ConnectionsReport, 'roles'>): string[] =>
  roles
    .filter(({ connections, expected }) => connections > expected.most)
    .map(
      ({ role, connections, expected }) =>
        `${role} has ${connections} connections, ${expected.most} are expected at most: a second process, or pools that were made larger.`,
    );

/** Where the budget does not fit into what the server allows, in sentences. */
export const tooFew = ({
  server,
  database_connection_limit: limit,
}: {
  server: ServerLimits;
  database_connection_limit: number | null;
}): string[] => {
  const free = server.max_connections - server.superuser_reserved_connections;
  return [
    ...(free < BUDGET
      ? [
          `The server has ${free} connections that are not reserved (max_connections): the budget of ${BUDGET} does not fit.`,
        ]
      : []),
    ...(limit !== null && limit < BUDGET
      ? [`The database has a connection limit of ${limit}: the budget of ${BUDGET} does not fit.`]
      : []),
  ];
};

function missingOf(report: Unjudged, logins: readonly Login[], seesAll: boolean, book: string): string[] {
  const { roles, groups } = report;
  return [
    ...overBudget(report),
    ...overExpected(report),
    ...groups
      .filter((group) => (group.longest_idle_in_transaction_seconds ?? 0) > IDLE_IN_TRANSACTION_SECONDS)
      .map(
        ({ application, role }) =>
          `A session of ${application || 'a nameless application'} (${role}) has been idle in a transaction for over a minute: see \`claire connections end --in-transaction\`.`,
      ),
    ...missingRoles(roles, logins, book),
    ...tooFew(report),
    ...(seesAll
      ? []
      : ['This login does not see what sessions of others do: that takes membership in pg_read_all_stats.']),
  ];
}

/** Logins of the book that the server does not hold to their part. */
function missingRoles(roles: readonly ConnectionRole[], logins: readonly Login[], book: string): string[] {
  const own = LOGIN_ROLES.map((service) => roleName(service, book));
  const absent = own.filter((name) => !logins.some(({ role }) => role === name));
  const differing = roles
    .filter(({ role }) => own.includes(role))
    .filter(({ connection_limit, expected }) => connection_limit !== expected.most)
    .map(
      ({ role, connection_limit, expected }) =>
        `${role} (${connection_limit ?? 'none'} instead of ${expected.most})`,
    );
  return [
    ...(absent.length > 0
      ? [
          `Book ${book} has no ${absent.join(', ')}: who works under another login is not told apart. See \`claire roles apply\`.`,
        ]
      : []),
    ...(differing.length > 0
      ? [
          `The server does not hold these logins to their part of the budget: ${differing.join(', ')}. See \`claire roles apply\`.`,
        ]
      : []),
  ];
}
