/*
 * What a statement that cannot say IF NOT EXISTS, or says it without looking closely, would make, and whether that
 * stands already; and what is plain to see before it is run. Names are found by the search path, which begins with the book.
 */

const INDEX = /^create (?:unique )?index (?:concurrently )?(?:if not exists )?(\w+) on/;

/** Pattern of the statement, and a query that has what the pattern caught as $1, $2. */
export const STANDS_ALREADY: readonly (readonly [pattern: RegExp, query: string])[] = [
  [
    /^alter table (\w+)\s+add constraint (\w+)/,
    'select exists (select from pg_constraint where conrelid = $1::regclass and conname = $2) as done',
  ],
  [/^create (?:table|materialized view) if not exists (\w+)/, 'select to_regclass($1) is not null as done'],
  [/^drop index concurrently if exists (\w+)/, 'select to_regclass($1) is null as done'],
  [
    INDEX,
    'select coalesce((select indisvalid from pg_index where indexrelid = to_regclass($1)), false) as done',
  ],
];

export const INVALID_INDEX = {
  pattern: INDEX,
  query:
    'select coalesce((select not indisvalid from pg_index where indexrelid = to_regclass($1)), false) as invalid',
};
