import { identifier, type Queryable } from '../../database/index.js';
import type { Task } from '../tasks.js';
import { runRetention } from './run.js';
import { type Coverage, RETAINED } from './tables.js';

/** What the newest verified backup of a book holds; undefined where there is none. */
export type CoverageOf = (book: string) => Promise<Coverage | undefined>;

const HOUR_MS = 3_600_000;

/**
 * Retention by the clock, once an hour. Without a verified backup it waits, and says so where something would go. It leaves
 * the vacuum to autovacuum, which stops when the server does.
 */
export const retentionTask = (coverageOf: CoverageOf): Task => ({
  name: 'retention',
  every_ms: HOUR_MS,
  apart: true,
  async run(session, book, signal) {
    const coverage = await coverageOf(book);
    if (!coverage && !(await isAnythingDue(session, book))) return;
    await runRetention(session, book, { coverage, signal, searches: 'now_and_then' });
  },
});

/** Whether the first row after a watermark is past its horizon: a look and no search. */
async function isAnythingDue(session: Queryable, book: string): Promise<boolean> {
  const schema = identifier(book);
  const first = (table: string) =>
    table === 'candles'
      ? `(select min(created_at) from ${schema}.candles)`
      : `(select created_at from ${schema}.${table} where id > s.watermark order by id limit 1)`;
  const conditions = RETAINED.map((table) => `when '${table}' then ${first(table)}`).join(' ');
  const [row] = await session.query<{ due: boolean }>(
    `select coalesce(bool_or(
       case s.table_name ${conditions} end
         < timezone('UTC', now()) - h.keep_seconds * interval '1 second'
     ), false) as due
     from ${schema}.retention_state as s join ${schema}.horizons_in_force as h using (table_name)`,
  );
  return row!.due;
}
