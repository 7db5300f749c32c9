import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { systemDirectories } from '../../config.js';
import { errnoOf, readIfThere } from './files.js';

interface Link {
  /** Both relative to the package, as in `pg-symlinks.json`. */
  source: string;
  target: string;
}

export const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Where we may keep what can be made again. As root it must be readable for the unprivileged account. */
export function cacheDirectory(): string {
  if (process.getuid?.() === 0) return '/var/cache/claire';
  const { cache, home } = systemDirectories();
  return join(cache ?? join(home ?? homedir(), '.cache'), 'claire');
}

/** A second process that makes the same link at the same time is welcome. */
async function makeLink(source: string, target: string): Promise<void> {
  try {
    await symlink(source, target);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/**
 * Makes the library links that npm's postinstall would have made (npm 12 and `--ignore-scripts` skip it; the
 * programs then fail with "libicuuc.so.60: cannot open shared object file"). Returns the directory to search
 * for libraries where the package itself is read-only.
 */
export async function ensureLinks(native: string): Promise<string | undefined> {
  const list = await readIfThere(join(native, 'pg-symlinks.json'));
  if (list === undefined) return undefined;
  // The list names `native/…`; a copy has another name.
  const inBuild = (path: string) => join(native, relative('native', path));
  const wanted = (JSON.parse(list) as Link[]).map(({ source, target }) => ({
    source: inBuild(source),
    target: inBuild(target),
  }));
  const missing = wanted.filter(({ target }) => !existsSync(target));
  try {
    for (const { source, target } of missing) {
      await makeLink(relative(dirname(target), source), target);
    }
    return undefined;
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
  }
  const directory = join(cacheDirectory(), `links-${shortHash(native + list)}`);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const { source, target } of wanted) await makeLink(source, join(directory, basename(target)));
  return directory;
}
