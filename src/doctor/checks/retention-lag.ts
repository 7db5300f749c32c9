import { toIso } from '../../domain/time.js';
import { defineCheck, ok, warn } from '../check.js';
import { commandFor, named } from './words.js';

/** `claire up` removes what is due every hour; two days are a weekend on which it did not run. */
const DAYS = 2;
/** Rows come nearly in the order of their age: the oldest of those that nobody has looked at is among the first. */
const FIRST = 1000;

type Late = {
  table: string;
  keep_days: number;
  oldest: string;
  days_past_horizon: number;
  last_run: string | null;
};

/** By table: the rows that retention comes to next. Candles have no watermark: each has its day. */
const NEXT = {
  orders: `select created_at from {book}.orders where id > s.watermark order by id limit ${FIRST}`,
  signals: `select created_at from {book}.signals where id > s.watermark order by id limit ${FIRST}`,
  risk_events: `select created_at from {book}.risk_events where id > s.watermark order by id limit ${FIRST}`,
  candles: 'select created_at from {book}.candles order by created_at limit 1',
};

const STANDING = (Object.keys(NEXT) as (keyof typeof NEXT)[])
  .map(
    (table) => `
      select s.table_name as table, h.keep_seconds::float8 as keep_seconds,
        (extract(epoch from o.created_at) * 1000)::float8 as oldest_ms,
        extract(epoch from timezone('UTC', now()) - o.created_at)::float8 - h.keep_seconds as late_seconds,
        (extract(epoch from r.ended_at) * 1000)::float8 as run_ms,
        extract(epoch from timezone('UTC', now()) - r.ended_at)::float8 as run_seconds
      from {book}.retention_state s join {book}.horizons_in_force h using (table_name)
      cross join lateral (select min(created_at) as created_at from (${NEXT[table]}) as n) as o
      left join lateral (
        select ended_at from {book}.retention_runs
        where table_name = s.table_name and outcome not in ('failed', 'cut_off') order by id desc limit 1
      ) as r on true
      where s.table_name = '${table}' and h.keep_seconds is not null`,
  )
  .join(' union all ');

interface Standing {
  table: string;
  keep_seconds: number;
  oldest_ms: number | null;
  late_seconds: number | null;
  run_ms: number | null;
  run_seconds: number | null;
}

const DAY = 86_400;

export const retentionLag = defineCheck({
  name: 'retention_lag',
  question: 'Do rows leave when they are past their horizon?',
  threshold: `${DAYS} days past it, and no run in that time: \`claire up\` removes what is due every hour.`,
  async examine({ session, book, schema, around }) {
    const standing = await session.query<Standing>(STANDING.replaceAll('{book}', schema));
    if (standing.length === 0) return ok(`Book ${book} keeps every row for ever.`);
    const late = standing.filter(
      ({ late_seconds, run_seconds }) =>
        (late_seconds ?? 0) > DAYS * DAY && (run_seconds ?? Number.POSITIVE_INFINITY) > DAYS * DAY,
    );
    if (late.length === 0) {
      return ok(`Retention keeps up with ${standing.map(({ table }) => table).join(', ')} of book ${book}.`);
    }
    const told = late.map(
      ({ table, late_seconds }) => `${table} (${Math.floor(late_seconds! / DAY)} days past its horizon)`,
    );
    const run = commandFor(book, 'retention run');
    const isBare = around.backups && (await around.backups(session)).verified === null;
    return warn(
      `${named(told, late.length)}: no run of retention has looked at the oldest rows. Nothing goes that no verified backup holds; --without-backup asks for none.`,
      late.map(evidenceOf),
      { command: isBare ? `${commandFor(book, 'backup create')} && ${run}` : run },
    );
  },
});

const evidenceOf = ({ table, keep_seconds, oldest_ms, late_seconds, run_ms }: Standing): Late => ({
  table,
  keep_days: keep_seconds / DAY,
  oldest: toIso(Math.floor(oldest_ms!)),
  days_past_horizon: Math.floor(late_seconds! / DAY),
  last_run: run_ms === null ? null : toIso(Math.floor(run_ms)),
});
