import { randomUUID } from 'node:crypto';
import { afterEach } from 'vitest';
import { Database, type DatabaseOptions } from '../../src/database/index.js';
import { useBook } from '../harness/book.js';
import { step } from '../harness/step.js';

/** Pools of a test on a database of the file's own, each under a name of its own, closed at the end of the test. */
export function usePools() {
  const book = useBook();
  const open: Database[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.close()));
  });

  /** A pool, and what the server knows of it. */
  function pool(options: Partial<DatabaseOptions> = {}) {
    // Of no other file either: sessions are found, and ended, by it.
    const name = `pool ${randomUUID()}`;
    const database = new Database({
      databaseUrl: book.url,
      applicationName: name,
      connections: 1,
      ...options,
    });
    open.push(database);
    const sessions = () =>
      book.database.query<{ pid: number; state: string }>(
        `select pid, state from pg_stat_activity where application_name = $1 order by pid`,
        [name],
      );
    const kill = () =>
      book.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
        [name],
      );
    return { name, database, sessions, kill };
  }
  return { book, pool };
}

export const backend = async (database: Database) =>
  (await database.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]!.pid;

/** Takes every connection of a pool until it is told to give them back. */
export async function holdAll(database: Database, count: number) {
  const held = Array.from({ length: count }, () => step());
  const release = step();
  const work = held.map((each) =>
    database.transaction(async (t) => {
      await t.query('select 42 as held');
      each.done();
      await release.reached;
    }),
  );
  await Promise.all(held.map((each) => each.reached));
  return async () => {
    release.done();
    await Promise.all(work);
  };
}
