import type { Database } from '../database/index.js';
import { LATEST_VERSION, listBooks } from '../schema/index.js';
import { systemClock } from './clock.js';
import { runUpkeep, type UpkeepOptions } from './run-upkeep.js';

/** How soon a book that was created meanwhile is looked after. */
const LOOK_MS = 5000;

/** The upkeep of every book of a database, those included that come and go meanwhile. One connection a book, and one. */
export async function runUpkeepOfAllBooks(database: Database, options: UpkeepOptions): Promise<void> {
  const { signal, clock = systemClock } = options;
  const running = new Map<string, { end: AbortController; ended: Promise<void> }>();
  const stop = async (book: string) => {
    running.get(book)?.end.abort();
    await running.get(book)?.ended;
    running.delete(book);
  };
  while (!signal.aborted) {
    const books = await currentBooks(database, options.onError);
    for (const book of books ?? []) {
      if (running.has(book)) continue;
      const end = new AbortController();
      const onError = async (error: unknown) => {
        // A book that was dropped a moment ago is no error.
        if ((await currentBooks(database, () => {}))?.includes(book) !== false) options.onError(error);
      };
      const signals = AbortSignal.any([signal, end.signal]);
      running.set(book, { end, ended: runUpkeep(database, book, { ...options, onError, signal: signals }) });
    }
    for (const book of books ? running.keys() : []) if (!books!.includes(book)) await stop(book);
    await clock.sleep(LOOK_MS, signal);
  }
  await Promise.all([...running.keys()].map(stop));
}

/** The books whose schema has what the upkeep calls; undefined where the database does not answer. */
async function currentBooks(
  database: Database,
  onError: (error: unknown) => void,
): Promise<string[] | undefined> {
  try {
    const books = await listBooks(database);
    return books.filter(({ version }) => version === LATEST_VERSION).map(({ book }) => book);
  } catch (error) {
    onError(error);
    return undefined;
  }
}
