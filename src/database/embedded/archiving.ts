import { existsSync } from 'node:fs';
import { chown, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Programs } from './build.js';
import type { Place } from './directory.js';

/** Beside the cluster, where the server's account may write and a restore of the cluster does not reach. */
export const spoolOf = ({ cluster }: Pick<Place, 'cluster'>): string => join(dirname(cluster), 'wal-spool');

/** The control file begins with it; every platform that has a build writes its lowest byte first. */
export async function systemIdentifierOf({ cluster }: Pick<Place, 'cluster'>): Promise<string> {
  const file = await open(join(cluster, 'global', 'pg_control'), 'r');
  try {
    const { buffer } = await file.read({ buffer: Buffer.alloc(8), position: 0 });
    return String(buffer.readBigUInt64LE());
  } finally {
    await file.close();
  }
}

/** In the spool where the log is wanted: a physical backup was taken since which it counts. */
const WANTED = '.wanted';

/** Makes the spool, and from now on keeps what comes there until somebody takes it. */
export async function wantLog(place: Place): Promise<void> {
  const spool = await makeSpool(place);
  await writeFile(join(spool, WANTED), 'A physical backup was taken: the log from then on is kept.\n');
}

/** Whether anybody has use for what comes to the spool. */
export const isLogWanted = (spool: string): boolean => existsSync(join(spool, WANTED));

/** Removes log that nobody has use for: a server that never had a physical backup would fill its disk with it. */
export async function dropUnwantedLog(spool: string): Promise<void> {
  if (isLogWanted(spool)) return;
  for (const name of await readdir(spool).catch(() => [] as string[])) {
    if (/^[0-9A-F]{8}/.test(name)) await rm(join(spool, name), { force: true });
  }
}

async function makeSpool(place: Place): Promise<string> {
  const spool = spoolOf(place);
  const made = await mkdir(spool, { recursive: true, mode: 0o700 });
  if (made !== undefined && place.account) await chown(spool, place.account.uid, place.account.gid);
  return spool;
}

/** A disaster costs at most this; with segments of 1 MB, which are mostly empty then and compress well. */
const TIMEOUT = '60s';

/**
 * Settings with which a server archives its log into the spool. Where the build cannot, none. Called while no server of the
 * cluster runs: what one that was killed had begun to write is taken away.
 */
export async function archiving(place: Place, programs: Programs): Promise<Record<string, string>> {
  if (!programs.archives) return {};
  const spool = await makeSpool(place);
  for (const name of await readdir(spool)) {
    if (name.startsWith('archtemp.')) await rm(join(spool, name), { force: true });
  }
  return {
    archive_mode: 'on',
    archive_library: 'basic_archive',
    'basic_archive.archive_directory': spool,
    archive_timeout: TIMEOUT,
  };
}
