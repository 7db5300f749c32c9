import type { Database, Queryable } from '../database/index.js';
import type { Step } from './steps.js';

/** What the person in front of it sees while a step runs. */
export interface StepProgress {
  /** Of the migration that the step belongs to. */
  title: string;
  /** Of the steps of all migrations that are run, from 1. */
  at: number;
  of: number;
  /** Rows, blocks or whatever `note` says. */
  done?: number;
  total?: number;
  note?: string;
}

/** How steps are run on a book. */
export interface Application {
  /** The connection that holds the migrator's lock. */
  session: Queryable;
  /** Process of the session on the server. */
  pid: number;
  /** Where a second connection looks at what the first one waits for; none for a book that nobody uses. */
  database?: Database;
  book: string;
  /** Zone in which the server wrote created_at before 1.2. */
  zone: string;
  /** Nobody else uses the book and it has no rows: everything at once, in the transaction of each file. */
  still: boolean;
  /** How long a step is tried while others hold what it needs, in milliseconds. */
  patience: number;
  onProgress?: (progress: Omit<StepProgress, 'title' | 'at' | 'of'>) => void;
  onNotice?: (sentence: string) => void;
  /** Told after each step, for tests that end there. */
  afterStep?: (step: Step) => void | Promise<void>;
  signal?: AbortSignal;
}

/**
 * Who wants a lock keeps everyone behind him waiting: a step gives up after this time and tries again a little later.
 * With what a step does under its lock (some 10 ms) a client waits a quarter of a second at most.
 */
export const LOCK_MS = 100;
export async function inTransaction(session: Queryable, work: () => Promise<void>): Promise<void> {
  await session.query('begin');
  try {
    await work();
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => {});
    throw error;
  }
}
