import { z } from 'zod';

/** One of the columns that a read is ordered by. Together they are of one row only. */
export interface Key {
  /** SQL of the column. */
  by: string;
  type: 'bigint' | 'text' | 'timestamp';
  /** Field of the row that holds it exactly. One that has none is read beside the row. */
  of?: string;
}

export interface Order {
  /** All in one direction, so that what follows a row is one comparison of rows, and a span of an index. */
  direction: 'asc' | 'desc';
  keys: readonly Key[];
}

/** Rows of a read, and the cursor of what follows them: pass it as `after`. Null: there is nothing more. */
export type Page<Row> = Row[] & { readonly next: string | null };

export const ID: Key = { by: 't.id', type: 'bigint', of: 'id' };
export const number = (column: string): Key => ({ by: column, type: 'bigint', of: column });
export const words = (column: string): Key => ({ by: column, type: 'text', of: column });
/** A row has it in milliseconds, the column in microseconds. */
export const moment = (column: string): Key => ({ by: column, type: 'timestamp' });

export const orderText = ({ direction, keys }: Order): string =>
  keys.map(({ by }) => `${by} ${direction}`).join(', ');

const hidden = (at: number): string => `key_${at}`;

/** Columns beside the row's own, of keys that it does not hold. */
export const hiddenColumns = ({ keys }: Order): string[] =>
  keys.flatMap(({ by, of }, at) => (of === undefined ? [`(${by})::text as ${hidden(at)}`] : []));

/** The condition on what follows a row, its keys being parameters from `first` on. */
export function afterText({ direction, keys }: Order, first: number): string {
  const values = keys.map(({ type }, at) => `$${first + at}::${type}`);
  return `(${keys.map(({ by }) => by).join(', ')}) ${direction === 'asc' ? '>' : '<'} (${values.join(', ')})`;
}

/** The rows without what was read beside them, and with what follows. */
export function pageOf<Row extends object>(
  name: string,
  order: Order,
  found: Row[],
  limit: number | undefined,
): Page<Row> {
  const last = found.at(-1) as Record<string, unknown> | undefined;
  const isFull = last !== undefined && limit !== undefined && found.length === limit;
  const next = isFull ? encode(name, keysOf(order, last)) : null;
  const beside = order.keys.flatMap(({ of }, at) => (of === undefined ? [hidden(at)] : []));
  if (beside.length > 0) for (const row of found) dropFrom(row as Record<string, unknown>, beside);
  // Not counted among what it holds: to whoever does not turn pages it is an array like any other.
  return Object.defineProperty(found, 'next', { value: next }) as Page<Row>;
}

function dropFrom(row: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) delete row[name];
}

const keysOf = ({ keys }: Order, row: Record<string, unknown>): string[] =>
  keys.map(({ of }, at) => String(row[of ?? hidden(at)]));

const encode = (name: string, keys: readonly string[]): string =>
  Buffer.from(JSON.stringify([name, ...keys])).toString('base64url');

const NUMBER = /^-?\d{1,18}$/;
const MOMENT = /^(\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?|-?infinity)$/;
const FORMS: Record<Key['type'], (text: string) => boolean> = {
  bigint: (text) => NUMBER.test(text),
  timestamp: (text) => MOMENT.test(text),
  text: (text) => text.isWellFormed() && !text.includes('\0'),
};

/** A cursor as the values of its keys. What is no cursor of this read, or was changed into none, is refused. */
export const cursorOf = (name: string, { keys }: Order) =>
  z
    .string('a cursor is wanted')
    .max(1000, 'it is no cursor of this read')
    .transform((text, context): string[] => {
      const values = decode(text);
      const isOurs =
        values?.length === keys.length + 1 &&
        values[0] === name &&
        keys.every(({ type }, at) => FORMS[type](values[at + 1]!));
      if (isOurs) return values.slice(1);
      context.issues.push({ code: 'custom', message: 'it is no cursor of this read', input: text });
      return z.NEVER;
    })
    .optional()
    .meta({ description: 'Cursor of the page before (`next`): the rows that follow it' });

function decode(text: string): string[] | undefined {
  try {
    const values: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(values) && values.every((value) => typeof value === 'string') ? values : undefined;
  } catch {
    return undefined;
  }
}
