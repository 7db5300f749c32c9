import type { Queryable } from '../database/index.js';
import { FIRST_OF_OURS, isOurs, VERSIONS, type Version } from './files.js';
import {
  COLUMNS,
  CONSTRAINTS,
  DEFINERS,
  FUNCTIONS,
  HISTORY,
  INDEXES,
  MATERIALIZED_VIEWS,
  TABLES,
  TRIGGERS,
  VIEWS,
} from './objects.js';
import { SEED_COLUMNS, SEED_TABLES } from './seed-tables.js';

export interface Pieces {
  version: Version;
  present: string[];
  missing: string[];
}

/** What the catalog alone tells of a book. */
export interface ByHand {
  version: Version | undefined;
  handMade: boolean;
  pieces: Pieces | undefined;
  inTheWay: string[];
}

/** An object of the catalog under one of our names. */
interface Found {
  what: 'relation' | 'column' | 'sequence' | 'constraint' | 'index' | 'trigger' | 'function';
  name: string;
  /** The table that it belongs to. */
  on: string | null;
  /** Kind of a relation, type of a column, `invalid` of an index, `definer` of a function with its owner's rights. */
  is: string | null;
}

interface Piece {
  what: Found['what'];
  name: string;
  on?: string;
  is?: string;
  since: Version;
}

const PIECES: readonly Piece[] = [
  ...TABLES.map((table) => ({ ...table, what: 'relation' as const, is: 'table' })),
  ...VIEWS.map((view) => ({ ...view, what: 'relation' as const, is: 'view' })),
  ...MATERIALIZED_VIEWS.map((view) => ({ ...view, what: 'relation' as const, is: 'materialized view' })),
  ...FUNCTIONS.map((signature) => ({ ...signature, what: 'function' as const })),
  ...DEFINERS.map((signature) => ({ ...signature, what: 'function' as const, is: 'definer' })),
  ...CONSTRAINTS.map((constraint) => ({ ...constraint, what: 'constraint' as const })),
  ...INDEXES.map((index) => ({ ...index, what: 'index' as const })),
  ...TRIGGERS.map((trigger) => ({ ...trigger, what: 'trigger' as const })),
  ...COLUMNS.map((column) => ({ ...column, what: 'column' as const })),
];

const RELATIONS = PIECES.filter(({ what }) => what === 'relation').map(({ name }) => name);
const FIRST = VERSIONS[0];

/** SQL: a function of book $1 as objects.ts names it; a row of a table, as an argument, has the schema before its name. */
export const SIGNATURE = `p.proname || '(' || replace(oidvectortypes(p.proargtypes), quote_ident($1) || '.', '') || ')'`;

/** Reads the catalog only, so that it needs no right on the tables. */
const LOOK = `
  with r as (
    select c.oid, c.relname::text as relname, c.relkind, c.relispartition, c.relpersistence
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = any ($2)
  )
  select 'relation' as what, relname as name, null as "on", case
      when relispartition then 'partition'
      when relpersistence = 'u' then 'unlogged table'
      when relkind = 'r' and exists (select from pg_inherits where r.oid in (inhrelid, inhparent))
        then 'table with inheritance'
      else coalesce(
        ('{"r": "table", "v": "view", "m": "materialized view", "p": "partitioned table", "f": "foreign table",
           "i": "index of another table", "I": "index of another table", "S": "sequence", "c": "type"}'::jsonb) ->> relkind::text,
        'object')
    end as "is"
  from r
  union all
  select 'column', a.attname, r.relname, case
      when a.attidentity <> '' then 'an identity column'
      when a.attgenerated <> '' then 'a generated column'
      else format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
    end
  from r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  union all
  select 'sequence', s.relname, r.relname || '.' || a.attname, null
  from r join pg_depend d on d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
    and d.refobjid = r.oid and d.deptype in ('a', 'i')
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_attribute a on a.attrelid = r.oid and a.attnum = d.refobjsubid
  union all
  select 'constraint', k.conname, r.relname, null from r join pg_constraint k on k.conrelid = r.oid
  union all
  select 'index', i.relname, r.relname, case when not x.indisvalid then 'invalid' end
  from r join pg_index x on x.indrelid = r.oid join pg_class i on i.oid = x.indexrelid
  union all
  select 'trigger', t.tgname, r.relname, null from r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
  union all
  select 'function', f.signature, null, case when f.prosecdef then 'definer' end
  from (
    select ${SIGNATURE} as signature, p.prosecdef
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1
  ) as f
  where f.signature = any ($3)`;

/** Looks at a schema without history: the seed's own tables, made by hand, or somebody else's. */
export async function lookByHand(database: Queryable, book: string, history: boolean): Promise<ByHand> {
  const found = await database.query<Found>(LOOK, [
    book,
    [...RELATIONS, ...INDEXES.map(({ name }) => name), HISTORY],
    FUNCTIONS.map(({ name }) => name),
  ]);
  const ours = found.filter(({ what, name }) => what !== 'relation' || name !== HISTORY || !history);
  const names = namesIn(ours);
  if (!SEED_TABLES.some((table) => names.includes(table))) {
    return { version: undefined, handMade: false, pieces: undefined, inTheWay: names };
  }
  const defects = defectsOfSeed(ours);
  const { version, pieces } = versionOf(ours);
  const handMade = defects.length === 0;
  return {
    version: handMade ? version : undefined,
    handMade,
    pieces: handMade ? pieces : undefined,
    inTheWay: [...defects, ...defectsOfLater(ours, version)],
  };
}

const namesIn = (found: Found[]): string[] => {
  const named = (wanted: Found['what']) =>
    found.filter(({ what }) => what === wanted).map(({ name }) => name);
  return [...named('relation').sort(), ...named('function').sort()];
};

