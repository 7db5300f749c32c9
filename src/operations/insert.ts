import { type Queryable, toArrayText } from '../database/index.js';
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
 * The statement that records rows from arrays. A batch is taken for new and written by a plain INSERT: minding rows that
 * are there already costs a tenth, and comparing them a third. Where one is there, the careful statement writes the others
 * and says which, and those that stood there are compared, column by column, so that the answer tells the same content
 * from other content. Who sends old batches (a replay that is run again) goes on with the careful one meanwhile.
 */
export function insertion<Item extends object>(spec: Insertion<Item>): Statement<Item> {
  const columns = Object.keys(spec.columns) as (keyof Item & string)[];
  const texts = {
    plain: plainText(spec, columns),
    careful: carefulText(spec, columns),
    comparing: comparingText(spec, columns),
  };
  const old = { one: new WeakSet<Queryable>(), many: new WeakSet<Queryable>() };

  const recorded = (item: Item): Decided => ({ id: spec.idOf(item), outcome: 'recorded' });
  const run = <Row>(context: Context, text: Texts, items: readonly Item[]) =>
    context.database.query<Row>(text(context.book), arraysOf(columns, items));
  return async (context, items) => {
    const senders = items.length === 1 ? old.one : old.many;
    if (!context.inTransaction && !senders.has(context.database)) {
      try {
        await run(context, texts.plain, items);
        return items.map(recorded);
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
    }
    const [row] = await run<{ written: number[] | null }>(context, texts.careful, items);
    if (row!.written === null) {
      senders.delete(context.database);
      return items.map(recorded);
    }
    senders.add(context.database);
    const written = new Set(row!.written);
    const there = items.filter((_, at) => !written.has(at + 1));
    const compared = (await run<Comparison>(context, texts.comparing, there)).map((found, at) =>
      decide(spec.idOf(there[at]!), found),
    );
    let next = 0;
    return items.map((item, at) => (written.has(at + 1) ? recorded(item) : compared[next++]!));
  };
}

/** A row of an index that allows one only; asked of the state, because each table's constraint has another name. */
const isDuplicate = (error: unknown): boolean =>
  ((error as Error).cause as { code?: string } | undefined)?.code === '23505';

/** An array a column, as parameters. */
export const arraysOf = <Item>(columns: readonly (keyof Item & string)[], items: readonly Item[]): string[] =>
  columns.map((column) =>
    toArrayText(items.map((item) => item[column] as string | number | null | undefined)),
  );

interface Comparison {
  there: boolean;
  differing: string[];
}

function decide(id: string, { there, differing }: Comparison): Decided {
  // It was there a moment ago, and has been removed since.
  if (!there) return 'undecided';
  return differing.length > 0
    ? { id, outcome: 'conflict', fields: differing }
    : { id, outcome: 'already_recorded' };
}

type Texts = (book: string) => string;

/** Rows go in by key order: two batches with the same ids in another order then wait for each other, not in a ring. */
const insertText = <Item>(spec: Insertion<Item>, columns: readonly string[], book: string): string => {
  const list = columns.join(', ');
  return `insert into ${book}.${spec.table} (${list})
      select ${list} from unnest(${arraysText(spec, columns)}) as i (${list}) order by ${spec.key.join(', ')}`;
};

const plainText =
  <Item>(spec: Insertion<Item>, columns: readonly string[]): Texts =>
  (book) =>
    insertText(spec, columns, book);

/** Answers with nothing where every row was written, else with the places of those that were. */
function carefulText<Item>(spec: Insertion<Item>, columns: readonly string[]): Texts {
  const keys = spec.key.join(', ');
  const keyArrays = spec.key.map((key) => arrayOf(spec, columns, key)).join(', ');
  return (book) => `
    with written as (
      ${insertText(spec, columns, book)}
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
