import { identifier, type Queryable } from '../database/index.js';

/** Something that a book needs again and again. */
export interface Task {
  name: string;
  every_ms: number;
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
      }
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
];
