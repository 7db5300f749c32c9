import { join } from 'node:path';
import {
  binariesOf,
  placeCluster,
  type Recovered,
  recoverCluster,
  type Staging,
  startEmbedded,
} from '../../database/embedded/index.js';
import { ClaireError } from '../../errors/index.js';
import { openFile } from '../files.js';
import type { Reader, Reading } from '../opened.js';
import { freePort, onScratch, SCRATCH_SETTINGS, withScratchDirectory } from '../scratch.js';
import type { SideFile } from '../side-file.js';
import { type Manifest, readManifest } from './manifest.js';
import { recoverToEnd, recoverUntil } from './moments.js';
import { type BaseContent, unpackBase } from './unpack.js';
import { fileName } from './write.js';

/** Runs the files of a physical backup as a server of their own. */
export const physical: Reader = (reading, work) =>
  withScratchDirectory(async (directory) => {
    const { side } = reading;
    const dataDir = join(directory, 'data');
    const build = await buildFor(reading);
    await placeCluster(dataDir, async (staging) => {
      await unpack(reading, staging);
      reading.onStage?.('recovering');
      await recover(reading, staging, { ...build, isCopy: true, settings: { fsync: 'off' } });
    });
    const server = await startEmbedded({
      ...{ dataDir, ...build, port: await freePort(), settings: SCRATCH_SETTINGS },
    });
    return onScratch(server, (scratch) => work(scratch, side.server.database), reading.signal);
  });

/**
 * Brings everything of a server back into a data directory that has no cluster, as it was at the backup's end or at a
 * moment after it. It goes on as a branch of its own, so that its log is not taken for that of the server that was lost.
 * @param archive of that server
 * @throws ClaireError embedded_directory_unusable where there is a cluster; what opening a backup throws
 */
export async function restoreCluster(dataDir: string, reading: Reading, archive: string): Promise<Recovered> {
  const build = await buildFor(reading);
  if (build.binaries !== undefined) throw notHere(reading.side);
  const make = async (staging: Staging) => {
    const manifest = await unpack(reading, staging);
    const recovery = { isCopy: !manifest.files.has(OURS), branches: true };
    return reading.until
      ? recoverUntil(reading, reading.until, staging, recovery)
      : recoverToEnd(reading, archive, staging, recovery);
  };
  return placeCluster(dataDir, make, true);
}

/** A cluster that Claire made has it; another's configuration names files and addresses of where it was. */
const OURS = 'claire.json';

const recover = (
  reading: Reading,
  staging: Staging,
  recovery: Parameters<typeof recoverCluster>[1],
): Promise<Recovered> =>
  reading.until ? recoverUntil(reading, reading.until, staging, recovery) : recoverCluster(staging, recovery);

async function buildFor(reading: Reading): Promise<{ binaries?: string }> {
  const build = await binariesOf(reading.side.server.major);
  if (build) return build;
  // What can be said without a server is said first.
  await unpackBase(await contentOf(reading));
  throw notHere(reading.side);
}

const notHere = ({ server }: SideFile): ClaireError =>
  new ClaireError('backup_not_readable_here', { found: `It is of PostgreSQL ${server.version}.` });

async function unpack(reading: Reading, { cluster, account }: Staging): Promise<Manifest> {
  const content = await contentOf(reading);
  await unpackBase(content, { directory: cluster, account });
  return content.manifest;
}

async function contentOf({ directory, side, key, signal }: Reading): Promise<BaseContent> {
  const read = (part: string) => {
    const file = side.files.find(({ name }) => name === fileName(part, side))!;
    return openFile(directory, file, { gzip: side.gzip !== false, key, signal });
  };
  const pieces: Buffer[] = [];
  for await (const piece of read('backup_manifest')) pieces.push(piece as Buffer);
  const manifest = readManifest(Buffer.concat(pieces).toString('utf8'));
  const source = read('base.tar') as AsyncIterable<Buffer>;
  return { source, manifest, segmentBytes: side.physical!.wal_segment_bytes };
}
