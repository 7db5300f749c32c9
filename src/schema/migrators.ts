import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

const lockName = (book: string): string => `claire migrate ${book}`;

interface Waiting {
  /** Milliseconds. */
  patience: number;
  onNotice?: (sentence: string) => void;
  signal?: AbortSignal;
}

/**
 * Takes the lock that one migrator of a book has at a time. Polls: a blocking lock would deadlock with another migrator's
 * CREATE INDEX CONCURRENTLY.
 * @throws ClaireError migration_busy, which names who has it: any login may take an advisory lock
 */
export async function lockBook(session: Queryable, book: string, waiting: Waiting): Promise<void> {
  const { patience, onNotice, signal } = waiting;
  const until = Date.now() + patience;
  for (let turn = 0; ; turn++) {
    signal?.throwIfAborted();
    const [row] = await session.query<{ locked: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
      [lockName(book)],
    );
    if (row?.locked) return;
    if (turn === 20) onNotice?.(`Waiting for another migration of book ${book}.`);
    if (Date.now() > until) {
      const holders = (await migratorsOf(session, book)).map(
        ({ pid, login }) => `process ${pid} of ${login ?? 'a login that is not shown'}`,
      );
      const found = `Waited ${patience} ms for ${holders.join(' and ') || 'a session that has just ended'}.`;
      throw new ClaireError('migration_busy', { found });
    }
    await sleep(100);
  }
}

/** Who migrates a book of this database now. */
export const migratorsOf = (
  database: Queryable,
  book: string,
): Promise<{ pid: number; login: string | null }[]> =>
  database.query(
    `select l.pid, a.usename::text as login
     from pg_locks as l left join pg_stat_activity as a using (pid), hashtextextended($1, 0) as key
     where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
       and l.database = (select oid from pg_database where datname = current_database())
       and (l.classid::bigint << 32 | l.objid::bigint) = key`,
    [lockName(book)],
  );
