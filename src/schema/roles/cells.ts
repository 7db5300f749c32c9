import {
  identifier,
  LOGIN_ROLES,
  OWNER,
  type Queryable,
  ROLES,
  type Role,
  roleName,
} from '../../database/index.js';
import { SIGNATURE } from '../hand-made.js';
import { FUNCTIONS, HISTORY, MATERIALIZED_VIEWS, SEQUENCES, TABLES, VIEWS } from '../objects.js';
import { RIGHTS } from './rights.js';

export type Kind = 'schema' | 'table' | 'sequence' | 'function';

/** One right of one role on one object, or on a column of it. */
export interface Cell {
  grantee: string;
  kind: Kind;
  object: string;
  column: string | null;
  right: string;
}

/** A cell that stands in the catalog. */
interface Held extends Cell {
  grantable: boolean;
}

interface Thing {
  kind: Kind;
  object: string;
  /** The object as a statement names it, in this session. */
  sql: string;
  owner: string;
  is_materialized: boolean;
}

/** What stands of rights in a book, and who owns what. */
export interface Ground {
  book: string;
  major: number;
  things: Thing[];
  held: Held[];
  /** Names of Claire's roles, of this and of other books, that are on the server. */
  roles: Map<string, { role: Role; book: string }>;
}

export const EVERYBODY = 'public';

const RELATIONS = [...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS, ...SEQUENCES].map(({ name }) => name);

/** Claire's objects of a book with their owners and rights. Not those of owners: these can do everything. */
const LOOK = `
  with n as (select * from pg_namespace where nspname = $1),
  objects as (
    select 'schema' as kind, n.nspname::text as object, null as "column", quote_ident(n.nspname) as sql,
      n.nspowner as owner, coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl, false as is_materialized
    from n
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, c.relname, null, format('%I.%I', n.nspname, c.relname),
      c.relowner, coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner)),
      c.relkind = 'm'
    from n join pg_class c on c.relnamespace = n.oid
    where c.relkind in ('r', 'v', 'm', 'S') and c.relname = any ($2)
    union all
    select 'table', c.relname, a.attname, format('%I.%I', n.nspname, c.relname), c.relowner, a.attacl, c.relkind = 'm'
    from n join pg_class c on c.relnamespace = n.oid join pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'v', 'm') and c.relname = any ($2) and a.attacl is not null and not a.attisdropped
    union all
    select 'function', f.signature, null, f.sql, f.proowner, coalesce(f.proacl, acldefault('f', f.proowner)), false
    from (
      select ${SIGNATURE} as signature, p.proowner, p.proacl,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as sql
      from n join pg_proc p on p.pronamespace = n.oid
    ) as f
    where f.signature = any ($3)
  )
  select o.kind, o.object, o."column", o.sql, pg_get_userbyid(o.owner)::text as owner, o.is_materialized,
    coalesce((
      select jsonb_agg(jsonb_build_object(
        'grantee', coalesce(r.rolname, '${EVERYBODY}'), 'right', lower(a.privilege_type), 'grantable', a.is_grantable
      ))
      from aclexplode(o.acl) as a left join pg_roles as r on r.oid = a.grantee
      where a.grantee <> o.owner and (a.grantee = 0 or r.rolname = any ($4))
    ), '[]') as held
  from objects as o
  order by o.kind, o.object, o."column" nulls first`;

/** Reads the catalog only: anybody may. */
export async function readGround(session: Queryable, book: string): Promise<Ground> {
  const roles = await rolesOnServer(session, book);
  const rows = await session.query<
    Thing & { column: string | null; held: Pick<Held, 'grantee' | 'right' | 'grantable'>[] }
  >(LOOK, [book, [...RELATIONS, HISTORY], FUNCTIONS.map(({ name }) => name), [...roles.keys()]]);
  const [server] = await session.query<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  );
  const things = rows
    .filter(({ column }) => column === null)
    .map(({ kind, object, sql, owner, is_materialized }) => ({ kind, object, sql, owner, is_materialized }));
  const held = rows.flatMap(({ kind, object, column, held }) =>
    held.map((one) => ({ kind, object, column, ...one })),
  );
  return { book, major: server!.major, things, held, roles };
}

