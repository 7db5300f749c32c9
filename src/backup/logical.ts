import { type CopySession, openCopySession } from '../database/index.js';
import { alsoAt, atOneMoment, copyOutText, type Writing, type Written } from './create.js';
import { factsOf } from './facts.js';
import { openFile, type StoredFile, storeFile } from './files.js';
import type { BackupKey } from './keys.js';
import { loadRows } from './load.js';
import { shapeOf } from './shape.js';
import type { BookShape, SideFile } from './side-file.js';

const APPLICATION = 'claire backup';
const fileOf = (table: string) => `${table}.copy`;

/**
 * Every table of a book by COPY, as it is at one moment. Needs nothing but the right to read, and is restored by our own
 * migrations into any version of the server.
 */
export async function writeLogical(
  { url, book }: { url: string; book: string },
  { directory, coding, onProgress }: Writing,
): Promise<Written> {
  const [rows, sums] = await Promise.all([
    openCopySession(url, APPLICATION),
    openCopySession(url, APPLICATION),
  ]);
  try {
    return await atOneMoment(rows, [book], async (moment, snapshot) => {
      const shape = await shapeOf(rows, book);
      // On a connection of its own, so that the counting and the copying take the time of the longer one.
      const counting = alsoAt(sums, snapshot, () => factsOf(sums, book, shape.tables));
      counting.catch(() => {});
      const files: StoredFile[] = [];
      for (const [at, { table, columns }] of shape.tables.entries()) {
        onProgress?.(at, shape.tables.length, table);
        const source = rows.copyOut(copyOutText(book, table, columns));
        files.push(await storeFile(directory, fileOf(table), source, coding));
      }
      onProgress?.(shape.tables.length, shape.tables.length, 'counting');
      return { ...moment, books: [{ ...shape, facts: await counting }], files };
    });
  } finally {
    await Promise.all([rows.close(), sums.close()]);
  }
}

/** Brings the rows of a logical backup into a book that stands at its version. */
export async function loadLogical(
  session: CopySession,
  {
    directory,
    side,
    shape,
    key,
  }: { directory: string; side: SideFile; shape: BookShape; key: BackupKey | undefined },
): Promise<void> {
  const rows = (table: string) => {
    const file = side.files.find(({ name }) => name === fileOf(table))!;
    return openFile(directory, file, { gzip: side.gzip !== false, key });
  };
  await session.query('begin');
  await loadRows({ session, book: shape.book, shape, rows });
  await session.query('commit');
}
