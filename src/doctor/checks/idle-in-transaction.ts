import { counted, secondsText } from '../../domain/words.js';
import { defineCheck, ok, skipped, warn } from '../check.js';
import { IDLE_IN_TRANSACTION_SECONDS } from '../connections.js';
import { applicationName, BLIND, beyond, shown } from './words.js';

/** With a limit of one's own; whole seconds. */
export const idleInTransactionAfter = (limit_seconds: number) =>
  defineCheck({
    name: 'idle_in_transaction',
    question: 'Does a session hold a transaction open and do nothing in it?',
    threshold: `${limit_seconds} s: it holds back vacuum, and perhaps locks that others wait for.`,
    of: 'server',
    async examine({ session, facts }) {
      if (!facts.sees_all) return skipped(BLIND);
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
        [limit_seconds],
      );
      const longest = idle[0];
      if (!longest) return ok(`No session has been idle in a transaction for ${limit_seconds} s.`);
      return warn(
        `${counted(idle.length, 'session has', 'sessions have')} been idle in a transaction for over ${limit_seconds} s, ` +
          `the longest, of ${applicationName(longest.application)}, for ${secondsText(longest.idle_seconds)}` +
          `${beyond(idle, 'session')}.`,
        shown(idle),
        { command: `claire connections end --idle-for ${limit_seconds}s --in-transaction` },
      );
    },
  });

export const idleInTransaction = idleInTransactionAfter(IDLE_IN_TRANSACTION_SECONDS);
