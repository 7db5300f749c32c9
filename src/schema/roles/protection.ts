import {
  type Database,
  LOGIN_ROLES,
  OWNER,
  type Queryable,
  ROLES,
  roleName,
  secondName,
} from '../../database/index.js';
import { readGround } from './cells.js';
import { looseFunctions } from './search-path.js';
import { type RoleState, type RolesState, rolesOf, spoiledBy } from './state.js';

/**
 * What of the protection of a book is missing, a sentence each; none where all of it stands. Reads the catalog, and who
 * is connected.
 * @throws ClaireError book_missing
 */
export async function protectionMissing(database: Database, book: string): Promise<string[]> {
  return database.session(async (session) => {
    const state = await rolesOf(session, book);
    return [
      ...ofRoles(state),
      ...(await ofOwners(session, state)),
      ...(await ofAttributes(session, state)),
      ...(await ofPlaces(session, state)),
      ...(await ofSessions(session, state)),
      ...(await looseFunctions(session, book)).map(
        (name) => `Function ${name} has no fixed search path: it can be led to objects of others.`,
      ),
    ];
  });
}

const some = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');

function ofRoles({ roles, beyond }: RolesState): string[] {
  const absent = roles.filter(({ exists }) => !exists).map(({ name }) => name);
  const there = roles.filter(({ exists }) => exists);
  const each = (told: (state: RoleState) => string | false) => there.map(told).filter((one) => one !== false);
  return [
    ...(absent.length > 0
      ? [`There are no roles ${absent.join(', ')}: whoever connects does so as another.`]
      : []),
    ...each(
      ({ role, name, superuser }) =>
        superuser &&
        `${name} is a superuser: no right and no limit binds ${role === OWNER ? 'its functions' : 'it'}.`,
    ),
    ...each(({ name, missing }) => missing.length > 0 && `${name} lacks ${some(missing)}.`),
    ...each(({ name, beyond }) => beyond.length > 0 && `${name} may do what it should not: ${some(beyond)}.`),
    ...(beyond.length > 0 ? [`Others may do what they should not: ${some(beyond)}.`] : []),
    ...each(
      ({ role, name, login }) => login === (role === OWNER) && `${name} ${login ? 'may' : 'may not'} log in.`,
    ),
    ...each(
      ({ name, superuser, connection_limit, expected_limit }) =>
        !superuser &&
        connection_limit !== expected_limit &&
        `${name} may have ${connection_limit < 0 ? 'any number of' : connection_limit} connections, not ${expected_limit}.`,
    ),
    ...each(({ name, superuser, settings, expected_settings }) => {
      const unset = expected_settings.filter((one) => !settings.includes(one));
      return !superuser && unset.length > 0 && `${name} is without ${unset.join(' and ')}.`;
    }),
    ...each(({ name, settings }) => {
      const spoiled = spoiledBy(settings);
      return spoiled.length > 0 && `${name} was given ${spoiled.join(' and ')}, itself or by somebody.`;
    }),
  ];
}

async function ofOwners(session: Queryable, { book, owner, roles }: RolesState): Promise<string[]> {
  const wanted = roleName(OWNER, book);
  if (!roles.find(({ role }) => role === OWNER)?.exists) return [];
  const { things } = await readGround(session, book);
  const allowed = [wanted, roleName('claire', book)];
  const others = things.filter(
    (thing) => thing.kind !== 'schema' && !(thing.is_materialized ? allowed : [wanted]).includes(thing.owner),
  );
  return [
    ...(owner !== wanted && book !== 'public'
      ? [`Book ${book} is owned by ${owner}, not by ${wanted}.`]
      : []),
    ...(others.length > 0
      ? [`Not owned by ${wanted}: ${some(others.map(({ object, owner: now }) => `${object} (${now})`))}.`]
      : []),
  ];
}

/** What a role may beyond the book: an attribute, or another role that it is in. */
async function ofAttributes(session: Queryable, { book }: RolesState): Promise<string[]> {
  const names = ROLES.map((role) => roleName(role, book));
  const seconds = LOGIN_ROLES.map((role) => secondName(role, book));
  const rows = await session.query<{ name: string; may: string[]; member_of: string[]; members: string[] }>(
    `select r.rolname::text as name,
       -- Who makes roles is in those that he made, and may be in any.
       array(
         select distinct g.rolname::text from pg_auth_members as m join pg_roles as g on g.oid = m.member
         where m.roleid = r.oid and not g.rolsuper and not g.rolcreaterole
           and g.rolname <> all ($4) and not (g.rolname = $2 and r.rolname = $3) order by 1
       ) as members,
       array_remove(array[
         case when rolcreaterole then 'make roles' end, case when rolcreatedb then 'make databases' end,
         case when rolreplication then 'replicate' end, case when rolbypassrls then 'pass row security' end
       ], null) as may,
       array(
         select distinct g.rolname::text from pg_auth_members as m join pg_roles as g on g.oid = m.roleid
         where m.member = r.oid and not (r.rolname = $2 and g.rolname = $3) order by 1
       ) as member_of
     from pg_roles as r where r.rolname = any ($1) and not r.rolsuper order by 1`,
    [names, roleName(OWNER, book), roleName('claire', book), seconds],
  );
  return rows.flatMap(({ name, may, member_of, members }) => [
    ...(members.length > 0 ? [`${some(members)} may do what ${name} may.`] : []),
    ...(may.length > 0 ? [`${name} may ${may.join(' and ')}.`] : []),
    ...(member_of.length > 0 ? [`${name} may do what ${member_of.join(' and ')} may.`] : []),
  ]);
}

/** Where everybody may make objects that a careless search path finds. */
async function ofPlaces(session: Queryable, { book, roles }: RolesState): Promise<string[]> {
  const [row] = await session.query<{ of_book: boolean; of_public: boolean }>(
    `select has_schema_privilege('public', $1, 'create') as of_book,
       coalesce(has_schema_privilege('public', to_regnamespace('public')::oid, 'create'), false) as of_public`,
    [book],
  );
  const isOnPath = roles.some(
    ({ role, exists, settings, expected_settings }) =>
      role !== OWNER && exists && !settings.includes(expected_settings.at(-1)!),
  );
  return [
    ...(row!.of_book ? [`Anybody may make objects in schema ${book}, beside those of the book.`] : []),
    ...(row!.of_public && !row!.of_book && isOnPath
      ? ['Anybody may make objects in schema public, which is on the path of roles without one of their own.']
      : []),
  ];
}

/** Services by the name that they show, and who they are logged in as. */
async function ofSessions(session: Queryable, { book }: RolesState): Promise<string[]> {
  const rows = await session.query<{ application: string; login: string; superuser: boolean }>(
    `select distinct a.application_name as application, r.rolname::text as login, r.rolsuper as superuser
     from pg_stat_activity as a join pg_roles as r on r.oid = a.usesysid
     where a.datname = current_database() and a.backend_type = 'client backend'
       and a.application_name ~ '^(signal_engine|risk_manager|execution_service)\\M'
       and (r.rolsuper or pg_has_role(r.oid, (
         select relowner from pg_class where relnamespace = to_regnamespace(quote_ident($1)) and relname = 'signals'
       ), 'usage'))
     order by 1, 2`,
    [book],
  );
  return rows.map(
    ({ application, login, superuser }) =>
      `${application} is logged in as ${login}, ${superuser ? 'a superuser' : 'who owns the book'}: no right binds it.`,
  );
}
