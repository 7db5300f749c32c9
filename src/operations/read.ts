import { z } from 'zod';
import { literal } from '../database/index.js';
import { limit, noLimit } from './fields.js';
import type { Operation } from './operation.js';
import { afterText, cursorOf, hiddenColumns, type Order, orderText, type Page, pageOf } from './page.js';

export interface Read<Row extends z.ZodObject, Filters extends z.ZodRawShape> {
  summary: string;
  /** Table or view of the book. */
  from: string;
  /** Shape of a row; its keys are the columns that are read. */
  row: Row;
  filters: Filters;
  /** SQL of each filter; `$` stands for its parameter, `{book}` for the schema. A filter that is not given does not count. */
  where: { readonly [Filter in keyof Filters & string]: string };
  order: Order;
  /** A filter whose value decides the plan, so that none is kept: see `riskEvents`. */
  decisive?: keyof Filters & string;
  /** All rows unless told otherwise: a part of the answer would be a wrong answer. */
  whole?: boolean;
  /** Columns that are not read as they stand: SQL by column. */
  expressions?: { readonly [Column in keyof z.output<Row> & string]?: string };
}

/** A read of rows whose rows may also be found otherwise than by its filters. */
export interface Rows<Input extends z.ZodType, Row> extends Operation<Input, Page<Row>> {
  /** SQL of its rows, before any condition; the table is `t`. `book` is quoted. */
  select(book: string): string;
}

/**
 * A read of rows by filters, page by page where it is limited: what was recorded meanwhile moves no row to another page.
 * The text depends only on which filters are given, so the server may keep its plan.
 */
export function defineRead<Row extends z.ZodObject, Filters extends z.ZodRawShape>(spec: Read<Row, Filters>) {
  const { from, order } = spec;
  const input = z.strictObject({
    ...spec.filters,
    limit: spec.whole ? noLimit : limit,
    after: cursorOf(from, order),
  });
  const own = Object.keys(spec.row.shape).map((column) => {
    const expression = (spec.expressions as Record<string, string> | undefined)?.[column];
    return expression ? `${expression} as ${column}` : column;
  });
  const columns = [...own, ...hiddenColumns(order)].join(', ');
  // Words of a fixed list stand in the text: how many rows have one decides the plan, and indexes may be made for it.
  const words = new Set(Object.keys(spec.filters).filter((filter) => isWord(spec.filters[filter]!)));
  // Of a page in the middle a plan for any page would take it for a third of the table.
  const isDecisive = (given: Record<string, unknown>) =>
    given.after !== undefined || (spec.decisive !== undefined && given[spec.decisive] !== undefined);
  const select = (book: string) => `select ${own.join(', ')} from ${book}.${from} as t`;
  const operation: Rows<typeof input, z.output<Row>> = {
    select,
    summary: spec.summary,
    kind: 'read',
    input,
    result: spec.row,
    async run(context, parsed) {
      const given = parsed as Record<string, unknown> & { limit?: number; after?: string[] };
      const { where, values } = conditionsOf(spec.where, given, context.book, words);
      const rest = given.after ? ` and ${afterText(order, values.length + 1)}` : '';
      // Not a parameter: a plan that is kept for every limit is one for a tenth of the table. It is a checked integer.
      const limit = given.limit === undefined ? '' : `limit ${Number(given.limit)}`;
      const rows = await context.database.query<z.output<Row>>(
        `select ${columns} from ${context.book}.${from} as t where ${where}${rest} order by ${orderText(order)} ${limit}`,
        [...values, ...(given.after ?? [])],
        { prepared: isKept(given.limit) && !isDecisive(given) },
      );
      return pageOf(from, order, rows, given.limit);
    },
  };
  return operation;
}

/**
 * SQL of the filters that are given, each with `$` for its value: in the text where it is one of `words`, else as a
 * parameter. Only what is given stands in the text: a plan that the server keeps could else not begin with it.
 */
export function conditionsOf(
  filters: Readonly<Record<string, string>>,
  given: Readonly<Record<string, unknown>>,
  book: string,
  words: ReadonlySet<string> = new Set(),
): { where: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions = Object.entries(filters).flatMap(([filter, sql]) => {
    const value = given[filter];
    if (value === undefined) return [];
    const placed = words.has(filter) ? literal(String(value)) : `$${values.push(value)}`;
    return [sql.replaceAll('$', () => placed).replaceAll('{book}', () => book)];
  });
  return { where: conditions.join(' and ') || 'true', values };
}

/** Of how many limits a statement is kept prepared: whoever asks with any number would use up the names. */
const KEPT = new Set<unknown>([undefined, 1, 10, 100, 1000, 10_000]);
const isKept = (limit: unknown): boolean => KEPT.has(limit);

function isWord(schema: z.core.$ZodType): boolean {
  const { type, innerType } = schema._zod.def as { type: string; innerType?: z.core.$ZodType };
  return type === 'enum' || (innerType !== undefined && isWord(innerType));
}
