import type { Decided, Statement } from './batch.js';
import type { Context } from './operation.js';

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
 * The statement that records rows from arrays. Rows whose key is taken are not written but compared, column by column,
 * by a second statement, so that the answer tells the same content from other content. The comparison is apart because
 * nearly every batch is new: in one statement with the insert it took a third of the time of a batch that needs none.
 */
export function insertion<Item extends object>(spec: Insertion<Item>): Statement<Item> {
  const columns = Object.keys(spec.columns) as (keyof Item & string)[];
  const writing = writingText(spec, columns);
  const comparing = comparingText(spec, columns);
  const arraysOf = (items: Item[]) => columns.map((column) => items.map((item) => item[column] ?? null));
  const compare = async (context: Context, items: Item[]): Promise<Decided[]> => {
    const rows = await context.database.query<{ there: boolean; differing: string[] }>(
      comparing(context.book),
      arraysOf(items),
    );
    return rows.map(({ there, differing }, at): Decided => {
      const id = spec.idOf(items[at]!);
      // It was there a moment ago, and has been removed since.
      if (!there) return 'undecided';
      return differing.length > 0
        ? { id, outcome: 'conflict', fields: differing }
        : { id, outcome: 'already_recorded' };
    });
  };
  return async (context, items) => {
    const [row] = await context.database.query<{ written: number[] | null }>(
      writing(context.book),
      arraysOf(items),
    );
    const decided: Decided[] = items.map((item) => ({ id: spec.idOf(item), outcome: 'recorded' }));
    if (row!.written === null) return decided;
    const written = new Set(row!.written);
    const others = items.flatMap((_, at) => (written.has(at + 1) ? [] : [at]));
    const compared = await compare(
      context,
      others.map((at) => items[at]!),
    );
    for (const [index, at] of others.entries()) decided[at] = compared[index]!;
    return decided;
  };
}

type Texts = (book: string) => string;

/**
 * Answers with nothing where every row was written, else with the places of those that were. Rows go in by key order:
 * two batches with the same ids in another order then wait for each other, not in a ring.
 */
function writingText<Item>(spec: Insertion<Item>, columns: readonly string[]): Texts {
  const list = columns.join(', ');
  const keys = spec.key.join(', ');
  const keyArrays = spec.key.map((key) => arrayOf(spec, columns, key)).join(', ');
  return (book) => `
    with written as (
      insert into ${book}.${spec.table} (${list})
      select ${list} from unnest(${arraysText(spec, columns)}) as i (${list}) order by ${keys}
      on conflict (${keys}) do nothing
      returning ${keys}
    )
    select case when (select count(*) from written) < cardinality($1) then array(
      select i.ord::integer
      from unnest(${keyArrays}) with ordinality as i (${keys}, ord) join written using (${keys})
    ) end as written`;
}

function comparingText<Item>(spec: Insertion<Item>, columns: readonly string[]): Texts {
  const differs = spec.differs as Record<string, string> | undefined;
  const differing = columns
    .filter((column) => !(spec.key as readonly string[]).includes(column))
    .map((c) => `case when ${differs?.[c] ?? `t.${c} is distinct from i.${c}`} then '${c}' end`);
  const keys = spec.key.join(', ');
  return (book) => `
    select
      t.${spec.key[0]} is not null as there,
      array_remove(array[${differing.join(', ')}]::text[], null) as differing
    from unnest(${arraysText(spec, columns)}) with ordinality as i (${columns.join(', ')}, ord)
    left join ${book}.${spec.table} as t using (${keys})
    order by i.ord`;
}

const arrayOf = <Item>(spec: Insertion<Item>, columns: readonly string[], column: string): string =>
  `$${columns.indexOf(column) + 1}::${(spec.columns as Record<string, SqlType>)[column]}[]`;

const arraysText = <Item>(spec: Insertion<Item>, columns: readonly string[]): string =>
  columns.map((column) => arrayOf(spec, columns, column)).join(', ');
