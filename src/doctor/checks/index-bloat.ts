import { identifier } from '../../database/index.js';
import { defineCheck } from '../check.js';
import { aligned, BLOAT, type BloatLimits, fillOf, judgeBloat, type Sized, thresholdOf } from './bloat.js';

/**
 * As the last vacuum counted pages and rows. An entry takes a pointer of 4 bytes, a header of 8, another 8 where a column
 * is null, and its values; a page has 40 bytes of its own, one page is the index's, one in a hundred leads to the others.
 * Entries of one value are kept together and take less than that: of such an index waste is told late, never wrongly.
 */
const INDEXES = `
  select i.relname::text as name, t.relname::text as table, i.relpages::float8 * b.block as bytes,
    case
      when i.reltuples = 0 then 0
      when w.known = w.columns and i.reltuples > 0 then b.block * (1 + 1.01 * ceil(
        i.reltuples * (4 + 8 + case when w.nulls then 8 else 0 end + ${aligned('w.width')})
        / ((b.block - 40) * ${fillOf('i.reloptions', 90)})
      ))
    end as expected_bytes
  from pg_class i
  join pg_am m on m.oid = i.relam and m.amname = 'btree'
  join pg_index x on x.indexrelid = i.oid and x.indisvalid
  join pg_class t on t.oid = x.indrelid
  cross join (select current_setting('block_size')::float8 as block) as b
  cross join lateral (
    select count(*) as columns, count(s.attname) as known, coalesce(bool_or(s.null_frac > 0), false) as nulls,
      -- The server cuts an average to a whole number: of values of different lengths it may be a byte more.
      coalesce(sum((1 - s.null_frac) * (s.avg_width + (own.attlen = -1)::int)), 0) as width
    from pg_attribute own
    left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[own.attnum - 1] and a.attnum <> 0
    -- The server keeps statistics of an expression under the name of its index.
    left join pg_stats s on s.schemaname = $2 and not s.inherited
      and s.tablename = case when a.attnum is null then i.relname else t.relname end
      and s.attname = coalesce(a.attname, own.attname)
    where own.attrelid = i.oid
  ) as w
  where t.relnamespace = $1::regnamespace and i.relpages * b.block > $3`;

/** With limits of one's own. */
export const indexBloatOver = (limits: BloatLimits) =>
  defineCheck({
    name: 'index_bloat',
    question: 'Does an index hold more room than its entries take?',
    threshold: thresholdOf(limits),
    async examine(look) {
      const { session, book, schema } = look;
      const all = await session.query<Sized>(INDEXES, [schema, book, limits.bytes]);
      return judgeBloat(look, all, limits, {
        ...{ one: 'index', many: 'indexes' },
        remedy: (found) => ({
          fix: found.map(({ name }) => `reindex index concurrently ${schema}.${identifier(name)}`),
        }),
      });
    },
  });

export const indexBloat = indexBloatOver(BLOAT);
