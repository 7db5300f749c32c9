import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { ClaireError } from '../errors/index.js';

/** A file for an answer, which is seen whole or not at all. */
export interface OutputFile {
  write(text: string): Promise<void>;
  /** Takes away what was not finished. */
  end(): Promise<void>;
}

/** Finds out at once whether the file can be written, not after an hour of work. @throws ClaireError output_failed */
export async function openOutput(path: string): Promise<OutputFile> {
  // A link stays one: what it names is replaced.
  const target = await realpath(path).catch(() => path);
  const found = await stat(target).catch(() => undefined);
  const partial = `${target}.partial-${process.pid}`;
  const write = (file: string, text: string) => writeFile(file, text).catch((cause) => fail(path, cause));
  if (found?.isDirectory()) fail(path, new Error('it is a directory'));
  // A device or a pipe would be replaced by a file.
  if (found && !found.isFile()) return { write: (text) => write(target, text), end: async () => {} };
  await write(partial, '');
  return {
    async write(text) {
      await write(partial, text);
      await rename(partial, target).catch((cause) => fail(path, cause));
    },
    end: () => rm(partial, { force: true }),
  };
}

function fail(path: string, cause: Error): never {
  throw new ClaireError('output_failed', { found: `${path}: ${cause.message}.`, cause });
}
