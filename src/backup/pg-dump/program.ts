import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { clientEnvironment } from '../../config.js';
import { isAlive } from '../../database/embedded/index.js';
import { changePassfile, forPrograms } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';

/** How much of what a program said is kept: the end, where it says why it gave up. */
const SAID = 4096;

export interface Running {
  output: Readable;
  /** Resolves when the program has ended well. @throws ClaireError backup_tool_failed */
  ended: Promise<void>;
  kill(): void;
}

export interface StartOptions {
  /** What it reads. An error of it is the error of the program. */
  input?: Readable;
  signal?: AbortSignal | undefined;
}

/** Starts a program of PostgreSQL. Its environment holds nothing of ours but where passwords and certificates are. */
export function startProgram(program: string, args: readonly string[], options: StartOptions = {}): Running {
  const child = spawn(program, args, {
    // English messages: they end up in our errors.
    env: { ...clientEnvironment(), LC_ALL: 'C' },
    stdio: [options.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID);
  });
  const kill = () => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', kill, { once: true });
  if (options.signal?.aborted) kill();
  const closed = new Promise<void>((resolve, reject) => {
    const failed = (how: string) =>
      new ClaireError('backup_tool_failed', {
        found: `${basename(program)} ${how}${said.trim() ? `: ${said.trim()}` : '.'}`,
      });
    child.once('error', (error) => reject(failed(`could not be started: ${error.message}`)));
    child.once('close', (code, name) => {
      options.signal?.removeEventListener('abort', kill);
      if (options.signal?.aborted) reject(options.signal.reason);
      else if (code === 0) resolve();
      else reject(failed(code === null ? `was ended by ${name}` : `ended with ${code}`));
    });
  });
  closed.catch(() => {});
  const ended = options.input ? withInput(options.input, child.stdin!, closed, kill) : closed;
  ended.catch(() => {});
  return { output: child.stdout!, ended, kill };
}

/** A program that ends without reading all says itself why; an input that is not whole is no input. */
async function withInput(
  input: Readable,
  to: NodeJS.WritableStream,
  closed: Promise<void>,
  kill: () => void,
): Promise<void> {
  try {
    await pipeline(input, to);
  } catch (error) {
    if (error instanceof ClaireError) {
      kill();
      throw error;
    }
  }
  await closed;
}

const PREFIX = 'claire-pass-';

/** What processes that were killed left of theirs: a password. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(name.startsWith(PREFIX) ? /^\d+/.exec(name.slice(PREFIX.length))?.[0] : Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    // Somebody else's is not ours to take.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * Works with a connection string that a program can be given: everybody on the machine may read its arguments, so the
 * password goes through a file that only we can read.
 */
export async function withAddress<T>(databaseUrl: string, work: (address: string) => Promise<T>): Promise<T> {
  const { password, address } = forPrograms(databaseUrl);
  if (password === undefined) return work(address());
  // Made with the rights of its owner alone.
  await removeLeftovers();
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  try {
    const file = join(directory, 'passfile');
    await changePassfile(file, [{ host: '*', port: '*', database: '*', role: '*', password }]);
    return await work(address(file));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
