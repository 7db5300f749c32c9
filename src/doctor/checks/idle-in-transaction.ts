import { defineCheck, ok, skipped, warn } from '../check.js';

const SECONDS = 60;

export const idleInTransaction = defineCheck({
  name: 'idle_in_transaction',
  question: 'Does a session hold a transaction open and do nothing in it?',
  threshold: `${SECONDS} s: it holds back vacuum, and perhaps locks that others wait for.`,
  of: 'server',
  async examine({ session, facts }) {
    if (!facts.sees_all)
      return skipped('It takes membership in pg_read_all_stats to see what sessions of others do.');
    const idle = await session.query<{
      pid: number;
      role: string;
      application: string;
      idle_seconds: number;
    }>(
      `select pid, usename::text as role, application_name as application,
         round(extract(epoch from clock_timestamp() - state_change))::int as idle_seconds
       from pg_stat_activity
       where datname = current_database() and state like 'idle in transaction%'
         and state_change < clock_timestamp() - make_interval(secs => $1)
       order by state_change`,
      [SECONDS],
    );
    if (idle.length === 0) return ok(`No session has been idle in a transaction for ${SECONDS} s.`);
    const longest = idle[0]!;
    return warn(
      `${idle.length} session${idle.length === 1 ? ' has' : 's have'} been idle in a transaction for over ${SECONDS} s, ` +
        `the longest, of ${longest.application || 'a nameless application'}, for ${longest.idle_seconds} s.`,
      idle.map((one) => ({ ...one })),
      { command: `claire connections end --idle-for ${SECONDS}s --in-transaction` },
    );
  },
});