const matching = (found: Found[], { what, name, on }: Piece): Found | undefined =>
  found.find((one) => one.what === what && one.name === name && (on === undefined || one.on === on));

function isPresent(found: Found[], piece: Piece): boolean {
  const one = matching(found, piece);
  return one !== undefined && one.is !== 'invalid' && (piece.is === undefined || one.is === piece.is);
}

const a = (kind: string | null | undefined): string => `${/^[aeiou]/.test(kind ?? '') ? 'an' : 'a'} ${kind}`;

const label = ({ what, name, on }: Piece): string => (what === 'column' ? `${on}.${name}` : name);

function piecesOf(found: Found[], version: Version): Pieces {
  const pieces = PIECES.filter(({ since }) => since === version);
  return {
    version,
    present: pieces.filter((piece) => isPresent(found, piece)).map(label),
    missing: pieces
      .filter((piece) => !isPresent(found, piece))
      .map((piece) =>
        matching(found, piece)?.is === 'invalid' ? `${label(piece)} (invalid)` : label(piece),
      ),
  };
}

/** The newest version of which no piece is missing, and how much stands of the one after it. */
function versionOf(found: Found[]): { version: Version | undefined; pieces: Pieces | undefined } {
  let version: Version | undefined;
  for (const next of VERSIONS) {
    const pieces = piecesOf(found, next);
    if (pieces.missing.length > 0) {
      // Of 1.2 a part is never taken over: see defectsOfLater.
      const isBegun = next !== FIRST_OF_OURS && pieces.present.length > 0;
      return { version, pieces: isBegun ? pieces : undefined };
    }
    version = next;
  }
  return { version, pieces: undefined };
}

/** How the seed's tables differ from what the seed makes; a sentence each. Columns of the user do not count. */
function defectsOfSeed(found: Found[]): string[] {
  const defects: string[] = [];
  const first = PIECES.filter(({ since }) => since === FIRST);
  for (const table of SEED_TABLES) {
    const stands = found.find(({ what, name }) => what === 'relation' && name === table);
    if (!stands) defects.push(`there is no table ${table}`);
    else if (stands.is !== 'table') defects.push(`${table} is ${a(stands.is)}, not an ordinary table`);
    else {
      const columns = defectsOfColumns(found, table);
      defects.push(...columns);
      if (columns.length > 0) continue;
      const sequence = `${table}_id_seq`;
      if (!found.some((one) => one.what === 'sequence' && one.on === `${table}.id` && one.name === sequence))
        defects.push(`${table}.id does not own a sequence ${sequence}, as serial makes it`);
      const constraints = first.filter(({ what, on }) => what === 'constraint' && on === table);
      const missing = constraints.filter((constraint) => !isPresent(found, constraint));
      defects.push(...missing.map(({ name }) => `table ${table} has no constraint ${name}`));
    }
  }
  return defects;
}

function defectsOfColumns(found: Found[], table: string): string[] {
  const columns = Object.entries(SEED_COLUMNS[table] ?? {}).map(([name, wanted]) => {
    const column = found.find((one) => one.what === 'column' && one.on === table && one.name === name);
    return { name, wanted, is: column?.is };
  });
  const missing = columns.filter(({ is }) => !is).map(({ name }) => name);
  const wrong = columns.flatMap(({ name, wanted, is }) => {
    if (!is) return [];
    const type = is.replace(/ not null$/, '');
    if (!wanted.types.includes(type))
      return [`${table}.${name} is ${type}, not ${wanted.types.join(' or ')}`];
    return wanted.nullable || type !== is ? [] : [`${table}.${name} may be null and must not`];
  });
  if (missing.length === 0) return wrong;
  return [`table ${table} has no column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}`, ...wrong];
}

/**
 * Objects under names of the versions after the one that stands, which a migration would run into. Of 1.1 each piece
 * is what its name says, if it is of that kind. Of 1.2 nothing is taken over that is not whole: without a history the
 * catalog does not tell which rows its steps have reached, nor whose table `candles` is. The indexes of 1.3 are like those
 * of 1.1.
 */
function defectsOfLater(found: Found[], version: Version | undefined): string[] {
  const relations = found.filter(({ what, name }) => what === 'relation' && !SEED_TABLES.includes(name));
  const defects = relations.flatMap(({ name, is }) => {
    if (name === HISTORY) return [`${name} is not Claire's history`];
    const index = PIECES.find((one) => one.what === 'index' && one.name === name);
    if (index) return matching(found, index) ? [] : [`${name} is ${a(is)}, not an index on ${index.on}`];
    const piece = PIECES.find((one) => one.what === 'relation' && one.name === name);
    if (piece?.is !== is) return [`${name} is ${a(is)}, not ${a(piece?.is)}`];
    return piece?.is === 'table' ? defectsOfColumns(found, name) : [];
  });
  if (isOurs(version)) return defects;
  const before = VERSIONS.slice(0, VERSIONS.indexOf(FIRST_OF_OURS));
  const { present, missing } = piecesOf(found, FIRST_OF_OURS);
  if (present.length > missing.length) {
    const older = version === before.at(-1) ? [] : before.flatMap((v) => piecesOf(found, v).missing);
    return [
      ...defects,
      `${present.length} pieces of ${FIRST_OF_OURS} stand here without its history, and are not whole; missing: ${[...older, ...missing].join(', ')}`,
    ];
  }
  return [
    ...defects,
    ...present.map((name) => `${name} is a name of ${FIRST_OF_OURS}, and whose it is cannot be told`),
  ];
}
