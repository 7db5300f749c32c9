import { identifier, literal } from '../../database/index.js';
import type { RestorableTable } from './tables.js';

/** What stands where: the words of a statement that holds rows of a backup against live ones. */
export interface Compared {
  table: RestorableTable;
  /** The live table, as SQL. */
  live: string;
  /** The book, as SQL. */
  schema: string;
  /** Columns that both have. */
  columns: readonly string[];
}

/** Why a restored row came back, as its correction says it; what follows is the name of the backup. */
export const RESTORED = 'restored from backup ';

/** A row that is known by nothing but its number, from before rows had ids of their own. */
const unnamed = (table: RestorableTable, row: string) => `${row}.${table.key[0]} is null`;

const sameKey = (table: RestorableTable) =>
  table.key.map((column) => `l.${column} = b.${column}`).join(' and ');

/** Two branches and no OR, which no hash join can follow. */
function branches(table: RestorableTable): { where: string; same: string }[] {
  if (!table.keyMayBeMissing) return [{ where: 'true', same: sameKey(table) }];
  return [
    { where: `not ${unnamed(table, 'b')}`, same: sameKey(table) },
    { where: unnamed(table, 'b'), same: 'l.id = b.id' },
  ];
}

/** Columns that say what was recorded. The number of a row that has an id of its own is none. */
export const facts = ({ table, columns }: Compared): string[] =>
  columns.filter((column) => column !== 'id' && !table.ignored.includes(column));

/**
 * SQL: each row of the backup without its like among the live ones: which it is (`claire_row`), the number of the live
 * one, its class, and the columns that differ without a reason. $1: table, $2: since when corrections count, $3: the
 * pattern of the reasons that restores give.
 *
 * Classes: `missing`, `different`; and what stays as it is: `quarantined` (it left by decision), `expired` (by
 * retention), `moved` (the live row lawfully went on).
 */
export function findSql(compared: Compared, source: string): string {
  const { table, live, schema } = compared;
  const columns = facts(compared);
  const list = (row: string) => `row(${columns.map((column) => `${row}.${identifier(column)}`).join(', ')})`;
  const differing = columns.map(
    (column) =>
      `case when b.${identifier(column)} is distinct from l.${identifier(column)} then ${literal(column)} end`,
  );
  const [missing, number] = table.isNumbered
    ? ['l.id is null', 'l.id']
    : [`l.${table.key[0]} is null`, 'null::bigint'];
  const pairs = branches(table).map(
    ({ where, same }) => `
      select b.claire_row, b.claire_expired, ${table.isNumbered ? 'b.id' : 'null::bigint'} as backup_id, ${number} as live_id,
        ${missing} as is_missing, to_jsonb(l) as live_row,
        array_remove(array[${differing.join(', ')}]::text[], null) as differing,
        (${(table.moved ?? 'null::text[]').replaceAll('{book}', schema)})::text[] as moved
      from ${source} as b left join ${live} as l on ${same}
      where ${where} and (${missing} or ${list('b')} is distinct from ${list('l')})`,
  );
  return `
    with pair as (${pairs.join(' union all ')}),
    explained as (
      select p.*, coalesce(p.moved, '{}') || array(
        select c.column_name from ${schema}.corrections as c
        where c.table_name = $1 and c.row_id = p.live_id and c.created_at >= $2::timestamp
          and c.reason not like $3 and c.after is not distinct from p.live_row -> c.column_name
      ) as reasons
      from pair as p
    )
    select claire_row, live_id,
      case
        when is_missing then case
          when exists (
            select from ${schema}.quarantine as q
            where q.table_name = $1 and q.row_id = e.backup_id and q.state in ('held', 'discarded')
          ) then 'quarantined'
          when claire_expired then 'expired'
          else 'missing'
        end
        when differing <@ reasons then 'moved'
        else 'different'
      end as class,
      case when not is_missing then array(
        select d from unnest(differing) with ordinality as u (d, place) where d <> all (reasons) order by place
      ) end as differing
    from explained as e`;
}

/** SQL: live rows that the backup does not have. `is_newer`: recorded since. $1: until when the backup holds everything. */
export function extraSql({ table, live }: Compared, source: string): string {
  const absent = branches(table).map(
    ({ where, same }) => `not exists (select from ${source} as b where ${where} and ${same})`,
  );
  // What was being recorded while the backup was taken has a later number than all that is in it.
  const later = table.isNumbered ? ` or l.id > (select coalesce(max(id), 0) from ${source})` : '';
  return `
    select ${table.isNumbered ? 'l.id' : 'null::bigint'} as id, ${table.key
      .map((column, at) => `l.${column}::text as key_${at}`)
      .join(', ')}, coalesce(l.created_at >= $1::timestamp${later}, false) as is_newer
    from ${live} as l where ${absent.join(' and ')}`;
}
