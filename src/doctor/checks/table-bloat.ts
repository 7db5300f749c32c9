import { defineCheck } from '../check.js';
import { aligned, BLOAT, type BloatLimits, fillOf, judgeBloat, type Sized, thresholdOf } from './bloat.js';

/**
 * As the last vacuum counted pages and rows, both of one time. A row takes a pointer of 4 bytes, a header of 23, a bit a
 * column where one is null, and its values; a page has 24 bytes of its own.
 */
const TABLES = `
  select c.relname::text as name, c.relname::text as table,
    c.relpages::float8 * b.block as bytes,
    case
      when c.reltuples = 0 then 0
      when w.known = w.columns and c.reltuples > 0 then b.block * ceil(
        c.reltuples * (
          4 + ${aligned('23 + case when w.nulls then ceil(w.columns / 8.0) else 0 end')} + ${aligned('w.width')}
        ) / ((b.block - 24) * ${fillOf('c.reloptions', 100)})
      )
    end as expected_bytes
  from pg_class c
  cross join (select current_setting('block_size')::float8 as block) as b
  cross join lateral (
    select count(*) as columns, count(s.attname) as known, coalesce(bool_or(s.null_frac > 0), false) as nulls,
      coalesce(sum((1 - s.null_frac) * s.avg_width), 0) as width
    from pg_attribute a left join pg_stats s
      on s.schemaname = $2 and s.tablename = c.relname and s.attname = a.attname and not s.inherited
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as w
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'm') and c.relpages * b.block > $3`;

/** With limits of one's own. */
export const tableBloatOver = (limits: BloatLimits) =>
  defineCheck({
    name: 'table_bloat',
    question: 'Does a table hold more room than its rows take?',
    threshold: thresholdOf(limits),
    async examine(look) {
      const { session, book, schema } = look;
      const all = await session.query<Sized>(TABLES, [schema, book, limits.bytes]);
      return judgeBloat(look, all, limits, {
        ...{ one: 'table', many: 'tables' },
        remedy: (found) => ({
          decide:
            `whether the room is to be given back: new rows use it again by themselves. ` +
            `${found.map(({ table }) => `\`vacuum (full) ${schema}.${table}\``).join(', ')} gives it back, and locks the table for reading and writing until it is done.`,
        }),
      });
    },
  });

export const tableBloat = tableBloatOver(BLOAT);
