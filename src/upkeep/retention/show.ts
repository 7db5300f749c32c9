import { identifier, type Queryable } from '../../database/index.js';
import { type Due, dueNow } from './due.js';
import { type Coverage, RETAINED, type Retained } from './tables.js';

/** How a table stands. */
export interface Standing {
  table: Retained;
  /** Null: for ever. */
  keep_seconds: number | null;
  /** Who set that, when and why. */
  version: number;
  actor: string;
  reason: string;
  set_at: number;
  /** When the oldest row that is there was recorded, Unix milliseconds. */
  oldest_ms: number | null;
  /** Rows up to this id are looked at no more. */
  watermark: string;
  /** Rows past their horizon that nothing names and that stay all the same: orders that are PENDING or reserve. */
  waiting: number;
  last_run: LastRun | null;
}

export interface LastRun {
  started_at: number;
  ended_at: number;
  outcome: string;
  looked: number;
  removed: number;
  bytes: number;
  backup: string | null;
}

export interface RetentionState {
  tables: Standing[];
  /** What a run would remove if it asked for no backup. */
  due: Due[];
  /** What it would remove by the newest verified backup; null where there is none. */
  covered: Due[] | null;
}

/** Horizons, what is due by them, and how the last runs ended. Reads each table from end to end. */
export async function retentionState(
  session: Queryable,
  book: string,
  coverage: Coverage | undefined,
): Promise<RetentionState> {
  const schema = identifier(book);
  const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::bigint`;
  const oldest = RETAINED.map(
    (table) => `when '${table}' then (select ${ms('min(created_at)')} from ${schema}.${table})`,
  );
  const tables = await session.query<Standing>(
    `select s.table_name as table, h.keep_seconds, h.version, h.actor, h.reason, ${ms('h.created_at')} as set_at,
       case s.table_name ${oldest.join(' ')} end as oldest_ms, s.watermark::text,
       (select count(*) from ${schema}.retention_waiting as w where w.table_name = s.table_name) as waiting,
       (
         select jsonb_build_object(
           'started_at', ${ms('r.started_at')}, 'ended_at', ${ms('r.ended_at')}, 'outcome', r.outcome,
           'looked', r.looked, 'removed', r.removed, 'bytes', r.bytes, 'backup', r.backup
         )
         from ${schema}.retention_runs as r where r.table_name = s.table_name order by r.id desc limit 1
       ) as last_run
     from ${schema}.retention_state as s join ${schema}.horizons_in_force as h using (table_name)
     order by array_position($1::text[], s.table_name)`,
    [RETAINED],
  );
  return {
    tables,
    due: await dueNow(session, book, { withoutBackup: true }),
    covered: coverage ? await dueNow(session, book, { coverage }) : null,
  };
}
