import { identifier, type Queryable } from '../database/index.js';
import type { TableFacts } from './side-file.js';

/** A table, and those of its columns that are looked at. */
export interface Counted {
  table: string;
  columns: readonly { name: string; type: string }[];
}

/**
 * Counts, sums and a hash of each table, by which a copy is held against its original: the order of rows and of columns
 * does not matter, and the text of a value is the same on every version of the server. The session must say times in ISO.
 * The hash takes most of the time; where the copy is of a later moment it says nothing.
 */
export async function factsOf(
  session: Queryable,
  book: string,
  tables: readonly Counted[],
  { hashed = true }: { hashed?: boolean } = {},
): Promise<TableFacts[]> {
  const facts: TableFacts[] = [];
  for (const { table, columns } of tables) {
    const names = columns.map(({ name }) => name).sort();
    const summed = columns
      .filter(({ type }) => /^numeric(\(|$)/.test(type) && !type.endsWith('[]'))
      .map(({ name }) => name);
    const sums = summed.map(
      (name) => `'${name.replaceAll("'", "''")}', coalesce(sum(${identifier(name)}), 0)::text`,
    );
    const ms = (which: string) =>
      names.includes('created_at')
        ? `floor(extract(epoch from ${which}(created_at) filter (where isfinite(created_at))) * 1000)::bigint`
        : 'null::bigint';
    const hash = `coalesce(sum(hashtextextended(row(${names.map(identifier).join(', ')})::text, 0)), 0)::text`;
    const [row] = await session.query<Omit<TableFacts, 'table' | 'columns'>>(
      `select count(*) as rows, jsonb_build_object(${sums.join(', ')}) as sums,
         ${hashed ? hash : "''"} as hash,
         ${ms('min')} as first_ms, ${ms('max')} as last_ms
       from ${identifier(book)}.${identifier(table)}`,
    );
    facts.push({ table, columns: names, ...row! });
  }
  return facts;
}

/** What a copy has other than its original, a sentence each. */
export function differences(original: readonly TableFacts[], copy: readonly TableFacts[]): string[] {
  return original.flatMap((was) => {
    const is = copy.find(({ table }) => table === was.table);
    if (!is) return [`${was.table} is not there.`];
    if (is.rows !== was.rows) return [`${was.table} has ${is.rows} rows, and had ${was.rows}.`];
    const sum = Object.keys(was.sums).find((column) => is.sums[column] !== was.sums[column]);
    if (sum !== undefined)
      return [`${was.table}: the sum of ${sum} is ${is.sums[sum]}, and was ${was.sums[sum]}.`];
    return is.hash === was.hash ? [] : [`${was.table} has as many rows as it had, and not the same.`];
  });
}

/** From these nothing is ever taken away: no retention, no folding. */
const LASTING = ['trades', 'corrections', 'limits', 'capital', 'halts'];

/** What a copy that is later than these facts lacks, a sentence each. */
export function losses(before: readonly TableFacts[], copy: readonly TableFacts[]): string[] {
  return before.flatMap((was) => {
    const is = copy.find(({ table }) => table === was.table);
    if (!is) return [`${was.table} is not there.`];
    const isLess = LASTING.includes(was.table) && is.rows < was.rows;
    return isLess ? [`${was.table} has ${is.rows} rows, and had ${was.rows} when the backup began.`] : [];
  });
}
