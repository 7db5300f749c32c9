import { chown, mkdir, open, readdir, rm } from 'node:fs/promises';
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

/** A disaster costs at most this; with segments of 1 MB, which are mostly empty then and compress well. */
const TIMEOUT = '60s';

/**
 * Settings with which a server archives its log into the spool. Where the build cannot, none. Called while no server of the
 * cluster runs: what one that was killed had begun to write is taken away.
 */
export async function archiving(place: Place, programs: Programs): Promise<Record<string, string>> {
  if (!programs.archives) return {};
  const spool = spoolOf(place);
  const made = await mkdir(spool, { recursive: true, mode: 0o700 });
  if (made !== undefined && place.account) await chown(spool, place.account.uid, place.account.gid);
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