/** By name, because no role says of itself whose it is: those of every schema here, and of the book `main` elsewhere. */
async function rolesOnServer(session: Queryable, book: string): Promise<Ground['roles']> {
  const schemas = await session.query<{ name: string }>(
    `select nspname::text as name from pg_namespace where nspname ~ '^[a-z][a-z0-9_]{0,47}$' and nspname !~ '^pg_'`,
  );
  // This book last: its own are its own, whatever another might call one of them.
  const books = [...new Set(['main', ...schemas.map(({ name }) => name), book])];
  const known = new Map(
    books.flatMap((of) => ROLES.map((role) => [roleName(role, of), { role, book: of }] as const)),
  );
  const there = await session.query<{ name: string }>(
    'select rolname::text as name from pg_roles where rolname = any ($1)',
    [[...known.keys()]],
  );
  return new Map(there.map(({ name }) => [name, known.get(name)!]));
}

const key = ({ grantee, kind, object, column, right }: Cell): string =>
  [grantee, kind, object, column ?? '', right].join('\u0000');

/** The documented cells of the roles of this book that are there. */
export function wantedCells({ book, major, things, roles }: Ground): Cell[] {
  const owners = new Map(things.map(({ kind, object, owner }) => [`${kind} ${object}`, owner]));
  const cells = LOGIN_ROLES.flatMap((role) => {
    const { relations, functions, sequences } = RIGHTS[role];
    const cell = (kind: Kind, object: string, right: string, column: string | null = null): Cell => ({
      ...{ grantee: roleName(role, book), kind, object, column, right },
    });
    return [
      cell('schema', book, 'usage'),
      ...Object.entries(relations).flatMap(([name, all]) =>
        all
          .filter((right) => right !== 'maintain' || major >= 17)
          .flatMap((right) => {
            const [, base, columns] = /^(\w+)(?: \((.+)\))?$/.exec(right)!;
            return (columns?.split(', ') ?? [null]).map((column) => cell('table', name, base!, column));
          }),
      ),
      ...Object.entries(sequences).map(([name, right]) => cell('sequence', name, right)),
      ...functions.map((name) => cell('function', name, 'execute')),
    ];
  });
  const owner = roleName(OWNER, book);
  cells.push(...['usage', 'create'].map((right) => ({ ...SCHEMA, grantee: owner, object: book, right })));
  return cells.filter(({ grantee, kind, object }) => {
    const of = owners.get(`${kind} ${object}`);
    return roles.has(grantee) && of !== undefined && of !== grantee;
  });
}

const SCHEMA = { kind: 'schema', column: null } as const;

/** What differs from the documented cells. */
export interface Differences {
  missing: Cell[];
  /** With `grantable` where only the right to pass it on is too much. */
  beyond: Held[];
}

export function differences(ground: Ground): Differences {
  const wanted = wantedCells(ground);
  const keys = new Set(wanted.map(key));
  const held = new Set(ground.held.map(key));
  return {
    missing: wanted.filter((cell) => !held.has(key(cell))),
    beyond: ground.held
      .map((cell) => (keys.has(key(cell)) ? cell : { ...cell, grantable: false }))
      .filter((cell) => cell.grantable || !keys.has(key(cell)))
      .filter((cell) => !isOfThePublicSchema(cell, ground.book)),
  };
}

/** The schema `public` is everybody's, also where a book lies in it. */
const isOfThePublicSchema = ({ kind, grantee }: Cell, book: string): boolean =>
  kind === 'schema' && grantee === EVERYBODY && book === 'public';

/** `select on signals`, `update (status) on orders`, `execute on why(text)`. */
export const cellText = ({ kind, object, column, right }: Cell): string =>
  `${right}${column === null ? '' : ` (${column})`} on ${kind === 'table' ? '' : `${kind} `}${object}`;

/** GRANT or REVOKE statements, one for all objects with the same right of the same role. */
export function statementsFor(
  ground: Ground,
  cells: readonly (Cell & { grantable?: boolean })[],
  verb: 'grant' | 'revoke',
) {
  const sql = new Map(ground.things.map((thing) => [`${thing.kind} ${thing.object}`, thing.sql]));
  const groups = new Map<string, { before: string; after: string; objects: string[] }>();
  for (const { grantee, kind, object, column, right, grantable } of cells) {
    const option = verb === 'revoke' && grantable ? 'grant option for ' : '';
    const what = `${option}${right}${column === null ? '' : ` (${identifier(column)})`}`;
    const to = grantee === EVERYBODY ? 'public' : identifier(grantee);
    const before = `${verb} ${what} on ${kind}`;
    const after = `${verb === 'grant' ? 'to' : 'from'} ${to}`;
    const group = groups.get(before + after) ?? { before, after, objects: [] };
    group.objects.push(sql.get(`${kind} ${object}`)!);
    groups.set(before + after, group);
  }
  return [...groups.values()].map(({ before, after, objects }) => `${before} ${objects.join(', ')} ${after}`);
}
