import type { Queryable } from '../database/index.js';
import { catalogue, type ErrorEntry } from '../errors/index.js';
import {
  CONSTRAINTS,
  FUNCTIONS,
  INDEXES,
  MATERIALIZED_VIEWS,
  TEMPORARY_FUNCTIONS,
  VIEWS,
} from './objects.js';
import { SEED_COLUMNS, SEED_TABLES } from './seed-tables.js';

/** An object of somebody else that stands on a column which a migration changes. */
export interface Dependent {
  kind: string;
  /** With its schema, as SQL writes it. */
  name: string;
  /** What of ours it stands on: `trades.id`. */
  on: string[];
  /** The statement that makes it again. Grants and comments are not in it. */
  definition: string;
  /** It must go before the columns change. Else it is only looked at again, row by row, while they do. */
  stops: boolean;
}

/** Columns that have another type at the newest version, with that type: `id` is replaced, the others change in place. */
const CHANGED = SEED_TABLES.flatMap((table) =>
  Object.entries(SEED_COLUMNS[table] ?? {})
    .filter(([, { types }]) => types.length > 1)
    .map(([column, { types }]) => ({ table, column, type: types.at(-1)! })),
);

const OUR_FUNCTIONS = [...FUNCTIONS.map(({ name }) => name), ...TEMPORARY_FUNCTIONS];

const OUR_CONSTRAINTS = [
  ...CONSTRAINTS.map(({ name }) => name),
  ...(Object.values(catalogue) as ErrorEntry[]).flatMap(({ constraints }) => constraints ?? []),
];

/**
 * The server's own record of who depends on which column. Dropping `id` would take indexes, constraints and statistics
 * on it, and rights on it alone, along in silence; changing a type is refused under a view, a policy, a generated column, a trigger that names
 * the column, a publication that filters by it, a function whose body is SQL, or a column of the table's row type.
 */
