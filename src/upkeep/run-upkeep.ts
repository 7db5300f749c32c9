import type { Database, Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type Clock, systemClock } from './clock.js';
import { onceUntilItSucceeds } from './once-until-it-succeeds.js';
import { type Task, tasks } from './tasks.js';

export interface UpkeepOptions {
  /** Ends the upkeep; work in flight is finished first. */
  signal: AbortSignal;
  /** Told of an error once, and again only after the same work has succeeded in between. */
  onError: (error: unknown) => void;
  /** Told of every run of a task when it has ended. */
  onRun?: ((run: TaskRun) => void) | undefined;
  clock?: Clock;
  /** What to do; default: everything that a book needs. */
  tasks?: readonly Task[];
}

/** How a run of a task went. */
export interface TaskRun {
  task: string;
  book: string;
  ok: boolean;
  took_ms: number;
  /** How long after it was due it began. */
  late_ms: number;
  error?: unknown;
}

/** How long a stand-by, or one whose connection was lost, waits before it tries to lead again. */
const RETRY_MS = 1000;

/**
 * Does what a book needs by the clock: folds position changes and refreshes `positions_realtime`. Of all processes
 * that run this for a book one leads, by an advisory lock that the server frees when its connection ends; the others
 * stand by and take over. Resolves when the signal is aborted and nothing is in flight.
 */
export async function runUpkeep(database: Database, book: string, options: UpkeepOptions): Promise<void> {
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const report = onceUntilItSucceeds(options.onError);
  while (!signal.aborted) {
    try {
      await database.session(async (session) => {
        if (!(await lead(session, book))) return;
        report.succeeded('connection');
        const { onRun } = options;
        await work(session, book, { database, clock, signal, report, onRun, tasks: options.tasks ?? tasks });
        await session.query('select pg_advisory_unlock(hashtextextended($1, 0))', [lockName(book)]);
      });
    } catch (error) {
      report.failed('connection', error);
    }
    if (!signal.aborted) await clock.sleep(RETRY_MS, signal);
  }
}

const lockName = (book: string) => `claire upkeep ${book}`;

async function lead(session: Queryable, book: string): Promise<boolean> {
  const [row] = await session.query<{ leads: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as leads',
    [lockName(book)],
  );
  return row!.leads;
}

interface Work {
  database: Database;
  clock: Clock;
  signal: AbortSignal;
  report: ReturnType<typeof onceUntilItSucceeds>;
  tasks: readonly Task[];
  onRun: UpkeepOptions['onRun'];
}

/** What takes its time has time: whoever starts is busy enough, and what runs apart takes one connection more. */
const APART_AFTER_MS = 60_000;

async function work(session: Queryable, book: string, { clock, tasks, ...rest }: Work): Promise<void> {
  const { database, report, onRun } = rest;
  const due = new Map(tasks.map((task) => [task, clock.now() + (task.apart ? APART_AFTER_MS : 0)]));
  // Who loses the lead lets go of what runs apart: it is another's by then.
  const end = new AbortController();
  const signal = AbortSignal.any([rest.signal, end.signal]);
  const apart = new Map<Task, Promise<void>>();
  const run = async (task: Task, on: Queryable) => {
    const begun = clock.now();
    const tell = (end: Pick<TaskRun, 'ok' | 'error'>) =>
      onRun?.({
        ...{ task: task.name, book, took_ms: clock.now() - begun },
        late_ms: Math.max(0, begun - due.get(task)!),
        ...end,
      });
    try {
      await task.run(on, book, signal);
      tell({ ok: true });
    } catch (error) {
      tell({ ok: false, error });
      throw error;
    }
    report.succeeded(task.name);
  };
  const runApart = (task: Task) =>
    database
      .session((own) => run(task, own))
      .catch((error: unknown) => report.failed(task.name, error))
      .finally(() => {
        apart.delete(task);
        due.set(task, clock.now() + task.every_ms);
      });
  try {
    while (!signal.aborted) {
      for (const [task, at] of due) {
        if (signal.aborted || clock.now() < at || apart.has(task)) continue;
        if (task.apart) {
          apart.set(task, runApart(task));
          continue;
        }
        try {
          await run(task, session);
        } catch (error) {
          // Without its connection the lock is gone too: somebody else may lead by now.
          if (isConnectionLost(error)) throw error;
          report.failed(task.name, error);
        }
        // From now and not from when it was due: after a pause there is nothing to catch up with.
        due.set(task, clock.now() + task.every_ms);
      }
      const next = [...due].filter(([task]) => !apart.has(task)).map(([, at]) => at);
      await clock.sleep(Math.max(1, Math.min(RETRY_MS, ...next.map((at) => at - clock.now()))), signal);
    }
  } finally {
    end.abort();
    await Promise.all(apart.values());
  }
}

const isConnectionLost = (error: unknown): boolean =>
  error instanceof ClaireError && error.code === 'database_unreachable';
