import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { ClaireError } from '../errors/index.js';
import type { BackupKey } from './keys.js';

/** A file of a backup as it lies there. */
export interface StoredFile {
  name: string;
  bytes: number;
  /** In hexadecimal. */
  sha256: string;
}

export interface Coding {
  /** Level of gzip, 1 to 9. */
  gzip: number | false;
  key?: BackupKey | undefined;
  /** Ends the writing, with an AbortError. */
  signal?: AbortSignal | undefined;
}

const CIPHER = 'aes-256-gcm';
const [IV_BYTES, TAG_BYTES] = [12, 16];
const CHUNK = 256 * 1024;

/**
 * Writes what a source gives to a new file, compressed and encrypted where that is wanted, and forces it to the disk.
 * @throws ClaireError backup_failed; what the source throws itself comes through as it is
 */
export async function storeFile(
  directory: string,
  name: string,
  source: Readable,
  { gzip, key, signal }: Coding,
): Promise<StoredFile> {
  const file = await open(join(directory, name), 'wx', 0o600).catch(asFailure);
  try {
    const stages: Transform[] = [];
    // A little memory for more speed: the window of deflate is small anyway.
    if (gzip) stages.push(createGzip({ level: gzip, chunkSize: CHUNK, memLevel: 9 }));
    if (key) stages.push(encrypted(key));
    const written = sink(file);
    // biome-ignore lint/suspicious/noExplicitAny: the overload of pipeline that takes a list takes no function at its end.
    await (pipeline as any)(source, ...stages, written.write, signal ? { signal } : {});
    await file.sync().catch(asFailure);
    return { name, ...written.result() };
  } finally {
    await file.close().catch(() => {});
  }
}

/** Written at once: each write is a trip to another thread. */
const WRITE_BYTES = 1024 * 1024;

function sink(file: FileHandle) {
  const hash = createHash('sha256');
  let bytes = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  /** One write is under way while the next is gathered. */
  const flush = async () => {
    const pieces = waiting;
    waiting = [];
    waitingBytes = 0;
    await writing;
    writing = writeAll(file, pieces);
    writing.catch(() => {});
  };
  return {
    async write(chunks: AsyncIterable<Buffer>) {
      try {
        for await (const chunk of chunks) {
          hash.update(chunk);
          bytes += chunk.length;
          waiting.push(chunk);
          waitingBytes += chunk.length;
          if (waitingBytes >= WRITE_BYTES) await flush().catch(asFailure);
        }
        await flush().catch(asFailure);
      } finally {
        // Nobody closes the file under it.
        await writing.catch(asFailure);
      }
    },
    result: () => ({ bytes, sha256: hash.digest('hex') }),
  };
}

/** A write may take less than it was given. */
async function writeAll(file: FileHandle, pieces: Buffer[]): Promise<void> {
  let left = pieces.filter(({ length }) => length > 0);
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left);
    while (left[0] && bytesWritten >= left[0].length) bytesWritten -= left.shift()!.length;
    left = left[0] ? [left[0].subarray(bytesWritten), ...left.slice(1)] : [];
  }
}

function asFailure(cause: Error): never {
  throw new ClaireError('backup_failed', { found: `${cause.message}.`, cause });
}

/** The number that begins a stream comes first, the proof that it is whole comes last. */
function encrypted(key: BackupKey): Transform {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, iv);
  let isFirst = true;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      if (isFirst) this.push(iv);
      isFirst = false;
      done(null, cipher.update(chunk));
    },
    flush(done) {
      if (isFirst) this.push(iv);
      this.push(cipher.final());
      done(null, cipher.getAuthTag());
    },
  });
}

interface Reading extends Pick<Coding, 'key' | 'signal'> {
  gzip: boolean;
}

/**
 * What was stored in a file, decoded. That the key is the right one is asked before (`requireKey`); what is not whole is
 * an error of the stream, so nothing that came from it counts until it has ended.
 * @throws ClaireError backup_damaged
 */
export function openFile(directory: string, { name, bytes }: StoredFile, coding: Reading): Readable {
  return Readable.from(decoded(join(directory, name), name, bytes, coding), { objectMode: false });
}

async function* decoded(
  path: string,
  name: string,
  bytes: number,
  { gzip, key, signal }: Reading,
): AsyncGenerator<Buffer> {
  const stages: Transform[] = [];
  try {
    let source: Readable;
    if (key) {
      const { iv, tag } = await ends(path);
      const decipher = createDecipheriv(CIPHER, key.bytes, iv);
      decipher.setAuthTag(tag);
      const to = bytes - TAG_BYTES - 1;
      // A stream of nothing has no byte to read from.
      source =
        to < IV_BYTES
          ? Readable.from([], { objectMode: false })
          : createReadStream(path, { start: IV_BYTES, end: to, highWaterMark: CHUNK, signal });
      stages.push(decipher);
    } else source = createReadStream(path, { highWaterMark: CHUNK, signal });
    // A file that ends too early is an error, and not all that there was.
    if (gzip) stages.push(createGunzip({ finishFlush: constants.Z_FINISH, chunkSize: CHUNK }));
    yield* chained(source, stages);
  } catch (error) {
    if (error instanceof ClaireError || signal?.aborted) throw error;
    throw new ClaireError('backup_damaged', { found: `${name}: ${(error as Error).message}.`, cause: error });
  }
}

/** Reads through the stages; an error of each of them ends all. */
async function* chained(source: Readable, stages: readonly Transform[]): AsyncGenerator<Buffer> {
  const last = stages.at(-1);
  if (!last) {
    yield* source as AsyncIterable<Buffer>;
    return;
  }
  const running = pipeline([source, ...stages]);
  running.catch((error: Error) => last.destroy(error));
  yield* last as AsyncIterable<Buffer>;
  await running;
}

async function ends(path: string): Promise<{ iv: Buffer; tag: Buffer }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const [iv, tag] = [Buffer.alloc(IV_BYTES), Buffer.alloc(TAG_BYTES)];
    await file.read(iv, 0, IV_BYTES, 0);
    await file.read(tag, 0, TAG_BYTES, Math.max(0, size - TAG_BYTES));
    return { iv, tag };
  } finally {
    await file.close();
  }
}

/** Whether every file is as long as it was, and says the same. @throws ClaireError backup_damaged, naming the first that is not */
export async function checkFiles(
  directory: string,
  files: readonly StoredFile[],
  signal?: AbortSignal,
): Promise<void> {
  await checkSizes(directory, files);
  for (const { name, sha256 } of files) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(directory, name), { highWaterMark: CHUNK, signal }))
      hash.update(chunk as Buffer);
    if (hash.digest('hex') !== sha256)
      throw damaged(`The content of ${name} has changed since it was written.`);
  }
}

/** Whether every file is there, and as long as it was. @throws ClaireError backup_damaged, naming the first that is not */
export async function checkSizes(directory: string, files: readonly StoredFile[]): Promise<void> {
  for (const { name, bytes } of files) {
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (!found) throw damaged(`${name} is missing.`);
    if (found.size !== bytes) throw damaged(`${name} has ${found.size} bytes and was written with ${bytes}.`);
  }
}

export const damaged = (found: string): ClaireError => new ClaireError('backup_damaged', { found });
