import { ClaireError } from '../errors/index.js';
import type { Decided, Statement } from './batch.js';
import { type SqlType, toParameter } from './insert.js';

export interface Change<Item> {
  table: 'orders' | 'trades';
  key: keyof Item & string;
  columns: { readonly [Column in keyof Item & string]?: SqlType };
  /** Column and SQL of its new value; `i` is the input, `t` the row. */
  set: Readonly<Record<string, string>>;
  idOf(item: Item): string;
}

/**
 * The statement that moves rows to another state. Whether the move is allowed is for the database to say; a row that
 * stands there already, with the same content, is left alone.
 */
export function change<Item extends object>(spec: Change<Item>): Statement<Item> {
  const columns = Object.keys(spec.columns) as (keyof Item & string)[];
  const arrays = columns.map((column, at) => `$${at + 1}::${spec.columns[column]}[]`).join(', ');
  const set = Object.entries(spec.set);
  const text = (book: string) => `
    with input as (
      select * from unnest(${arrays}) with ordinality as i (${columns.join(', ')}, ord)
    ),
    changed as (
      update ${book}.${spec.table} as t
      set ${set.map(([column, value]) => `${column} = ${value}`).join(', ')}
      from input as i
      where t.${spec.key} = i.${spec.key}
        and (${set.map(([column]) => `t.${column}`).join(', ')}) is distinct from (${set.map(([, value]) => value).join(', ')})
      returning i.ord
    )
    select
      exists (select from changed as c where c.ord = i.ord) as changed,
      exists (select from ${book}.${spec.table} as t where t.${spec.key} = i.${spec.key}) as there
    from input as i
    order by i.ord`;
  return async (context, items) => {
    const values = columns.map((column) =>
      items.map((item) => toParameter(item[column], spec.columns[column]!)),
    );
    const rows = await context.database.query<{ changed: boolean; there: boolean }>(
      text(context.book),
      values,
    );
    return rows.map((row, at): Decided => {
      const id = spec.idOf(items[at]!);
      if (!row.there) {
        return new ClaireError('not_found', {
          found: `${spec.key} ${id} is not in ${spec.table}.`,
          details: { id },
        });
      }
      return { id, outcome: row.changed ? 'recorded' : 'already_recorded' };
    });
  };
}
