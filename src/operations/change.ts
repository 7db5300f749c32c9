import { ClaireError, type ErrorCode } from '../errors/index.js';
import type { Decided, Statement } from './batch.js';
import { arraysOf, type SqlType } from './insert.js';

export interface Change<Item> {
  table: 'orders' | 'trades';
  columns: { readonly [Column in keyof Item & string]?: SqlType };
  /** SQL by which an item finds its rows, each able to use an index; `i` is the input, `t` the row. */
  find: readonly string[];
  from: string;
  to: string;
  /** Columns that move with the status, and SQL of their new value. */
  set: Readonly<Record<string, string>>;
  /** The law that refuses where a row stands in a third state. */
  final: { code: ErrorCode; law: string };
  idOf(item: Item): string;
}

const FEW = 50;

interface Row {
  changed: boolean;
  /** Of the row that is nearest to what was asked for; null where there is none. */
  status: string | null;
  differing: string[] | null;
}

/**
 * The statement that moves rows from one state to another, locking them in the order of their ids. A row that has moved
 * already is compared: the same content is already recorded, other content a conflict.
 */
export function change<Item extends object>(spec: Change<Item>): Statement<Item> {
  const columns = Object.keys(spec.columns) as (keyof Item & string)[];
  const text = statementText(spec, columns);
  return async (context, items) => {
    const rows = await context.database.query<Row>(text(context.book), arraysOf(columns, items), {
      // A kept plan takes every array for a short one, and joins a long one row by row.
      prepared: items.length <= FEW,
    });
    return rows.map((row, at) => decide(spec, spec.idOf(items[at]!), row));
  };
}

function decide<Item>(
  { table, from, to, final }: Change<Item>,
  id: string,
  { changed, status, differing }: Row,
): Decided {
  if (changed) return { id, outcome: 'recorded' };
  if (status === null || differing === null) {
    return new ClaireError('not_found', { found: `${id} is not in ${table}.`, details: { id } });
  }
  // Another session moved it after this statement had begun: what it is now, the next look says.
  if (status === from) return 'undecided';
  if (status !== to) {
    const found = `${id} is ${status} and stays so; ${to} was asked for.`;
    return new ClaireError(final.code, { law: final.law, found, details: { id, status } });
  }
  return differing.length > 0
    ? { id, outcome: 'conflict', fields: differing }
    : { id, outcome: 'already_recorded' };
}

function statementText<Item>(spec: Change<Item>, columns: readonly string[]): (book: string) => string {
  const types = spec.columns as Record<string, SqlType>;
  const arrays = columns.map((column, at) => `$${at + 1}::${types[column]}[]`).join(', ');
  const set = Object.entries(spec.set);
  const differing = set
    .map(([column, value]) => `case when t.${column} is distinct from ${value} then '${column}' end`)
    .join(', ');
  return (book) => {
    const table = `${book}.${spec.table}`;
    // With all that an item holds: joined to the input again, a batch of 1,000 was compared a million times.
    const found = spec.find.map(
      (by) => `select i.*, t.id as row_id from input as i join ${table} as t on ${by}`,
    );
    return `
    with input as (
      select * from unnest(${arrays}) with ordinality as i (${columns.join(', ')}, ord)
    ),
    target as materialized (${found.join(' union all ')}),
    locked as materialized (
      select t.id from ${table} as t
      where t.id in (select row_id from target) and t.status = '${spec.from}'
      order by t.id for no key update
    ),
    changed as (
      update ${table} as t
      set status = '${spec.to}'${set.map(([column, value]) => `, ${column} = ${value}`).join('')}
      from target as i
      where t.id = i.row_id and t.id in (select id from locked) and t.status = '${spec.from}'
      returning i.ord
    ),
    states as (
      select distinct on (i.ord) i.ord, t.status, array_remove(array[${differing}]::text[], null) as differing
      from target as i join ${table} as t on t.id = i.row_id
      order by i.ord, t.status = '${spec.from}' desc, 3
    )
    select c.ord is not null as changed, s.status, s.differing
    from input as i
    left join states as s on s.ord = i.ord
    left join (select distinct ord from changed) as c on c.ord = i.ord
    order by i.ord`;
  };
}
