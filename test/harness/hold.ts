import type { Database } from '../../src/database/index.js';

/**
 * A client that has begun a transaction, run these statements, and gone to lunch. Gives what brings it back to end the
 * transaction.
 */
export async function holdOpen(
  database: Database,
  statements: string[],
  { begin = 'begin', end = 'commit' } = {},
): Promise<() => Promise<void>> {
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  let ready = () => {};
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const session = database.session(async (own) => {
    await own.query(begin);
    for (const statement of statements) await own.query(statement);
    ready();
    await until;
    await own.query(end);
  });
  // A statement that fails ends it before it is ready.
  await Promise.race([isReady, session]);
  return async () => {
    release();
    await session;
  };
}
