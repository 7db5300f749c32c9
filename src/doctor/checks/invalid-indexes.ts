import { identifier } from '../../database/index.js';
import { defineCheck, fail, ok } from '../check.js';

export const invalidIndexes = defineCheck({
  name: 'invalid_indexes',
  question: 'Is every index one that reads may use?',
  threshold:
    'One: CREATE INDEX CONCURRENTLY that failed leaves an index that costs every write and serves no read.',
  async examine({ session, book, schema }) {
    const invalid = await session.query<{
      index: string;
      table: string;
      constraint: boolean;
      definition: string;
    }>(
      `select i.relname::text as index, t.relname::text as table,
         exists (select from pg_constraint c where c.conindid = i.oid) as constraint,
         pg_get_indexdef(i.oid) as definition
       from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
       where t.relnamespace = $1::regnamespace and not (x.indisvalid and x.indisready)
         -- One that is being built at this moment is not done yet.
         and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.oid)
       order by 1`,
      [schema],
    );
    if (invalid.length === 0) return ok(`Every index of book ${book} is valid.`);
    return fail(
      `${invalid.map(({ index }) => index).join(', ')}: INVALID, so no read uses it while each write pays for it.`,
      invalid.map(({ index, table, definition }) => ({ index, table, definition })),
      { fix: invalid.map(({ index }) => `reindex index concurrently ${schema}.${identifier(index)}`) },
    );
  },
});
