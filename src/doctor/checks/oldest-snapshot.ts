import { bytesText, secondsText } from '../../domain/words.js';
import { defineCheck, ok, type Remedy, skipped, warn } from '../check.js';
import { applicationName, BLIND, beyond, shown } from './words.js';

/** Where a check may be told other limits. */
interface Limits {
  age_seconds: number;
  retained_bytes: number;
}

const LIMITS: Limits = { age_seconds: 600, retained_bytes: 1_000_000_000 };

/** What keeps vacuum from removing old rows, or the server from removing its log. */
interface Holder {
  what: 'session' | 'walsender' | 'backup' | 'prepared transaction' | 'replication slot';
  /** The application, the prepared transaction's or the slot's own name. */
  name: string;
  role: string | null;
  pid: number | null;
  state: string | null;
  /** Null: the server does not tell since when (slots before PostgreSQL 17). */
  age_seconds: number | null;
  /** Log that only waits for it. */
  retained_bytes: number | null;
}

/**
 * A base backup is read by a walsender that holds nothing back; one with hot standby feedback, and pg_dump, hold for others.
 * A vacuum is left out: another one does not wait for it.
 */
const HOLDERS = `
  select case when a.application_name = 'pg_dump' or b.pid is not null then 'backup'
      when a.backend_type = 'walsender' then 'walsender' else 'session' end as what,
    a.application_name as name, a.usename::text as role, a.pid, a.state,
    round(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)))::int as age_seconds,
    null::float8 as retained_bytes
  from pg_stat_activity as a left join pg_stat_progress_basebackup as b on b.pid = a.pid
  where (a.datname = current_database() or a.backend_type = 'walsender') and a.pid <> pg_backend_pid()
    and (a.backend_xmin is not null or a.backend_xid is not null)
    and not exists (select from pg_stat_progress_vacuum as v where v.pid = a.pid)
  union all
  select 'prepared transaction', gid, owner::text, null, null,
    round(extract(epoch from clock_timestamp() - prepared))::int, null
  from pg_prepared_xacts where database = current_database()
  union all
  select 'replication slot', s.slot_name::text, null, s.active_pid, case when s.active then 'active' else 'inactive' end,
    round(extract(epoch from clock_timestamp() - (to_jsonb(s) ->> 'inactive_since')::timestamptz))::int,
    pg_wal_lsn_diff(
      case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, s.restart_lsn
    )::float8
  from pg_replication_slots as s
  where (s.database is null or s.database = current_database()) and not s.active and s.restart_lsn is not null
  order by age_seconds desc nulls last`;

/** With limits of one's own. */
export const oldestSnapshotOver = (limits: Limits) =>
  defineCheck({
    name: 'oldest_snapshot',
    question: 'Does somebody need rows or log of long ago?',
    threshold:
      `${secondsText(limits.age_seconds)}: since then vacuum has removed nothing that was deleted or changed; ` +
      `a replication slot that nobody reads keeps the log, from ${bytesText(limits.retained_bytes)} on also where the server ` +
      'does not tell since when.',
    of: 'server',
    async examine({ session, facts }) {
      if (!facts.sees_all) return skipped(BLIND);
      const holders = await session.query<Holder>(HOLDERS);
      const old = holders.filter(
        ({ age_seconds, retained_bytes }) =>
          (age_seconds ?? 0) > limits.age_seconds || (retained_bytes ?? 0) > limits.retained_bytes,
      );
      const first = old[0];
      if (!first) {
        const age_seconds = Math.max(0, ...holders.map((holder) => holder.age_seconds ?? 0));
        return ok(
          `Nobody holds back vacuum or the log for long; the oldest for ${secondsText(age_seconds)}.`,
        );
      }
      return warn(
        `${nameOf(first)} ${holdsOf(first)}${old.length > 1 ? `; ${old.length - 1} more are over the limit` : ''}${beyond(old, 'row')}.`,
        shown(old.map((holder) => ({ ...holder }))),
        remedyOf(first),
      );
    },
  });

export const oldestSnapshot = oldestSnapshotOver(LIMITS);

const nameOf = ({ what, name, role, pid }: Holder): string =>
  what === 'prepared transaction' || what === 'replication slot'
    ? `The ${what} ${name}`
    : `A ${what} of ${applicationName(name)} (${role}, pid ${pid})`;

function holdsOf({ what, age_seconds, retained_bytes }: Holder): string {
  const since = age_seconds === null ? '' : ` for ${secondsText(age_seconds)}`;
  return what === 'replication slot'
    ? `has been read by nobody${since} and keeps ${bytesText(retained_bytes ?? 0)} of log`
    : `has held back vacuum${since}`;
}

function remedyOf({ what, state, pid, name }: Holder): Remedy {
  switch (what) {
    case 'prepared transaction':
      return {
        decide: `whether ${name} is to be committed or rolled back (COMMIT PREPARED, ROLLBACK PREPARED): only its transaction manager knows.`,
      };
    case 'replication slot':
      return {
        decide: `whether the standby or consumer of ${name} comes back; if not, \`select pg_drop_replication_slot('${name}')\` lets the log go.`,
      };
    case 'session':
      if (state?.startsWith('idle in transaction')) return { command: `claire connections end --pid ${pid}` };
      return {
        decide: `whether the statement of pid ${pid} is worth it; if not, \`claire connections end --pid ${pid}\` ends its session.`,
      };
    default:
      return { decide: `whether to let it end by itself: a ${what} that is ended must begin again.` };
  }
}
