import type { Queryable } from '../database/index.js';
import type { Listed } from './repository.js';
import type { Kind, SideFile } from './side-file.js';

/** Whose rows are meant. */
export interface Origin {
  book: string;
  systemIdentifier: string;
  database: string;
}

/** Of the server and database of a session. */
export async function originOf(session: Queryable, book: string): Promise<Origin> {
  const [row] = await session.query<Omit<Origin, 'book'>>(
    `select (select system_identifier::text from pg_control_system()) as "systemIdentifier",
       current_database()::text as database`,
  );
  return { book, ...row! };
}

const isOf = (side: SideFile, { book, systemIdentifier, database }: Origin): boolean =>
  side.server.system_identifier === systemIdentifier &&
  (side.kind === 'physical' || side.server.database === database) &&
  side.books.some((one) => one.book === book);

/** A clock that was wrong and was put right leaves backups of the time to come: what they hold, by their times, is not so. */
const isOfNow = (side: SideFile, now: number): boolean => side.begun_ms <= now;

/** The newest backup of a book by a kind, or by any. */
export const newestOf = (
  listed: readonly Listed[],
  origin: Origin,
  kind?: Kind,
  now = Date.now(),
): Listed | undefined =>
  listed.find(
    ({ side }) => side && (kind ?? side.kind) === side.kind && isOf(side, origin) && isOfNow(side, now),
  );

/** The newest backup of a book that was restored and found right. */
export const newestVerified = (
  listed: readonly Listed[],
  origin: Origin,
  now = Date.now(),
): Listed | undefined =>
  listed.find(({ side, verified }) => side && verified?.ok && isOf(side, origin) && isOfNow(side, now));
