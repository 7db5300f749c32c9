import { constants } from 'node:fs';
import { access, chmod, lstat, mkdir, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ClaireError } from '../../errors/index.js';
import { errnoOf, readIfThere, removeLeftovers, unless } from './files.js';
import { shortHash } from './links.js';
import { type Account, reaches, unprivilegedAccount } from './programs.js';

/** Names in a data directory. */
export interface Layout {
  readonly dataDir: string;
  /** PGDATA, or a symlink to it. */
  readonly entry: string;
  readonly passfile: string;
  readonly serverFile: string;
  readonly log: string;
}

/** Where the cluster really is, and whom it belongs to. */
export interface Place {
  readonly cluster: string;
  readonly account: Account;
}

export function layoutOf(dataDir: string): Layout {
  const path = resolve(dataDir);
  return {
    dataDir: path,
    entry: join(path, 'postgres'),
    passfile: join(path, 'pgpass'),
    serverFile: join(path, 'server.json'),
    log: join(path, 'server.log'),
  };
}

const unusable = (found: string, cause?: unknown) =>
  new ClaireError('embedded_directory_unusable', { found, cause });

/** Turns an error of the file system into one that names what to put right. */
export function asUnusable(error: unknown): unknown {
  const code = errnoOf(error);
  const isFileSystem = error instanceof Error && code !== undefined && 'syscall' in error && 'path' in error;
  return isFileSystem ? unusable(`${error.message}.`, error) : error;
}

/** The major version of the cluster, undefined where there is none yet. Changes nothing. */
export async function clusterMajor(layout: Layout): Promise<number | undefined> {
  const found = await unless(['ENOENT'], stat(layout.dataDir));
  if (!found) return undefined;
  if (!found.isDirectory()) throw unusable(`${layout.dataDir} is a file.`);
  const version = await readIfThere(join(layout.entry, 'PG_VERSION'));
  if (version !== undefined) return Number.parseInt(version, 10);
  const entries = (await unless(['ENOENT'], readdir(layout.entry))) ?? [];
  // Another process may have put the finished cluster there between the two looks.
  if (entries.includes('PG_VERSION')) return clusterMajor(layout);
  if (entries.length > 0) {
    throw unusable(
      `${layout.entry} is no cluster of PostgreSQL, but contains ${entries.slice(0, 3).join(', ')}.`,
    );
  }
  return undefined;
}

/** Whether a data directory has a server's files. @throws ClaireError embedded_directory_unusable */
export const hasCluster = async (dataDir: string): Promise<boolean> =>
  (await clusterMajor(layoutOf(dataDir))) !== undefined;

/** The place of an existing cluster: as root the server runs as the cluster's owner. */
export async function placeOf(layout: Layout): Promise<Place | undefined> {
  const cluster = await unless(['ENOENT', 'ENOTDIR'], realpath(layout.entry));
  if (cluster === undefined) return undefined;
  const { uid, gid } = await stat(cluster);
  const account = process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : undefined;
  return { cluster, account };
}

/** Makes the directory and decides where the cluster is, or is to be. */
export async function preparePlace(layout: Layout): Promise<Place> {
  const isRoot = process.getuid?.() === 0;
  const made = await mkdir(layout.dataDir, { recursive: true });
  // Root's server runs under another account, which must get through to the cluster: not list it, just pass.
  if (made !== undefined) await chmod(layout.dataDir, isRoot ? 0o711 : 0o700);
  await access(layout.dataDir, constants.W_OK | constants.X_OK);
  if ((await clusterMajor(layout)) !== undefined) {
    const place = await placeOf(layout);
    if (place) return place;
  }
  const account = await unprivilegedAccount();
  const cluster = await placeOfNewCluster(layout, account);
  await removeLeftovers(cluster);
  return { cluster, account };
}

async function placeOfNewCluster(layout: Layout, account: Account): Promise<string> {
  const target = await linkTarget(layout.entry);
  if (target !== undefined) {
    await makeHome(dirname(target));
    return target;
  }
  const real = await realpath(layout.dataDir);
  if (await reaches(account, real)) return join(real, 'postgres');
  // Names are taken in this order, and the link decides: two first starts agree, and the cluster of a data
  // directory that was removed since is left alone.
  const base = join('/var/lib/claire', shortHash(real));
  for (let turn = 1; ; turn += 1) {
    const cluster = join(turn === 1 ? base : `${base}-${turn}`, 'postgres');
    if (await unless(['ENOENT'], lstat(cluster))) {
      if ((await linkTarget(layout.entry)) !== undefined) return placeOfNewCluster(layout, account);
      continue;
    }
    await makeHome(dirname(cluster));
    await unless(['EEXIST'], symlink(cluster, layout.entry));
    return placeOfNewCluster(layout, account);
  }
}

const linkTarget = async (entry: string): Promise<string | undefined> => {
  const target = await unless(['ENOENT', 'EINVAL'], readlink(entry));
  return target === undefined ? undefined : resolve(dirname(entry), target);
};

async function makeHome(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined && process.getuid?.() === 0) {
    await chmod(made, 0o711);
    await chmod(directory, 0o711);
  }
}
