import { chown, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClaireError } from '../../errors/index.js';
import { wantLog } from './archiving.js';
import { findBuild, preparePrograms } from './build.js';
import { configureCluster, lastLines, resetSuperuser } from './cluster.js';
import { asUnusable, clusterMajor, layoutOf, type Place, preparePlace } from './directory.js';
import { temporaryName } from './files.js';
import { firstPasswords } from './passwords.js';
import { USUAL } from './ports.js';
import type { Account } from './programs.js';

/** Where a cluster is made ready before it has its place. */
export interface Staging extends Place {
  readonly dataDir: string;
}

/**
 * Puts a cluster that somebody makes ready into a data directory that has none: beside its place, then renamed, so that no
 * kill leaves half of one there. `isWanted`: its log from now on goes on that of an archive.
 * @throws ClaireError embedded_directory_unusable
 */
export async function placeCluster<T>(
  dataDir: string,
  make: (staging: Staging) => Promise<T>,
  isWanted = false,
): Promise<T> {
  const layout = layoutOf(dataDir);
  try {
    if ((await clusterMajor(layout)) !== undefined) {
      throw new ClaireError('embedded_directory_unusable', {
        found: `${layout.entry} has a cluster already.`,
      });
    }
    const place = await preparePlace(layout);
    const cluster = temporaryName(place.cluster);
    try {
      const made = await make({ ...place, cluster, dataDir });
      if (isWanted) await wantLog(place);
      await rename(cluster, place.cluster);
      return made;
    } finally {
      await rm(cluster, { recursive: true, force: true });
    }
  } catch (error) {
    throw asUnusable(error);
  }
}

export interface Recovery {
  /** Another PostgreSQL build, where it is another's cluster. */
  binaries?: string | undefined;
  /** Settings of the server while it recovers. */
  settings?: Readonly<Record<string, string>>;
  /** Its own configuration is replaced by ours, which names no file, library or address of where it came from. */
  isCopy?: boolean;
  /** The server reads on after the backup's end, and then goes on as a branch of its own, whose log is another's. */
  branches?: boolean;
}

export interface Recovered {
  /** False where the log ended before the target. */
  isReached: boolean;
  /** When the last transaction was committed that it has, as PostgreSQL writes it; undefined where the log holds none. */
  last_commit: string | undefined;
}

/**
 * Recovers an unpacked base backup, with PostgreSQL's own single-user mode: nobody can connect meanwhile, and its superuser
 * gets the password of the data directory in the same run.
 * @throws ClaireError embedded_start_failed
 */
export async function recoverCluster(staging: Staging, recovery: Recovery = {}): Promise<Recovered> {
  const { cluster, account, dataDir } = staging;
  const programs = await preparePrograms(await findBuild(recovery.binaries), account);
  if (recovery.isCopy) await configureCluster(cluster, account);
  if (recovery.branches) await createOwned(join(cluster, 'recovery.signal'), account);
  const passwords = await firstPasswords(layoutOf(dataDir).passfile, USUAL);
  const { ok, text } = await resetSuperuser(
    cluster,
    programs,
    passwords,
    {},
    {
      settings: { ...WHILE_RECOVERING, ...recovery.settings },
      ask: LAST_COMMIT,
    },
  );
  const last_commit = /last_commit = "([^"]+)"/.exec(text)?.[1];
  if (ok && recovery.branches) await settleLog(join(cluster, 'pg_wal'), account);
  if (ok) return { isReached: true, last_commit };
  // Of its message only the words that name the setting are looked at.
  if (/recovery ended before configured recovery target/.test(text)) return { isReached: false, last_commit };
  throw new ClaireError('embedded_start_failed', { found: `\n${lastLines(text)}` });
}

/**
 * Without readers it needs none of the original's limits. What there is of the log lies in pg_wal already, but the server
 * wants to be told a command to fetch more.
 */
const WHILE_RECOVERING = { hot_standby: 'off', restore_command: 'false', log_min_messages: 'warning' };

const LAST_COMMIT = `select to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_commit`;

async function createOwned(path: string, account: Account): Promise<void> {
  await writeFile(path, '');
  if (account) await chown(path, account.uid, account.gid);
}

/**
 * Tells the archiver what to do with the log that was there before it: where the new branch comes from must be archived, and
 * of the old one no file again, whose end may lack what the archive has.
 */
async function settleLog(directory: string, account: Account): Promise<void> {
  const names = await readdir(directory);
  const newest = names
    .filter((name) => name.endsWith('.history'))
    .sort()
    .at(-1);
  for (const name of names) {
    const isOld =
      /^[0-9A-F]{24}$/.test(name) && newest !== undefined && name.slice(0, 8) < newest.slice(0, 8);
    if (!isOld && name !== newest) continue;
    const status = join(directory, 'archive_status', `${name}.${isOld ? 'done' : 'ready'}`);
    await createOwned(status, account);
  }
}
