import { identifier, type Queryable } from '../database/index.js';
import { ClaireError, type ErrorCode, entryOf } from '../errors/index.js';
import { type Dependent, dependentsOf } from './dependents.js';
import { isOurs, type Migration, type Version } from './files.js';
import {
  FUNCTIONS,
  HISTORY,
  MATERIALIZED_VIEWS,
  TABLES,
  TEMPORARY_FUNCTIONS,
  TRIGGERS,
  VIEWS,
} from './objects.js';
import { foreignNames, zoneOnItsWay } from './on-its-way.js';
import type { BookState } from './recognise.js';
import { SEED_TABLES } from './seed-tables.js';
import { knownZone, zonesFound, zonesOtherThanUtc } from './zones.js';

export interface PreflightOptions {
  /** The version to come to. */
  to: Version;
  /** The zone in which the rows of a book below 1.2 were recorded, where the server does not tell. */
  recordedIn?: string;
  /** The files that would run: what they are to make cannot be there yet. */
  pending?: readonly Migration[];
}

export interface Preflight {
  /** The zone in which the old created_at were recorded. */
  zone: string;
  /** What the operator should know and need not change; a sentence each. */
  warnings: string[];
  /** What others have on the columns that change. */
  dependents: Dependent[];
}

/** Why the first step is not taken. */
export interface Refusal {
  code: ErrorCode;
  found: string;
}

/**
 * Looks for everything that would stop a migration in its midst, and changes nothing.
 * @throws ClaireError right_missing, schema_unrecognised, schema_depended_on, recorded_zone_unknown, input_invalid. One error names all that
 *   was found; `details.refusals` lists them by code.
 */
export async function preflight(
  session: Queryable,
  book: string,
  state: BookState,
  options: PreflightOptions,
): Promise<Preflight> {
  const { refusals, ...seen } = await examine(session, book, state, options);
  const [first, ...others] = refusals;
  if (!first) return seen;
  const also = others.map(({ code, found }) => {
    const { sentence, remedy } = entryOf(code);
    return `Also: ${sentence} ${found} ${remedy}`;
  });
  throw new ClaireError(first.code, {
    found: [first.found, ...also].join(' '),
    details: { refusals, dependents: seen.dependents },
  });
}

/** The same for a plan: what would be refused is listed, not thrown. The zone is UTC where it cannot be told. */
export async function examine(
  session: Queryable,
  book: string,
  state: BookState,
  { to, recordedIn, pending = [] }: PreflightOptions,
): Promise<Preflight & { refusals: Refusal[] }> {
  const refusals: Refusal[] = [];
  const refuse = (code: ErrorCode, found: string[], separator = '; ') => {
    if (found.length > 0) refusals.push({ code, found: `${found.join(separator)}.` });
  };
  refuse('right_missing', [
    ...(await missingRights(session, book, state)),
    ...(await hiddenRows(session, book)),
  ]);
  const foreign = await foreignNames(session, state, pending);
  refuse('schema_unrecognised', foreign.length > 0 ? [`In schema ${book}: ${foreign.join(', ')}`] : []);
  const zone = await zoneOnItsWay(session, state, recordedIn);
  const given = zone === undefined ? undefined : await knownZone(session, zone);
  if (!changesOldRows(state, to)) {
    return { zone: given ?? 'UTC', warnings: [], dependents: [], refusals };
  }
  const dependents = await dependentsOf(session, book);
  refuse(
    'schema_depended_on',
    dependents.filter(({ stops }) => stops).map(({ kind, name, on }) => `${kind} ${name} (${on.join(', ')})`),
  );
  const rows = await rowsIn(session, book);
  const others = await zonesOtherThanUtc(session, await zonesFound(session, book));
  if (!given && rows.recorded) {
    refuse(
      'recorded_zone_unknown',
      others.map(({ zone, where }) => (zone ? `${zone} is set by ${where}` : `unknown: ${where}`)),
    );
  }
  const warnings = await warningsOf(session, book, dependents, rows.some);
  return { zone: given ?? 'UTC', warnings, dependents, refusals };
}

/** Whether tables with rows of 1.0 or 1.1 are to become those of 1.2. */
function changesOldRows(state: BookState, to: Version): boolean {
  const stands = state.handMade || state.applied.length > 0;
  return stands && !isOurs(state.version) && isOurs(to);
}

