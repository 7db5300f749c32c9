import { identifier } from '../../database/index.js';
import { defineCheck, fail, ok } from '../check.js';
import { beyond, named, shown } from './words.js';

/** How REINDEX CONCURRENTLY calls the index that it builds, and the one that it replaces. */
const LEFTOVER = /_cc(new|old)\d*$/;

export const invalidIndexes = defineCheck({
  name: 'invalid_indexes',
  question: 'Is every index one that reads may use?',
  threshold:
    'One: CREATE INDEX CONCURRENTLY that failed leaves an index that costs every write and serves no read.',
  async examine({ session, book, schema }) {
    const invalid = await session.query<{
      index: string;
      table: string;
      of_constraint: boolean;
      definition: string;
    }>(
      `select i.relname::text as index, t.relname::text as table,
         exists (select from pg_constraint c where c.conindid = i.oid) as of_constraint,
         pg_get_indexdef(i.oid) as definition
       from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
       where t.relnamespace = $1::regnamespace and not (x.indisvalid and x.indisready)
         -- One that is being built at this moment is not done yet; of whose table it is may be hidden.
         and not exists (
           select from pg_stat_progress_create_index p
           where p.datname = current_database() and (p.relid = x.indrelid or p.relid is null)
         )
       order by 1`,
      [schema],
    );
    if (invalid.length === 0) return ok(`Every index of book ${book} is valid.`);
    const names = invalid.map(({ index }) => index);
    return fail(
      `${named(names)}${beyond(names, 'index', 'indexes')}: INVALID, so no read uses it while each write pays for it.`,
      shown(invalid.map(({ index, table, definition }) => ({ index, table, definition }))),
      {
        fix: invalid.map(({ index, of_constraint }) => {
          const name = `${schema}.${identifier(index)}`;
          // Built again it would only be a second index of the one that it was to replace.
          return LEFTOVER.test(index) && !of_constraint
            ? `drop index concurrently ${name}`
            : `reindex index concurrently ${name}`;
        }),
      },
    );
  },
});
