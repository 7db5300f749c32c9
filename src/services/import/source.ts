import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ClaireError } from '../../index.js';

export const FORMATS = ['csv', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** Where rows come from. */
export interface Source {
  /** As people call it. */
  name: string;
  format: Format;
  stream: Readable;
  /** Bytes, where they are known before the end. */
  size: number | undefined;
}

const ENDINGS: Record<string, Format> = { csv: 'csv', jsonl: 'jsonl', ndjson: 'jsonl' };

/** The format that the name of a file tells. */
export const formatOf = (file: string): Format | undefined =>
  ENDINGS[/\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase() ?? ''];

/** Opens a file, or a pipe that has a name. @throws ClaireError import_file_invalid */
export async function openFile(file: string, format: Format): Promise<Source> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new Unusable('this is a directory; give the path of a file');
    return {
      ...{ name: file, format, stream: handle.createReadStream() },
      size: stats.isFile() ? stats.size : undefined,
    };
  } catch (error) {
    await handle?.close();
    throw fileInvalid(file, error);
  }
}

/** From here on a source cannot be used: what was found, and what to do, without a full stop. */
export class Unusable extends Error {
  readonly line: number | undefined;

  constructor(found: string, line?: number, cause?: unknown) {
    super(found, { cause });
    this.line = line;
  }
}

/** The error of a source that cannot be used, with what more is to be said; any other error as it is. */
export function fileInvalid(source: string, error: unknown, more = '', details = {}): unknown {
  const cause = unusableIn(error);
  if (!cause) return error;
  const { line, message } = cause;
  return new ClaireError('import_file_invalid', {
    found: `${source}${line === undefined ? '' : `, line ${line}`}: ${message}.${more}`,
    details: { file: source, ...(line === undefined ? {} : { line }), ...details },
    cause: error,
  });
}

function unusableIn(error: unknown): Unusable | undefined {
  if (error instanceof Unusable) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof syscall !== 'string') return undefined;
  if (code === 'ENOENT') return new Unusable('there is no such file; see whether the path is right');
  return new Unusable(`it cannot be read (${code}); see whether the disk and the rights are in order`);
}

/** Characters of a line. Without a bound, a quote that nobody closes takes the rest of the file into memory. */
export const LONGEST = 1_000_000;

/** What is not UTF-8 arrives as this character: to record it would lose what was meant. */
export function requireUtf8(text: string, line: number): void {
  if (text.includes('\ufffd')) throw new Unusable('this is not UTF-8; convert it (`iconv -t UTF-8`)', line);
}
