import { type CopySession, type Database, identifier, openCopySession } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { verify } from '../operations/index.js';
import { LATEST_VERSION, type Migration, migrate, VERSIONS, type Version } from '../schema/index.js';
import { differences, factsOf, losses } from './facts.js';
import { checkFiles } from './files.js';
import type { BackupKey } from './keys.js';
import { loadLogical } from './logical.js';
import { readPgDump } from './pg-dump/read.js';
import { physical } from './physical/reader.js';
import { type Listed, whole } from './repository.js';
import { type Scratch, withScratch } from './scratch.js';
import type { BookShape, Kind, SideFile } from './side-file.js';

export interface OpenOptions {
  key?: BackupKey | undefined;
  /** Of a physical one: with the log after it, to a moment or as far as there is one. */
  until?: Until | undefined;
  onStage?: ((sentence: string) => void) | undefined;
  /** Connection string of a server to restore into, in a database of its own. Default: a server of its own. */
  scratch?: string | undefined;
  /** Ends the work, with the reason of the signal, and what was made for it. */
  signal?: AbortSignal | undefined;
  /** Leaves a book at its version: whether it is what was backed up can be seen without bringing it forward. */
  asItWas?: boolean;
}

export interface Until {
  /** Directory of the server's archived log. */
  archive: string;
  /** ISO 8601 in UTC, to the microsecond; undefined: to the end. */
  moment?: string | undefined;
}

/** A backup whose books stand in a server of their own. */
export interface Opened {
  scratch: Scratch;
  /** Where the books are. */
  database: Database;
  url: string;
  books: string[];
  /** In what the copy is not what was backed up, a sentence each. */
  problems: string[];
  /** Laws of the record that rows of the copy break, a sentence each. */
  broken: string[];
  /** Laws that were looked at. */
  laws: number;
}

/** What a kind is read with. */
export interface Reading extends OpenOptions {
  directory: string;
  side: SideFile;
  /** Of the archived log, which may be encrypted where the backup is not. */
  archiveKey?: BackupKey | undefined;
}

/** Brings the books of a backup, as they were, into a server and says in which of its databases they are. */
export type Reader = <T>(
  reading: Reading,
  work: (scratch: Scratch, database: string) => Promise<T>,
) => Promise<T>;

const logical: Reader = (reading, work) =>
  withScratch(async (scratch) => {
    const database = scratch.database();
    const session = await openCopySession(scratch.url(), 'claire restore');
    try {
      for (const shape of reading.side.books) {
        await makeAsItWas(database, shape);
        await loadLogical(session, { ...reading, key: reading.key, shape });
      }
    } finally {
      await session.close();
    }
    return work(scratch, scratch.name);
  }, reading);

/** An empty book as that of a shape was: of a version, or where an interrupted migration had left it. */
async function makeAsItWas(database: Database, shape: BookShape): Promise<void> {
  const { book, migrations, recorded_in } = shape;
  const version = versionOf(shape);
  if (migrations === undefined) {
    await migrate(database, book, { to: version });
    return;
  }
  const interruption = new Error('This far it had come.');
  const onFile = ({ number }: Migration) => {
    if (number > migrations) throw interruption;
  };
  const zone = recorded_in === undefined ? {} : { recordedIn: recorded_in };
  await migrate(database, book, { onFile, ...zone }).catch((error: unknown) => {
    if (error !== interruption) throw error;
  });
}

const readers: Record<Kind, Reader> = {
  logical,
  pg_dump: readPgDump,
  physical,
};

function versionOf({ book, schema_version }: BookShape): Version {
  const known = VERSIONS.find((version) => version === schema_version);
  if (known) return known;
  throw new ClaireError('backup_newer', {
    found: `Book ${book} is at ${schema_version} there, and this program knows up to ${LATEST_VERSION}.`,
  });
}

/** @throws ClaireError backup_key_wrong */
function requireKey({ name, key: id }: SideFile, key: BackupKey | undefined): void {
  if (id === null || id === key?.id) return;
  const found = key
    ? `${name} was encrypted with key ${id}, and this is key ${key.id}.`
    : `${name} is encrypted, with key ${id}.`;
  throw new ClaireError('backup_key_wrong', { found });
}

/**
 * What a backup is read with, when each of its files is what was written and the key is the right one.
 * @throws ClaireError backup_damaged, backup_key_wrong, backup_newer
 */
export async function readingOf(listed: Listed, { key, ...options }: OpenOptions): Promise<Reading> {
  const { directory, side } = whole(listed);
  requireKey(side, key);
  for (const shape of side.books) versionOf(shape);
  options.onStage?.('reading the files');
  await checkFiles(directory, side.files, options.signal);
  return { ...options, directory, side, key: side.key === null ? undefined : key, archiveKey: key };
}

/**
 * Restores a backup into a server of its own, holds it against what the side file says and against the laws of the
 * record, and works on it. Nothing else is touched.
 * @throws ClaireError backup_damaged, backup_key_wrong, backup_newer
 */
export async function openBackup<T>(
  listed: Listed,
  options: OpenOptions,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const reading = await readingOf(listed, options);
  const { side, onStage, asItWas } = reading;
  onStage?.('restoring into a server of its own');
  return readers[side.kind](reading, async (scratch, name) => {
    const database = scratch.database(name);
    const url = scratch.url(name);
    const session = await openCopySession(url, 'claire restore');
    try {
      const problems: string[] = [];
      const broken: string[] = [];
      let laws = 0;
      for (const shape of side.books) {
        onStage?.('comparing');
        // Of a physical one the facts are from before it began.
        const compared = side.kind === 'physical' ? losses : differences;
        problems.push(...compared(shape.facts, await factsAgain(session, shape)));
        if (asItWas && shape.schema_version !== LATEST_VERSION) continue;
        await migrate(database, shape.book, { recordedIn: shape.recorded_in ?? side.server.time_zone });
        onStage?.('holding it against the laws');
        const found = await lawsOf(session, shape.book);
        laws += found.length;
        broken.push(...found.filter((law) => law.broken > 0).map(({ law, broken }) => `${law} (${broken})`));
      }
      const books = side.books.map(({ book }) => book);
      return await work({ scratch, database, url, books, problems, broken, laws });
    } finally {
      await session.close();
    }
  });
}

/** Of the copy, and of the columns that it had. */
const factsAgain = (session: CopySession, { book, facts, tables }: BookShape) =>
  factsOf(
    session,
    book,
    tables.filter(({ table }) => facts.some((one) => one.table === table)),
  );

/** Every law of the record, as this session sees it. */
export const lawsOf = (session: CopySession, book: string) =>
  verify.run(
    { database: session, book: identifier(book), inTransaction: true, attempt: (work) => work() },
    {},
  );
