import { identifier, type Queryable } from '../database/index.js';
import { tableState, vacuum } from './vacuum.js';

/** Something that a book needs again and again. */
export interface Task {
  name: string;
  every_ms: number;
  /** It may take minutes: it has a connection of its own, and the others do not wait for it. */
  apart?: true;
  run(session: Queryable, book: string, signal: AbortSignal): Promise<void>;
}

export const tasks: readonly Task[] = [
  {
    // Reading 50 positions takes 0.8 ms beside 1,000 unfolded changes and grows with them: a second keeps them few.
    name: 'fold_position_changes',
    every_ms: 1000,
    async run(session, book, signal) {
      while (!signal.aborted) {
        const [row] = await session.query<{ folded: number }>(
          `select ${identifier(book)}.fold_position_changes() as folded`,
        );
        if (!row?.folded) return;
        await vacuumFolded(session, book, row.folded);
      }
    },
  },
  {
    // decide does this for itself; a desk that never asks would gather changes for ever.
    name: 'fold_reservation_changes',
    every_ms: 1000,
    async run(session, book) {
      await session.query(`select ${identifier(book)}.fold_reservation_changes()`);
    },
  },
  {
    // The seed promises clients of positions_realtime rows that are at most 5 seconds old.
    name: 'refresh_positions_realtime',
    every_ms: 5000,
    async run(session, book) {
      await session.query(`select ${identifier(book)}.refresh_positions_realtime()`);
    },
  },
  {
    // A minute's worth at a time, so that what is held is what the bounds say, and a minute.
    name: 'prune_record_log',
    every_ms: 60_000,
    run: pruning('prune_record_log'),
  },
  {
    name: 'prune_answers',
    every_ms: 60_000,
    run: pruning('prune_answers'),
  },
];

/** Batch by batch, so that no snapshot is held for long. */
function pruning(called: 'prune_record_log' | 'prune_answers'): Task['run'] {
  return async (session, book, signal) => {
    while (!signal.aborted) {
      const [row] = await session.query<{ gone: number }>(`select ${identifier(book)}.${called}() as gone`);
      if (!row?.gone) return;
    }
  };
}

/** Changes folded in a session since position_changes was vacuumed, and how many it takes until it is again. */
const foldedIn = new WeakMap<Queryable, { folded: number; due: number }>();
const DUE = 1000;

/**
 * Readers step over what was folded until it is vacuumed, and autovacuum comes once a minute at best: at 2,000 trades a
 * second positions took 1.6 times as long by then. Where an old snapshot keeps rows from going, the pauses grow with the
 * table.
 */
async function vacuumFolded(session: Queryable, book: string, folded: number): Promise<void> {
  const since = foldedIn.get(session) ?? { folded: 0, due: DUE };
  foldedIn.set(session, since);
  since.folded += folded;
  if (since.folded < since.due) return;
  const { able } = await tableState(session, book, 'position_changes');
  if (able) await vacuum(session, book, 'position_changes');
  since.folded = 0;
  since.due = DUE + 20 * (await tableState(session, book, 'position_changes')).pages;
}
