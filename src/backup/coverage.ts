import type { Queryable } from '../database/index.js';
import { areThere } from './files.js';
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
 * The newest backup of a book that was restored and found right, and of which since then no file has gone or lost a byte;
 * undefined where there is none. A backup of another server proves nothing, even where the book has the same name.
 */
export async function newestHeld(
  backups: string,
  origin: Origin,
): Promise<(Listed & { side: SideFile }) | undefined> {
  for (const listed of await listBackups(backups)) {
    const { directory, side, verified } = listed;
    if (side && verified?.ok && isOf(side, origin) && (await areThere(directory, side.files)))
      return { ...listed, side };
  }
  return undefined;
}
