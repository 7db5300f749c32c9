import { open } from 'node:fs/promises';
import { ClaireError } from '../errors/index.js';
import type { Problem } from '../services/index.js';

/** Rows that an import could not bring into the record. */
export interface Problems {
  take(problems: readonly Problem[]): Promise<void>;
  /** Where they go; undefined: the first are kept. */
  file: string | undefined;
  first: Problem[];
  close(): Promise<void>;
}

const SHOWN = 10;

/** Writes them to a file as JSON lines, as they come; without a file the first are kept to be shown. */
export async function openProblems(file: string | undefined): Promise<Problems> {
  const first: Problem[] = [];
  if (file === undefined) {
    return {
      ...{ file, first },
      take: async (problems) => void first.push(...problems.slice(0, SHOWN - first.length)),
      close: async () => {},
    };
  }
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: NodeJS.ErrnoException) => {
      throw new ClaireError('output_failed', { found: `${file}: ${error.code}.`, cause: error });
    });
  const handle = await guard(open(file, 'w'));
  return {
    ...{ file, first },
    take: (problems) =>
      guard(handle.appendFile(problems.map((each) => `${JSON.stringify(each)}\n`).join(''))),
    close: () => guard(handle.close()),
  };
}
