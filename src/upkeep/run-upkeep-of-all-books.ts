import type { Database, Queryable } from '../database/index.js';
import { LATEST_VERSION, listBooks } from '../schema/index.js';
import { systemClock } from './clock.js';
import { runUpkeep, type UpkeepOptions } from './run-upkeep.js';

/** How soon a book that was created meanwhile is looked after. */
const LOOK_MS = 5000;

export interface Books {
  /** Sees all of them. */
  admin: Queryable;
  /** A pool for the upkeep of one, closed when the book goes or the upkeep ends. */
  open(book: string): Promise<Database>;
}

/** The upkeep of every book of a database, those included that come and go meanwhile, each on a pool of its own. */
export async function runUpkeepOfAllBooks({ admin, open }: Books, options: UpkeepOptions): Promise<void> {
  const { signal, clock = systemClock } = options;
  const running = new Map<string, { end: AbortController; ended: Promise<void> }>();
  const stop = async (book: string) => {
    running.get(book)?.end.abort();
    await running.get(book)?.ended;
    running.delete(book);
  };
  const telling: Promise<void>[] = [];
  // Who drops a book meets its upkeep, and takes its roles: no error, if the book is gone a moment later.
  const tellUnlessGone = async (book: string, error: unknown) => {
    await clock.sleep(LOOK_MS, signal);
    if ((await currentBooks(admin, () => {}))?.includes(book) !== false) options.onError(error);
  };
  while (!signal.aborted) {
    const books = await currentBooks(admin, options.onError);
    for (const book of books ?? []) {
      if (running.has(book)) continue;
      const end = new AbortController();
      const onError = (error: unknown) => void telling.push(tellUnlessGone(book, error));
      const signals = AbortSignal.any([signal, end.signal]);
      running.set(book, { end, ended: lookAfter(book, open, { ...options, onError, signal: signals }) });
    }
    for (const book of books ? running.keys() : []) if (!books!.includes(book)) await stop(book);
    await clock.sleep(LOOK_MS, signal);
  }
  await Promise.all([...running.keys()].map(stop));
  await Promise.all(telling);
}

/** Tried again until there is a pool: what makes one may wait for somebody, or be refused until somebody puts it right. */
async function lookAfter(book: string, open: Books['open'], options: UpkeepOptions): Promise<void> {
  const { signal, onError, clock = systemClock } = options;
  while (!signal.aborted) {
    try {
      const database = await open(book);
      return await runUpkeep(database, book, options).finally(() => database.close());
    } catch (error) {
      onError(error);
      await clock.sleep(LOOK_MS, signal);
    }
  }
}

/** The books whose schema has what the upkeep calls; undefined where the database does not answer. */
async function currentBooks(
  database: Queryable,
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
