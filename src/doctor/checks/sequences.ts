import { identifier } from '../../database/index.js';
import { grouped } from '../../domain/words.js';
import { LATEST_VERSION } from '../../schema/index.js';
import { defineCheck, fail, type Look, ok, type Remedy, skipped, warn } from '../check.js';
import { beyond, commandFor, named, shown } from './words.js';

/** Half a sequence leaves as long as it took to come here. */
const WARN = 0.5;
/** Soon every insert is refused. */
const FAIL = 0.9;

type Sequence = {
  sequence: string;
  column: string | null;
  type: string;
  last_value: number;
  /** What the column takes, where that is less than what the sequence gives. */
  largest: number;
  /** Whether the column takes more than the sequence gives. */
  column_is_wider: boolean;
  used: number;
};

const SEQUENCES = `
  select s.sequencename::text as sequence, o.column, coalesce(o.type, s.data_type::text) as type,
    s.last_value::float8 as last_value, least(s.max_value, o.most)::float8 as largest,
    coalesce(o.most > s.max_value, false) as column_is_wider,
    s.last_value::float8 / least(s.max_value, o.most) as used
  from pg_sequences s
  left join lateral (
    select t.relname || '.' || a.attname as column, format_type(a.atttypid, null) as type, case a.atttypid
      when 'smallint'::regtype then 32767 when 'integer'::regtype then 2147483647 else 9223372036854775807
    end as most
    from pg_depend d join pg_class t on t.oid = d.refobjid
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      and d.objid = to_regclass(format('%I.%I', s.schemaname, s.sequencename))
  ) as o on true
  where s.schemaname = $1 and s.last_value is not null and s.increment_by > 0 and not s.cycle
  order by used desc, 1`;

export const sequences = defineCheck({
  name: 'sequences',
  question: 'Are there ids left for every table?',
  threshold: `${WARN * 100} % of what the sequence or its column takes: there is as much time left as it took; ${FAIL * 100} % is wrong.`,
  of: 'server',
  async examine(look) {
    const { session, book, state } = look;
    if (state && !state.exists) return skipped(`There is no book ${book} here.`);
    const all = await session.query<Sequence>(SEQUENCES, [book]);
    const near = all.filter(({ used }) => used > WARN);
    if (near.length === 0) {
      const [most] = all;
      return ok(
        most
          ? `No sequence of book ${book} is half used; the most, ${percent(most)}, is ${most.sequence}.`
          : `No sequence of book ${book} was used yet.`,
      );
    }
    const verdict = near.some(({ used }) => used > FAIL) ? fail : warn;
    const told = near.map((each) => `${each.sequence} (${percent(each)} of ${grouped(each.largest)})`);
    return verdict(
      `${named(told)}${beyond(near, 'sequence')}: at the end every insert is refused.`,
      shown(near.map(({ column_is_wider: _, used, ...each }) => ({ ...each, used_percent: round(used) }))),
      remedyFor(near, look),
    );
  },
});

const round = (used: number): number => Math.round(used * 1000) / 10;
const percent = ({ used }: Sequence): string => `${round(used)} %`;

function remedyFor(near: readonly Sequence[], { book, schema, state }: Look): Remedy {
  if (near.every(({ column_is_wider }) => column_is_wider)) {
    return {
      fix: near.map(
        ({ sequence }) => `alter sequence ${schema}.${identifier(sequence)} as bigint no maxvalue`,
      ),
    };
  }
  const isOld = state?.version !== undefined && state.version !== LATEST_VERSION;
  if (isOld) return { command: commandFor(book, 'migrate') };
  const columns = near.filter(({ column_is_wider }) => !column_is_wider);
  return {
    decide: `when ${named(columns.map(({ column, sequence }) => column ?? sequence))} may be locked to become wider: \`alter column … type bigint\` writes the table anew.`,
  };
}
