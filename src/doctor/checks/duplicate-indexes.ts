import { identifier } from '../../database/index.js';
import { releasedIndexes } from '../../schema/index.js';
import { defineCheck, ok, warn } from '../check.js';
import { beyond, named, shown } from './words.js';

type Duplicate = {
  index: string;
  table: string;
  /** What does all that it does. */
  covered_by: string;
  exact: boolean;
  bytes: number;
};

/**
 * Pairs of which `a` does all that `b` does: the same method, predicate and expressions, and its columns, each with its
 * operators and order, begin with those of `b`. Of two that are equal the older one stays, or the one that must.
 */
const PAIRS = `
  with indexes as (
    select x.*, c.relname::text as name, c.relam, t.relname::text as table_name,
      pg_relation_size(x.indexrelid)::float8 as bytes,
      (string_to_array(x.indkey::text, ' '))[:x.indnkeyatts] as keys,
      (string_to_array(x.indkey::text, ' '))[x.indnkeyatts + 1:] as included,
      string_to_array(x.indclass::text, ' ') as classes,
      string_to_array(x.indcollation::text, ' ') as collations,
      string_to_array(x.indoption::text, ' ') as options,
      coalesce(pg_get_expr(x.indexprs, x.indrelid), '') as expressions,
      coalesce(pg_get_expr(x.indpred, x.indrelid), '') as predicate,
      exists (select from pg_constraint k where k.conindid = x.indexrelid) or x.indisreplident as stays
    from pg_index x join pg_class c on c.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
    where t.relnamespace = $1::regnamespace and x.indisvalid
  )
  select b.name as index, b.table_name as table, b.bytes,
    coalesce(min(a.name) filter (where p.exact), min(a.name)) as covered_by, bool_or(p.exact) as exact
  from indexes b join indexes a on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid
  cross join lateral (
    select a.keys = b.keys and a.included @> b.included and a.included <@ b.included
      and (not b.indisunique or a.indisunique and a.indimmediate and a.indnullsnotdistinct = b.indnullsnotdistinct)
      as exact
  ) as p
  where not b.stays and b.name <> all ($2)
    and a.relam = b.relam and a.expressions = b.expressions and a.predicate = b.predicate
    and a.keys[:b.indnkeyatts] = b.keys
    and a.classes[:b.indnkeyatts] = b.classes
    and a.collations[:b.indnkeyatts] = b.collations
    and a.options[:b.indnkeyatts] = b.options
    and a.keys || a.included @> b.included
    -- A unique index of fewer columns is a law; of other methods each column stands for itself.
    and (p.exact or (not b.indisunique and b.relam = (select oid from pg_am where amname = 'btree')))
    and (not p.exact or a.stays or a.name = any ($2) or a.indisunique > b.indisunique or a.indexrelid < b.indexrelid)
  group by b.name, b.table_name, b.bytes
  order by 1`;

export const duplicateIndexes = defineCheck({
  name: 'duplicate_indexes',
  question: 'Does one index do all that another one does?',
  threshold: 'One pair: the second costs room and a part of every write, and serves no read.',
  async examine({ session, book, schema }) {
    const released = (await releasedIndexes()).map(({ name }) => name);
    const found = await session.query<Duplicate>(PAIRS, [schema, released]);
    if (found.length === 0) return ok(`No index of book ${book} does what another one does.`);
    const exact = found.filter((one) => one.exact);
    const told = found.map(({ index, covered_by }) => `${index} (beside ${covered_by})`);
    const sentence = `${named(told)}${beyond(found, 'index', 'indexes')}: what these can do another index does too.`;
    if (exact.length === 0) {
      return warn(sentence, shown(found), {
        decide:
          'whether the shorter index is worth its writes: the longer one serves the same reads, from more pages. If not, `drop index concurrently`.',
      });
    }
    return warn(sentence, shown(found), {
      fix: exact.map(({ index }) => `drop index concurrently ${schema}.${identifier(index)}`),
    });
  },
});
