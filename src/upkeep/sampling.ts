import type { Database } from '../database/index.js';
import { type Clock, systemClock } from './clock.js';
import { onceUntilItSucceeds } from './once-until-it-succeeds.js';
import { ensureStatistics } from './statistics.js';

/** Why statements are not sampled. `library` and `extension`: the server does not count them, or not for this database. */
export type Missing = 'extension' | 'library' | 'version';

export interface SamplingOptions {
  /** Ends it; a sample that is under way is finished first. */
  signal: AbortSignal;
  /** Told of an error once, and again only after a sample has succeeded in between. */
  onError: (error: unknown) => void;
  /** Told once in a sentence what is not sampled, and what it takes. */
  onNotice: (sentence: string) => void;
  clock?: Clock;
}

const MINUTE_MS = 60_000;

/**
 * Samples the statistics of a database once a minute: its statements, and now and then its size. It holds no connection
 * in between. Of several that run at once one takes each sample. Resolves when the signal is aborted.
 */
export async function runSampling(database: Database, options: SamplingOptions): Promise<void> {
  const { signal, onNotice, clock = systemClock } = options;
  const report = onceUntilItSucceeds(options.onError);
  let told: Missing | undefined;
  while (!signal.aborted) {
    try {
      const missing = await sample(database);
      report.succeeded('sampling');
      if (missing && missing !== told) onNotice(MISSING[missing]);
      told = missing;
    } catch (error) {
      report.failed('sampling', error);
    }
    await clock.sleep(MINUTE_MS, signal);
  }
}

/** Somebody else's sample of the same minute is as good. */
const LEAST_SECONDS = 30;

/** Takes one sample, unless there is one of so many seconds ago. Gives why statements are not in it, where they are not. */
export async function sample(
  database: Database,
  least_seconds = LEAST_SECONDS,
): Promise<Missing | undefined> {
  await ensureStatistics(database);
  const [row] = await database.query<{ missing: Missing | null }>(
    'select claire_system.sample($1) as missing',
    [least_seconds],
  );
  return row?.missing ?? undefined;
}

const ONLY = 'Only the calls of the library and the size of the database are sampled';

/** What is to be known where statements are not sampled, and what it takes. */
export const MISSING: Readonly<Record<Missing, string>> = {
  extension: `${ONLY}: for statements it takes \`create extension pg_stat_statements\` by a superuser, and the library in shared_preload_libraries.`,
  library: `${ONLY}: for statements it takes pg_stat_statements in shared_preload_libraries, and a restart of the server.`,
  version: `${ONLY}: for statements it takes \`alter extension pg_stat_statements update\`.`,
};
