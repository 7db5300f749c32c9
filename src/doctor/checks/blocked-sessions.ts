import { counted, secondsText } from '../../domain/words.js';
import { defineCheck, type Evidence, fail, ok, type Remedy, skipped } from '../check.js';
import { applicationName, BLIND, beyond, shown } from './words.js';

/** Trading statements take milliseconds: who has waited so long waits for something that does not end by itself. */
const SECONDS = 5;

/** A session that waits for a lock, or that somebody waits for. */
interface Session {
  pid: number;
  /** Empty: it waits for nobody. 0 is a prepared transaction. */
  blockers: number[];
  role: string | null;
  application: string;
  state: string | null;
  state_seconds: number;
  waits_seconds: number | null;
  lock: string | null;
  relation: string | null;
}

/** pg_blocking_pids takes the lock table for itself, so only who waits is asked. */
const SESSIONS = `
  with waiting as materialized (
    select pid, pg_blocking_pids(pid) as blockers from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
  )
  select a.pid, coalesce(w.blockers, '{}') as blockers, a.usename::text as role, a.application_name as application, a.state,
    coalesce(round(extract(epoch from clock_timestamp() - a.state_change)), 0)::int as state_seconds,
    extract(epoch from clock_timestamp() - l.waitstart)::float8 as waits_seconds,
    l.locktype || ' ' || l.mode as lock, l.relation
  from pg_stat_activity as a
  left join waiting as w on w.pid = a.pid
  left join lateral (
    select l.locktype, l.mode, l.waitstart, c.relnamespace::regnamespace || '.' || c.relname as relation
    from pg_locks as l
    left join pg_class as c on c.oid = coalesce(l.relation, (
      -- Who waits for a row has the lock on its table and waits for the other's transaction.
      select t.relation from pg_locks as t where t.pid = a.pid and t.granted and t.locktype = 'tuple' limit 1
    ))
    where l.pid = a.pid and not l.granted limit 1
  ) as l on w.pid is not null
  where w.pid is not null or a.pid = any (select unnest(blockers) from waiting)
  order by l.waitstart`;

/** Somebody in the tree: those at depth 0 wait for nobody. */
interface Node extends Session {
  depth: number;
  /** At whose end the wait would end. */
  root: number;
}

/** With a limit of one's own. */
export const blockedSessionsAfter = (limit_seconds: number) =>
  defineCheck({
    name: 'blocked_sessions',
    question: 'Does a session wait for a lock that another one holds?',
    threshold: `${limit_seconds} s: locks of trading are held for milliseconds.`,
    of: 'server',
    async examine({ session, facts }) {
      if (!facts.sees_all) return skipped(BLIND);
      const tree = treeOf(await session.query<Session>(SESSIONS));
      const waiting = tree.filter(({ blockers }) => blockers.length > 0);
      const [longest] = [...waiting].sort((a, b) => (b.waits_seconds ?? 0) - (a.waits_seconds ?? 0));
      if (!longest) return ok('No session waits for a lock.');
      const waits_seconds = longest.waits_seconds ?? 0;
      const count = counted(waiting.length, 'session waits', 'sessions wait');
      if (waits_seconds <= limit_seconds) {
        return ok(`${count} for a lock, none for over ${limit_seconds} s.`, evidenceOf(tree));
      }
      const root = tree.find(({ pid }) => pid === longest.root);
      return fail(
        `${count} for locks, the longest for ${secondsText(waits_seconds)}: behind ${describe(root)}${beyond(tree, 'session')}.`,
        evidenceOf(tree),
        remedyOf(root),
      );
    },
  });

export const blockedSessions = blockedSessionsAfter(SECONDS);

/** Everybody once, below the first that it waits for; who waits in a ring comes last, as a root. */
function treeOf(sessions: readonly Session[]): Node[] {
  const tree: Node[] = [];
  const seen = new Set<number>();
  const add = (session: Session, depth: number, root: number): void => {
    if (seen.has(session.pid)) return;
    seen.add(session.pid);
    tree.push({ ...session, depth, root });
    for (const next of sessions) if (next.blockers.includes(session.pid)) add(next, depth + 1, root);
  };
  for (const session of sessions) if (session.blockers.length === 0) add(session, 0, session.pid);
  // What is left waits for a prepared transaction, which is no session, or in a ring.
  for (const session of sessions)
    add(session, session.blockers.includes(0) ? 1 : 0, session.blockers[0] ?? 0);
  return tree;
}

const evidenceOf = (tree: readonly Node[]): Evidence[] =>
  shown(
    tree.map(({ depth, pid, blockers, waits_seconds, root: _, ...rest }) => ({
      depth,
      pid,
      ...rest,
      waits_seconds: waits_seconds === null ? null : Math.round(waits_seconds),
      waits_for: blockers.map(String),
    })),
  );

const describe = (root: Node | undefined): string =>
  root
    ? `${applicationName(root.application)} (${root.role}, pid ${root.pid}), ${root.state ?? 'state unknown'} for ${secondsText(root.state_seconds)}`
    : 'a prepared transaction';

function remedyOf(root: Node | undefined): Remedy {
  if (!root) {
    return {
      decide:
        'whether the prepared transaction (pg_prepared_xacts) is to be committed or rolled back: only its transaction manager knows.',
    };
  }
  const end = `claire connections end --pid ${root.pid}`;
  if (root.state?.startsWith('idle in transaction')) return { command: end };
  return {
    decide: `whether to wait for pid ${root.pid}, which is at work, or to end it and lose what it has done since its BEGIN: \`${end}\`.`,
  };
}
