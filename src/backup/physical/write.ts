import { baseBackup, type CopySession, openCopySession } from '../../database/index.js';
import { atOneMoment, type Moment, type Writing, type Written } from '../create.js';
import { factsOf } from '../facts.js';
import { type StoredFile, storeFile } from '../files.js';
import { shapeOf } from '../shape.js';
import type { BookShape } from '../side-file.js';

export interface PhysicalSource {
  /** Of the server itself; its login may replicate and read the books. */
  url: string;
  /** The books of its database: what is held against the restored copy. */
  books: readonly string[];
  signal?: AbortSignal | undefined;
}

/** How often it is asked whether the server still sends its files. */
const LOOK_MS = 100;

/**
 * Every file of a server, with the log that makes them whole: what was acknowledged before its end is in it, of every
 * database. Streamed in constant memory.
 */
export async function writePhysical(
  { url, books, signal }: PhysicalSource,
  { directory, coding, onProgress }: Writing,
): Promise<Written> {
  const [counting, watching] = await Promise.all([
    openCopySession(url, APPLICATION),
    openCopySession(url, APPLICATION),
  ]);
  const cut = new AbortController();
  try {
    const before = await orientation(counting, books);
    const files: StoredFile[] = [];
    let sentBytes = 0;
    let watch: Watch | undefined;
    const sending = baseBackup(
      {
        ...{ databaseUrl: url, label: 'claire' },
        signal: signal ? AbortSignal.any([signal, cut.signal]) : cut.signal,
        onProcess: (pid) => {
          watch = watchEnd(watching, pid);
        },
        onProgress: (bytes, total) => {
          sentBytes = bytes;
          onProgress?.(bytes, total, 'bytes');
        },
      },
      async (part, content) => {
        files.push(await storeFile(directory, fileName(part, coding), content, coding));
      },
    ).finally(() => watch?.stop());
    sending.catch(() => {});
    // The counting goes on beside; where it fails the sending is of no use.
    const shapes = await before.books.catch(async (error: unknown) => {
      cut.abort();
      await sending.catch(() => {});
      throw error;
    });
    const { start_lsn, end_lsn, timeline, wal_segment_bytes } = await sending;
    return {
      ...before.moment,
      books: shapes,
      taken_ms: (await watch?.last) ?? before.moment.taken_ms,
      files: files.sort((a, b) => (a.name < b.name ? -1 : 1)),
      physical: { start_lsn, end_lsn, timeline, wal_segment_bytes, bytes: sentBytes },
    };
  } finally {
    await Promise.all([counting.close(), watching.close()]);
  }
}

const APPLICATION = 'claire backup';

export const fileName = (part: string, { gzip }: { gzip: number | false }): string =>
  gzip === false ? part : `${part}.gz`;

/** What the books hold before it begins; a restored copy has no less of what is never taken away. */
async function orientation(session: CopySession, books: readonly string[]) {
  let begun!: (moment: Moment) => void;
  const moment = new Promise<Moment>((resolve) => {
    begun = resolve;
  });
  const shapes = atOneMoment(session, books, async (seen) => {
    begun(seen);
    const found: BookShape[] = [];
    for (const book of books) {
      const shape = await shapeOf(session, book);
      found.push({ ...shape, facts: await factsOf(session, book, shape.tables, { hashed: false }) });
    }
    return found;
  });
  shapes.catch(() => {});
  // Its snapshot is from before the first file is sent.
  return { moment: await Promise.race([moment, shapes.then(() => moment)]), books: shapes };
}

interface Watch {
  stop(): void;
  /** The last moment, in Unix milliseconds, at which the end was still to come. */
  last: Promise<number | undefined>;
}

/** The server does not say when it ended, so it is asked all the while whether it still sends its files. */
function watchEnd(session: CopySession, pid: number): Watch {
  let isOver = false;
  const look = async () => {
    let last: number | undefined;
    while (!isOver) {
      const [row] = await session.query<{ at: number }>(
        `select floor(extract(epoch from statement_timestamp()) * 1000)::bigint as at
         from pg_stat_progress_basebackup where pid = $1
           and (phase in ('initializing', 'estimating backup size', 'streaming database files')
             or phase like 'waiting for checkpoint%')`,
        [pid],
      );
      last = row?.at ?? last;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    return last;
  };
  // Where the server is lost the backup fails by itself, and says so.
  const last = look().catch(() => undefined);
  return {
    stop: () => {
      isOver = true;
    },
    last,
  };
}
