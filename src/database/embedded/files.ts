import { randomBytes } from 'node:crypto';
import { chown, link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** The value, or undefined where one of these error codes says that there is none. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

export const readIfThere = (path: string): Promise<string | undefined> =>
  unless(['ENOENT', 'ENOTDIR'], readFile(path, 'utf8'));

/** A name that no other process uses; it carries the pid, so that the leftovers of a dead one are known. */
export const temporaryName = (path: string): string =>
  `${path}.new-${process.pid}-${randomBytes(4).toString('hex')}`;

/** Whether a process has this pid; another user's process counts (EPERM). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Removes what processes that are dead now began under a temporary name of this path. */
export async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.new-`;
  for (const name of (await unless(['ENOENT'], readdir(dirname(path)))) ?? []) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!name.startsWith(prefix) || Number.isNaN(pid) || isAlive(pid)) continue;
    // An orphan may still write into it: then it is removed the next time.
    await rm(join(dirname(path), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

/** Replaces a file at once, so that no reader sees half of it. Keeps the owner: root may act for a user. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const owner = await unless(['ENOENT'], stat(path));
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, text, { mode, flag: 'wx', flush: true });
    if (owner && process.getuid?.() === 0) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes a file where there is none, whole or not at all; false where another process was first. */
export async function createFile(path: string, text: string, mode: number): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, text, { mode, flag: 'wx', flush: true });
    // link() refuses an existing name, and the name appears with its whole content: O_EXCL alone shows an empty file.
    await link(temporary, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
