import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { describeState, LATEST_VERSION, recognise } from '../schema/index.js';

/** Whoever asks whether work can be sent here asks again soon, and takes silence for a no. */
const WAIT_MS = 1000;

/**
 * Resolves where the book answers and stands at the newest version.
 * @throws ClaireError database_unreachable, book_missing, schema_outdated, schema_newer, and what the server refuses with
 */
export async function requireReady(database: Database, book: string, wait_ms = WAIT_MS): Promise<void> {
  const end = new AbortController();
  const late = wait(wait_ms, undefined, { signal: end.signal }).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  const state = await Promise.race([recognise(database, book), late]).finally(() => end.abort());
  if (state === 'late')
    throw new ClaireError('database_unreachable', { found: `It did not answer within ${wait_ms / 1000} s.` });
  if (!state.exists) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  if (state.newer) throw new ClaireError('schema_newer', { found: describeState(state) });
  if (state.version !== LATEST_VERSION)
    throw new ClaireError('schema_outdated', { found: describeState(state) });
}