const DEPENDENTS = `
  with recursive ours as (
    select c.oid, c.relname::text as relname, c.relkind, c.reltype
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and (c.relkind = 'r' and c.relname = any ($2)
      or c.relkind = 'm' and c.relname = 'positions_realtime')
  ),
  watched as (
    select o.oid, a.attnum::integer as attnum, o.relname || '.' || a.attname as label, a.attname = 'id' as replaced
    from ours o join pg_attribute a on a.attrelid = o.oid and not a.attisdropped
    join unnest($2::text[], $3::text[], $4::text[]) as w (relname, attname, type)
      on w.relname = o.relname and w.attname = a.attname and w.type <> format_type(a.atttypid, a.atttypmod)
    union all
    -- Made anew, so that whatever stands on it is concerned.
    select o.oid, s.attnum, o.relname, true
    from ours o cross join lateral (
      select 0 as attnum union all select a.attnum from pg_attribute a where a.attrelid = o.oid and a.attnum > 0
    ) as s
    where o.relkind = 'm'
  ),
  direct as (
    select d.classid, d.objid, d.objsubid, w.oid, w.label, w.replaced
    from watched w join pg_depend d on d.refclassid = 'pg_class'::regclass
      and d.refobjid = w.oid and d.refobjsubid = w.attnum and d.deptype in ('n', 'a')
  ),
  own_views as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = any ($5)
  ),
  views as (
    select r.oid as rule, r.ev_class, r.rulename, d.label, 1 as depth
    from direct d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where r.rulename <> '_RETURN' or r.ev_class not in (select oid from own_views)
    union
    -- Views on such views have to go first.
    select r.oid, r.ev_class, r.rulename, v.ev_class::regclass::text, v.depth + 1
    from views v
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
      and d.refobjid = v.ev_class and d.deptype = 'n'
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.ev_class
    where v.rulename = '_RETURN'
  ),
  found as (
    select v.depth, v.label, true as stops,
      case when v.rulename <> '_RETURN' then 'rule' when c.relkind = 'm' then 'materialized view' else 'view' end as kind,
      case when v.rulename <> '_RETURN' then format('%I on %s', v.rulename, q.name) else q.name end as name,
      case when v.rulename <> '_RETURN' then pg_get_ruledef(v.rule)
        else format('create %s %s%s as%s', case c.relkind when 'm' then 'materialized view' else 'view' end, q.name,
          ' with (' || array_to_string(c.reloptions, ', ') || ')', E'\\n' || pg_get_viewdef(c.oid))
      end as definition
    from views v
    join pg_class c on c.oid = v.ev_class
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select format('%I.%I', n.nspname, c.relname) as name) as q
    union all
    select 1, d.label, d.replaced or k.contype <> 'c', case k.contype when 'f' then 'foreign key' else 'constraint' end,
      format('%I on %s', k.conname, q.name),
      format('alter table %s add constraint %I %s', q.name, k.conname, pg_get_constraintdef(k.oid))
    from direct d join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select format('%I.%I', n.nspname, c.relname) as name) as q
    where k.contype <> 'n' and not (n.nspname = $1 and c.relname = any ($2) and k.conname = any ($6))
    union all
    select 1, d.label, true, 'index', format('%I.%I', n.nspname, c.relname), pg_get_indexdef(c.oid)
    from direct d join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relkind = 'i'
    join pg_namespace n on n.oid = c.relnamespace
    join pg_index x on x.indexrelid = c.oid
    -- One on an expression or with a condition is built anew, under the lock, when a type changes.
    where (d.replaced or x.indexprs is not null or x.indpred is not null)
      and not (n.nspname = $1 and c.relname = any ($7))
    union all
    select 1, d.label, true, 'column of its row type',
      format('%I.%I.%I', n.nspname, c.relname, a.attname),
      format('alter table %I.%I add column %I %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
    from (select o.oid, o.relname as label, o.reltype from ours o where exists (select from watched w where w.oid = o.oid)) as d
    join pg_type t on t.oid = d.reltype
    join pg_attribute a on a.atttypid in (t.oid, t.typarray) and not a.attisdropped
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm', 'p')
    join pg_namespace n on n.oid = c.relnamespace
    union all
    select 1, d.label, true, 'statistics', format('%I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
    from direct d join pg_statistic_ext s on d.classid = 'pg_statistic_ext'::regclass and s.oid = d.objid
    join pg_namespace n on n.oid = s.stxnamespace
    where d.replaced
    union all
    select 1, d.label, true, 'generated column', format('%I.%I.%I', n.nspname, c.relname, a.attname),
      format('alter table %I.%I add column %I %s generated always as (%s)%s', n.nspname, c.relname, a.attname,
        format_type(a.atttypid, a.atttypmod), pg_get_expr(f.adbin, f.adrelid),
        case a.attgenerated when 's' then ' stored' else '' end)
    from direct d
    -- The dependency is the column's own on some versions, and that of its expression on others.
    join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
      or d.classid = 'pg_class'::regclass and f.adrelid = d.objid and f.adnum = d.objsubid
    join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum and a.attgenerated <> ''
    join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    union all
    select 1, d.label, true, 'trigger', format('%I on %I.%I', t.tgname, n.nspname, c.relname), pg_get_triggerdef(t.oid)
    from direct d join pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid and not t.tgisinternal
    join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_proc p on p.oid = t.tgfoid
    where not (p.pronamespace = n.oid and n.nspname = $1
      and p.proname || '(' || oidvectortypes(p.proargtypes) || ')' = any ($8))
    union all
    select 1, d.label, true, 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname),
      format('create policy %I on %I.%I as %s for %s to %s%s%s', p.polname, n.nspname, c.relname,
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ')
          from unnest(p.polroles) as role),
        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    from direct d join pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
    join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    union all
    select 1, d.label, true, 'publication', format('%I of %I.%I', u.pubname, n.nspname, c.relname),
      format('alter publication %I add table %I.%I%s%s', u.pubname, n.nspname, c.relname,
        (select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
          from pg_attribute a where a.attrelid = c.oid and a.attnum = any (p.prattrs::int2[])),
        ' where (' || pg_get_expr(p.prqual, p.prrelid) || ')')
    from direct d join pg_publication_rel p on d.classid = 'pg_publication_rel'::regclass and p.oid = d.objid
    join pg_publication u on u.oid = p.prpubid
    join pg_class c on c.oid = p.prrelid join pg_namespace n on n.oid = c.relnamespace
    where d.replaced or p.prqual is not null
    union all
    -- Nothing depends on a right on one column: it goes with the column.
    select 1, w.label, true, 'right', format('%s of %s', x.privilege_type, g.name),
      format('grant %s (id) on %I.%I to %s%s', x.privilege_type, $1, c.relname, g.name,
        case when x.is_grantable then ' with grant option' else '' end)
    from watched w
    join pg_class c on c.oid = w.oid and c.relkind = 'r'
    join pg_attribute a on a.attrelid = w.oid and a.attnum = w.attnum
    cross join aclexplode(a.attacl) as x
    cross join lateral (
      select case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as name
    ) as g
    where w.replaced
    union all
    select 1, d.label, true, 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid)
    from direct d join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
  )
  select kind, name, array_agg(distinct label order by label) as "on", min(definition) as definition, bool_or(stops) as stops
  from found
  group by kind, name
  order by max(depth), kind, name`;

/** Whatever is not ours and stands on a column that the newest version changes; in an order to make it again in. */
export async function dependentsOf(session: Queryable, book: string): Promise<Dependent[]> {
  return session.query<Dependent>(DEPENDENTS, [
    book,
    CHANGED.map(({ table }) => table),
    CHANGED.map(({ column }) => column),
    CHANGED.map(({ type }) => type),
    [...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name),
    OUR_CONSTRAINTS,
    INDEXES.map(({ name }) => name),
    OUR_FUNCTIONS,
  ]);
}
