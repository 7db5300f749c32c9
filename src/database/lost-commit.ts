import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from './database.js';

/** What a COMMIT is known by on the server when its answer does not come. */
export interface CommitMark {
  xid: string;
  pid: number;
  /** History of the server: after a failover the same number may be another transaction's. */
  timeline: string;
  /** Which run of the server it was: what did not reach the disk before a crash is forgotten, its number given out again. */
  run: string;
}

const TIMELINE = 'substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)';
/** Kept through an orderly restart, made anew by a crash. */
const RUN = 'extract(epoch from pg_stat_get_bgwriter_stat_reset_time())::text';

/** Asked before COMMIT. Undefined where the transaction has written nothing: then its end does not matter. */
export async function markCommit(t: Queryable): Promise<CommitMark | undefined> {
  const [row] = await t.query<CommitMark | { xid: null }>(
    `select pg_current_xact_id_if_assigned()::text as xid, pg_backend_pid() as pid, ${RUN} as run,
       case when pg_current_xact_id_if_assigned() is not null then ${TIMELINE} end as timeline`,
  );
  return row?.xid ? (row as CommitMark) : undefined;
}

type Fate = 'committed' | 'aborted' | 'unknown';

/**
 * What became of a transaction whose COMMIT was under way when its connection was lost, asked on another one. A server
 * that never got the COMMIT waits for it: its session is ended, so that nothing comes after all.
 */
export async function fateOf(database: Queryable, mark: CommitMark, until: number): Promise<Fate> {
  for (;;) {
    const [now] = await database.query<{ timeline: string | null; run: string; status: string | null }>(
      `select n.*, case when n.timeline = $2 and n.run = $3 then pg_xact_status($1::xid8) end as status
       from (select case when not pg_is_in_recovery() then ${TIMELINE} end as timeline, ${RUN} as run) as n`,
      [mark.xid, mark.timeline, mark.run],
      { prepared: false },
    );
    const { timeline, run, status } = now!;
    if (timeline === mark.timeline && run !== mark.run) return fateAfterCrash(database, mark);
    if (status === 'committed' || status === 'aborted') return status;
    // Of a standby nobody can say yet which history it goes on with. Else forgotten, or of another history.
    const mayCome = timeline === null || status === 'in progress';
    if (!mayCome || performance.now() > until) return 'unknown';
    if (timeline !== null) await endWaiting(database, mark);
    await sleep(50);
  }
}

/**
 * The checkpoint that ends a recovery knows the next number: one that is not below it was never on the disk, and what
 * goes by it today is somebody else's. A crash resets all that the server counts at one moment; where only some was
 * reset, a person did it.
 */
async function fateAfterCrash(database: Queryable, mark: CommitMark): Promise<Fate> {
  const [found] = await database.query<{ status: string | null; crashed: boolean }>(
    `select case
         when (split_part(c.next_xid, ':', 1)::bigint << 32) + split_part(c.next_xid, ':', 2)::bigint > $1::bigint
         then pg_xact_status($1::text::xid8) end as status,
       pg_stat_get_bgwriter_stat_reset_time() = a.stats_reset as crashed
     from pg_control_checkpoint() as c cross join pg_stat_archiver as a`,
    [mark.xid],
    { prepared: false },
  );
  const { status, crashed } = found!;
  if (status === 'committed' || status === 'aborted') return status;
  return status === null && crashed ? 'aborted' : 'unknown';
}

async function endWaiting(database: Queryable, mark: CommitMark): Promise<void> {
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where pid = $1 and state like 'idle in transaction%' and backend_xid::text::bigint = $2::bigint % 4294967296`,
    [mark.pid, mark.xid],
    { prepared: false },
  );
}
