/** Who waits for whom, ten times a second, from a connection of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './place.js';

const EVERY_MS = 100;

const WAITS = `
  select w.pid as waiter_pid, w.application_name as waiter, w.query as waiting,
    extract(epoch from clock_timestamp() - coalesce(
      (select min(l.waitstart) from pg_locks l where l.pid = w.pid and not l.granted), w.state_change
    )) * 1000 as ms,
    b.pid as blocker_pid, b.application_name as blocker, b.query as blocking, b.state
  from pg_stat_activity as w
  cross join lateral unnest(pg_blocking_pids(w.pid)) as p (pid)
  join pg_stat_activity as b on b.pid = p.pid
  where w.datname = current_database() and w.wait_event_type = 'Lock'`;

/** What the writers' statements do otherwise: a commit that waits for the disk waits for no lock. */
const EVENTS = `
  select pid, coalesce(wait_event_type || ':' || wait_event, 'no wait: processor') as event
  from pg_stat_activity
  where datname = current_database() and application_name like 'bench writer%'
    and state = 'active' and wait_event_type is distinct from 'Lock'`;

export class LockWaits {
  /** Each look at each wait. */
  seen = [];
  /** What each writer was seen at beside locks. */
  events = [];
  looks = 0;
  #running = true;
  #loop;

  async start(url) {
    this.client = await connect(url, 'bench lock waits');
    this.#loop = this.#work();
    // Thrown where it is stopped.
    this.#loop.catch(() => {});
  }

  async stop() {
    this.#running = false;
    await this.#loop;
    await this.cut();
  }

  async cut() {
    this.#running = false;
    await this.client?.end();
  }

  async #work() {
    for (; this.#running; this.looks++) {
      const at = performance.now();
      try {
        const { rows } = await this.client.query(WAITS);
        for (const row of rows) this.seen.push({ ...row, at, ms: Number(row.ms) });
        const { rows: events } = await this.client.query(EVENTS);
        for (const event of events) this.events.push({ ...event, at });
      } catch (error) {
        if (this.#running) throw error;
      }
      await sleep(Math.max(0, EVERY_MS - (performance.now() - at)));
    }
  }

  /** The longest wait behind each blocking statement, and whether it was a client's or the migration's. */
  byBlocker() {
    const groups = new Map();
    for (const wait of this.seen) {
      const side = sideOf(wait.waiter);
      const blocking = oneLine(wait.blocking);
      const key = `${side}|${wait.blocker}|${shape(blocking)}`;
      const group = groups.get(key) ?? {
        waited: side,
        longest_ms: 0,
        looks: 0,
        blocker: wait.blocker,
        state: wait.state,
        blocking,
        waiting: [],
      };
      group.looks++;
      group.longest_ms = Math.max(group.longest_ms, wait.ms);
      const waiting = oneLine(wait.waiting).slice(0, 60);
      if (!group.waiting.includes(waiting) && group.waiting.length < 5) group.waiting.push(waiting);
      groups.set(key, group);
    }
    return [...groups.values()].sort((a, b) => b.longest_ms - a.longest_ms);
  }

  /** What a session was seen to wait for between two moments: who blocked it, else what the server says it did. */
  causesOf(pid, from, to) {
    const isThen = ({ at }) => at >= from && at <= to;
    const waits = this.seen.filter((wait) => wait.waiter_pid === pid && isThen(wait));
    if (waits.length === 0) {
      return [
        ...new Set(
          this.events.filter((event) => event.pid === pid && isThen(event)).map(({ event }) => event),
        ),
      ];
    }
    return [
      ...new Set(waits.map(({ blocker, blocking }) => `${blocker}: ${oneLine(blocking).slice(0, 100)}`)),
    ];
  }
}

const sideOf = (application) => (application.startsWith('bench ') ? 'client' : 'migration');
export const oneLine = (text) => (text ?? '').replace(/\s+/g, ' ').trim().slice(0, 200);
/** One statement run with other numbers is one statement. */
const shape = (text) => text.replace(/\d+/g, '0').replace(/'[^']*'/g, `''`);