/** Each right that a step would want and this login has not. Superusers and members of the owner have them all. */
async function missingRights(session: Queryable, book: string, state: BookState): Promise<string[]> {
  if (!state.exists) {
    const [row] = await session.query<{ name: string; may: boolean }>(
      `select current_database() as name, has_database_privilege(current_database(), 'create') as may`,
    );
    return row!.may ? [] : [`no CREATE on database ${row!.name}, where schema ${book} is to be made`];
  }
  const relations = [...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name);
  const sequences = SEED_TABLES.map((table) => `${table}_id_seq`);
  const rows = await session.query<{ found: string }>(
    `select q.found
     from pg_namespace n
     cross join lateral (
       select 1 as rank, 'no ' || upper(r) || ' on schema ' || n.nspname as found
       from unnest(array['create', 'usage']) as r where not has_schema_privilege(n.oid, r)
       union all
       select 2, c.relname || ' is owned by ' || pg_get_userbyid(c.relowner)
       from pg_class c
       where c.relnamespace = n.oid and c.relname = any ($2) and not pg_has_role(c.relowner, 'usage')
       union all
       select 3, f.signature || ' is owned by ' || pg_get_userbyid(f.proowner)
       from (
         select p.proname || '(' || oidvectortypes(p.proargtypes) || ')' as signature, p.proowner
         from pg_proc p where p.pronamespace = n.oid and not pg_has_role(p.proowner, 'usage')
       ) as f
       where f.signature = any ($3)
     ) as q
     where n.nspname = $1
     order by q.rank, q.found`,
    [book, [...relations, ...sequences, HISTORY], FUNCTIONS.map(({ name }) => name)],
  );
  return rows.map(({ found }) => found);
}

/** Forced row security hides rows from their owner too: they could be neither moved nor examined. */
async function hiddenRows(session: Queryable, book: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select c.relname::text as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and c.relrowsecurity and c.relforcerowsecurity
       and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
     order by 1`,
    [book, SEED_TABLES],
  );
  return rows.map(({ name }) => `row security is forced on ${name}, and hides rows from this login`);
}

/** Whether there are rows, and rows with a time of recording. A table that may not be read counts as having both. */
export async function rowsIn(
  session: Queryable,
  book: string,
): Promise<{ some: boolean; recorded: boolean }> {
  const tables = await session.query<{ name: string; readable: boolean }>(
    `select c.relname::text as name,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any ($2) and c.relkind = 'r'`,
    [book, SEED_TABLES],
  );
  if (tables.some(({ readable }) => !readable)) return { some: true, recorded: true };
  const some = (condition: (name: string) => string) =>
    tables
      .map(
        ({ name }) => `exists (select from ${identifier(book)}.${identifier(name)} where ${condition(name)})`,
      )
      .join(' or ') || 'false';
  const times = (name: string) => (name === 'orders' ? 'coalesce(created_at, updated_at)' : 'created_at');
  const [row] = await session.query<{ some: boolean; recorded: boolean }>(
    `select (${some(() => 'true')}) as some, (${some((name) => `${times(name)} is not null`)}) as recorded`,
  );
  return row!;
}

async function warningsOf(
  session: Queryable,
  book: string,
  dependents: Dependent[],
  hasRows: boolean,
): Promise<string[]> {
  const triggers = await session.query<{ name: string; on: string }>(
    `select t.tgname::text as name, c.relname::text as on
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid
     join pg_namespace n on n.oid = c.relnamespace
     join pg_proc p on p.oid = t.tgfoid
     where n.nspname = $1 and c.relname = any ($2) and not t.tgisinternal and t.tgenabled <> 'D'
       -- 16: of UPDATE.
       and t.tgtype & 16 <> 0
       and not (p.pronamespace = n.oid and p.proname || '()' = any ($3))
       and t.tgname <> all ($4)
     order by 2, 1`,
    [
      book,
      SEED_TABLES,
      [...FUNCTIONS.map(({ name }) => name), ...TEMPORARY_FUNCTIONS],
      TRIGGERS.map(({ name }) => name),
    ],
  );
  const publications = await session.query<{ name: string; tables: string }>(
    `select pubname::text as name, string_agg(tablename, ', ' order by tablename) as tables
     from pg_publication_tables where schemaname = $1 and tablename = any ($2) group by pubname order by 1`,
    [book, SEED_TABLES],
  );
  const examined = dependents.filter(({ stops }) => !stops);
  return [
    ...triggers.map(({ name, on }) => `Trigger ${name} on ${on} fires for every row that is rewritten.`),
    ...publications.map(
      ({ name, tables }) =>
        `Publication ${name} sends ${tables}: its subscribers need the new columns before, and receive every row that is rewritten.`,
    ),
    ...examined.map(
      ({ name, on }) =>
        `Constraint ${name} names ${on.join(', ')}: every row is examined again while the table is locked. Drop it before and add it NOT VALID after.`,
    ),
    ...(hasRows ? FOR_CLIENTS : []),
  ];
}

const FOR_CLIENTS = [
  'A prepared `select *` fails twice at most (0A000), when columns are added and when id is replaced; prepared again it succeeds.',
  'In tables above 2 MB with their indexes id becomes the last column: an INSERT without a list of columns breaks, one with a list does not.',
  'Any prepared statement that returns id, price, quantity, confidence, commission, pnl or pnl_pct fails so too, because their types change, and goes on failing where the driver does not prepare again: DISCARD ALL, or connect again.',
  'Market times that are seconds become milliseconds: a client that reads seconds must change.',
  'An open trade that breaks a law (an unknown side, a NaN) cannot be closed until it is corrected; `buy` is refused in new rows.',
];
