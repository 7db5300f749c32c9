import type { Database, Queryable } from '../database/index.js';
// Not by the room's door: behind it stands all of HTTP, which is read later.
import { Kept } from '../http/api/kept.js';
import { type BookState, LATEST_VERSION, listBooks } from '../schema/index.js';
import type { Place } from './session.js';

/** Those that `up` looks after: every book of the embedded server; of another one only that which was named. */
export async function booksKept(
  place: Place,
  book: string,
  session: Queryable = place.database('postgres'),
): Promise<string[]> {
  if (!place.server) return [book];
  const books = await listBooks(session);
  return books.filter(({ version }) => version === LATEST_VERSION).map((each) => each.book);
}

/** Books are made and dropped beside `up`; a request more or less may meet an older list. */
const SERVED_MS = 2000;

/**
 * The books that HTTP knows, whatever their version, asked for again when that was a while ago. Where they cannot be asked for
 * those that were there count: who looks at the machine takes these connections, and no write fails because of him.
 */
export function booksServed(place: Place, book: string, database: Database): () => Promise<BookState[]> {
  const kept = new Kept<BookState[]>();
  let last: BookState[] | undefined;
  const ask = async (): Promise<BookState[]> => {
    try {
      const books = await listBooks(database);
      last = place.server ? books : books.filter((each) => each.book === book);
    } catch (error) {
      if (!last) throw error;
    }
    return last;
  };
  return () => kept.get('books', ask, SERVED_MS);
}
