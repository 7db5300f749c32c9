import type { Decided, Statement } from './batch.js';

export type SqlType = 'text' | 'numeric' | 'bigint' | 'jsonb';

export interface Insertion<Item> {
  table: 'signals' | 'orders' | 'trades' | 'risk_events' | 'candles';
  /** Columns that make the id; a row with the same key is compared instead of written. */
  key: readonly (keyof Item & string)[];
  columns: { readonly [Column in keyof Item & string]-?: SqlType };
  /**
   * SQL for "differs" of columns that may have moved since the row was written (`i` is the input, `t` the row);
   * `false` where the column is not part of "the same content". Others differ where they are distinct.
   */
  differs?: { readonly [Column in keyof Item & string]?: string };
  idOf(item: Item): string;
}

/**
 * The statement that records rows from arrays. A row whose key is taken is not written but compared, column by column,
 * so the answer tells the same content from other content.
 */
export function insertion<Item extends object>(spec: Insertion<Item>): Statement<Item> {
  const columns = Object.keys(spec.columns) as (keyof Item & string)[];
  const differing = columns
    .filter((column) => !spec.key.includes(column))
    .map((c) => `case when ${spec.differs?.[c] ?? `t.${c} is distinct from i.${c}`} then '${c}' end`);
  const text = statementText(spec.table, columns, spec.columns, spec.key, differing.join(', '));
  return async (context, items) => {
    const values = columns.map((column) => items.map((item) => item[column] ?? null));
    const rows = await context.database.query<{ recorded: boolean; there: boolean; differing: string[] }>(
      text(context.book),
      values,
    );
    return rows.map((row, at): Decided => {
      const id = spec.idOf(items[at]!);
      if (row.recorded) return { id, outcome: 'recorded' };
      if (!row.there) return 'undecided';
      if (row.differing.length > 0) return { id, outcome: 'conflict', fields: row.differing };
      return { id, outcome: 'already_recorded' };
    });
  };
}

/** Rows go in by key order: two batches with the same ids in another order then wait for each other, not in a ring. */
function statementText(
  table: string,
  columns: readonly string[],
  types: Record<string, SqlType>,
  key: readonly string[],
  differing: string,
): (book: string) => string {
  const list = columns.join(', ');
  const keys = key.join(', ');
  const arrays = columns.map((column, at) => `$${at + 1}::${types[column]}[]`).join(', ');
  return (book) => `
    with input as (
      select * from unnest(${arrays}) with ordinality as i (${list}, ord)
    ),
    written as (
      insert into ${book}.${table} (${list})
      select ${list} from input order by ${keys}
      on conflict (${keys}) do nothing
      returning ${keys}
    )
    select
      w.${key[0]} is not null as recorded,
      t.${key[0]} is not null as there,
      array_remove(array[${differing}]::text[], null) as differing
    from input as i
    left join written as w using (${keys})
    left join ${book}.${table} as t using (${keys})
    order by i.ord`;
}
