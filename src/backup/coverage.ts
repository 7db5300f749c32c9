import type { Queryable } from '../database/index.js';
import { type Listed, listBackups } from './repository.js';
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

/** The newest backup of a book by a kind, or by any. */
export const newestOf = (listed: readonly Listed[], origin: Origin, kind?: Kind): Listed | undefined =>
  listed.find(({ side }) => side && (kind ?? side.kind) === side.kind && isOf(side, origin));

/** The newest backup of a book that was restored and found right. */
export function newestVerified(listed: readonly Listed[], origin: Origin): Listed | undefined {
  return listed.find(({ side, verified }) => side && verified?.ok && isOf(side, origin));
}

/**
 * Until when everything that a book recorded is in a verified backup that lies there; undefined where there is none.
 * A backup of another server proves nothing, even where the book has the same name.
 */
export async function coveredUntil(
  backups: string,
  origin: Origin,
): Promise<{ until_ms: number; name: string } | undefined> {
  const found = newestVerified(await listBackups(backups), origin);
  return found?.side && { until_ms: found.side.complete_until_ms, name: found.name };
}
