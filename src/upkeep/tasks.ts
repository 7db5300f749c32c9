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
      const schema = identifier(book);
      for (let folded = 0; !signal.aborted; ) {
        const [row] = await session.query<{ folded: number }>(
          `select ${schema}.fold_position_changes() as folded`,
        );
        folded += row!.folded;
        if (row!.folded) continue;
        // Readers step over what was folded until it is vacuumed, and autovacuum comes once a minute at best: at 2,000
        // trades a second positions took 1.6 times as long by then. Where the login may not, the server only warns.
        // Shrinking the file needs a lock that writers would wait for.
        if (folded > 0) await session.query(`vacuum (truncate false) ${schema}.position_changes`);
        return;
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
