import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from './database.js';

/** What a COMMIT is known by on the server when its answer does not come. */
export interface CommitMark {
  xid: string;
  pid: number;
  /** History of the server: after a failover the same number may be another transaction's. */
  timeline: string;
}

const TIMELINE = 'substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)';

/** Asked before COMMIT. Undefined where the transaction has written nothing: then its end does not matter. */
export async function markCommit(t: Queryable): Promise<CommitMark | undefined> {
  const [row] = await t.query<CommitMark | { xid: null }>(
    `select pg_current_xact_id_if_assigned()::text as xid, pg_backend_pid() as pid,
       case when pg_current_xact_id_if_assigned() is not null then ${TIMELINE} end as timeline`,
  );
  return row?.xid ? (row as CommitMark) : undefined;
}

/**
 * What became of a transaction whose COMMIT was under way when its connection was lost, asked on another one. A server
 * that never got the COMMIT waits for it: its session is ended, so that nothing comes after all.
 */
export async function fateOf(
  database: Queryable,
  mark: CommitMark,
  until: number,
): Promise<'committed' | 'aborted' | 'unknown'> {
  for (;;) {
    const [row] = await database.query<{ status: string | null; same: boolean }>(
      `select ${TIMELINE} = $2 as same, case when ${TIMELINE} = $2 then pg_xact_status($1::xid8) end as status`,
      [mark.xid, mark.timeline],
      { prepared: false },
    );
    if (row?.status === 'committed' || row?.status === 'aborted') return row.status;
    // Forgotten, or of another history.
    if (row?.status !== 'in progress' || performance.now() > until) return 'unknown';
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where pid = $1 and state like 'idle in transaction%' and backend_xid::text::bigint = $2::bigint % 4294967296`,
      [mark.pid, mark.xid],
      { prepared: false },
    );
    await sleep(50);
  }
}
