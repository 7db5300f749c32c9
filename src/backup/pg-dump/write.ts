import { type CopySession, openCopySession } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { PASSING } from '../../schema/index.js';
import { atOneMoment, type Writing, type Written } from '../create.js';
import { factsOf } from '../facts.js';
import { type StoredFile, storeFile } from '../files.js';
import { shapeOf } from '../shape.js';
import { startProgram, withAddress } from './program.js';
import { type DumpTools, findDumpTools } from './tools.js';

export const DUMP = 'book.dump';

/** As the seed's; see docs/backups.md for what the others cost. */
export const COMPRESSION = '9';

export interface PgDumpOptions {
  url: string;
  book: string;
  /** Level of gzip; from pg_dump 16 on also `lz4`, `zstd:3` and the like, where its build knows them. */
  compression?: string | undefined;
  /** Where the programs are, and nowhere else. */
  programs?: string | undefined;
}

/**
 * A book by pg_dump, in its custom format: everything in the schema, tables of others too, for whoever has pg_restore
 * and no Claire. What is counted beside it is counted in the very snapshot that is dumped.
 * @throws ClaireError backup_tools_missing, backup_tool_failed
 */
export async function writePgDump(options: PgDumpOptions, writing: Writing): Promise<Written> {
  const session = await openCopySession(options.url, 'claire backup');
  try {
    return await atOneMoment(session, [options.book], async (moment, snapshot) => {
      const tools = await findDumpTools(moment.server.major, options.programs);
      const args = argumentsOf(tools, options, snapshot);
      const shape = await shapeOf(session, options.book);
      writing.onProgress?.(0, undefined, `pg_dump ${tools.major}`);
      const both = await together(writing, (signal) => [
        withAddress(options.url, (address) =>
          dump(tools, [...args, `--dbname=${address}`], {
            ...writing,
            coding: { ...writing.coding, signal },
          }),
        ),
        counted(session, options.book, shape),
      ]);
      const [file, facts] = both;
      return { ...moment, books: [{ ...shape, facts }], files: [file] };
    });
  } finally {
    await session.close();
  }
}

const counted = (session: CopySession, book: string, shape: Awaited<ReturnType<typeof shapeOf>>) =>
  factsOf(session, book, shape.tables);

/** Two pieces of work of which one is for nothing without the other: where one fails the other is ended. */
async function together<A, B>(
  { coding }: Writing,
  work: (signal: AbortSignal) => [Promise<A>, Promise<B>],
): Promise<[A, B]> {
  const stop = new AbortController();
  const signal = coding.signal ? AbortSignal.any([coding.signal, stop.signal]) : stop.signal;
  const both = work(signal);
  try {
    return await Promise.all(both);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(both);
    throw error;
  }
}

function argumentsOf({ major }: DumpTools, options: PgDumpOptions, snapshot: string): string[] {
  const { book, compression = COMPRESSION } = options;
  if (!/^([0-9]|none|(gzip|lz4|zstd)(:\w+)?)$/.test(compression)) {
    const found = `${JSON.stringify(compression)} is no compression: 0 to 9, gzip:N, lz4, zstd:N.`;
    throw new ClaireError('input_invalid', { found });
  }
  if (major < 16 && !/^[0-9]$/.test(compression)) {
    throw new ClaireError('backup_tools_missing', {
      found: `pg_dump ${major} knows levels from 0 to 9 only; ${compression} needs that of PostgreSQL 16 or newer.`,
    });
  }
  return [
    '--format=custom',
    `--compress=${compression}`,
    `--schema=${book}`,
    ...PASSING.map((table) => `--exclude-table-data=${book}.${table}`),
    '--no-owner',
    '--no-privileges',
    `--snapshot=${snapshot}`,
  ];
}

async function dump(tools: DumpTools, args: readonly string[], writing: Writing): Promise<StoredFile> {
  const { directory, coding } = writing;
  const program = startProgram(tools.pgDump, args, { signal: coding.signal });
  try {
    // It has compressed already.
    const stored = await storeFile(directory, DUMP, program.output, { ...coding, gzip: false });
    // What it wrote before it failed looks whole to whoever does not ask how it ended.
    await program.ended;
    return stored;
  } finally {
    program.kill();
  }
}
