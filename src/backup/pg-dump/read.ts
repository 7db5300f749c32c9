import { openFile } from '../files.js';
import type { Reading } from '../opened.js';
import { type Scratch, withScratch } from '../scratch.js';
import { startProgram, withAddress } from './program.js';
import { newestDumpTools } from './tools.js';
import { DUMP } from './write.js';

/**
 * Brings a dump into a server of its own by pg_restore, as it was: by its own version of the schema, and any version of
 * the server.
 * @throws ClaireError backup_tools_missing, backup_tool_failed, backup_damaged
 */
export const readPgDump = <T>(
  reading: Reading,
  work: (scratch: Scratch, database: string) => Promise<T>,
): Promise<T> =>
  withScratch(async (scratch) => {
    const { directory, side, key, signal } = reading;
    const { pgRestore } = await newestDumpTools();
    // The dump of a book `public` makes its schema, too.
    if (side.books.some(({ book }) => book === 'public'))
      await scratch.database().query('drop schema if exists public');
    await withAddress(scratch.url(), async (address) => {
      const file = side.files.find(({ name }) => name === DUMP)!;
      const args = ['--exit-on-error', '--no-owner', '--no-privileges', `--dbname=${address}`];
      const program = startProgram(pgRestore, args, {
        input: openFile(directory, file, { gzip: false, key }),
        signal,
      });
      program.output.resume();
      await program.ended;
    });
    return work(scratch, scratch.name);
  }, reading);
