import { createHash } from 'node:crypto';
import { chown, mkdir, open } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Account } from '../../database/embedded/index.js';
import { damaged } from '../files.js';
import type { Manifest } from './manifest.js';
import { isSegmentName, segmentAt, segmentBefore, segmentName } from './segments.js';
import { readTar, type Taker, type TarEntry } from './tar.js';

export interface BaseContent {
  /** The tar of the base backup, decoded. */
  source: AsyncIterable<Buffer>;
  manifest: Manifest;
  segmentBytes: number;
}

export interface Destination {
  /** Made here. */
  directory: string;
  /** Whom the files belong to. */
  account: Account;
}

/**
 * Holds each file of a base backup against the server's list, and unpacks it where a place is named. Where it fails
 * something of it may lie there.
 * @throws ClaireError backup_damaged, naming what is missing, changed or not in the list
 */
export async function unpackBase(content: BaseContent, to?: Destination): Promise<void> {
  const { source, manifest, segmentBytes } = content;
  const seen = new Set<string>();
  if (to) await makeDirectory(to.directory, to.account);
  await readTar(source, async (entry) => {
    const path = safe(entry.path);
    if (entry.type === 'link') throw damaged(`base.tar: ${entry.path} is a link to outside.`);
    if (entry.type === 'directory') {
      if (to && path !== '.') await makeDirectory(join(to.directory, path), to.account);
      return undefined;
    }
    check(entry, manifest, segmentBytes);
    if (seen.has(entry.path)) throw damaged(`base.tar holds ${entry.path} twice.`);
    seen.add(entry.path);
    return taker(entry.path, manifest.files.get(entry.path)?.sha256, to);
  });
  for (const wanted of [...manifest.files.keys(), ...segmentsOf(manifest, segmentBytes)]) {
    if (!seen.has(wanted)) throw damaged(`base.tar: ${wanted} is missing.`);
  }
}

/** No name leads out of the directory. */
function safe(path: string): string {
  const normal = normalize(path);
  if (!normal.startsWith('..') && !normal.startsWith('/')) return normal;
  throw damaged(`base.tar: ${path} leads out of it.`);
}

/** The log is not in the list: each of its files has one size, and each record in it a checksum that the server looks at. */
const isLog = (path: string): boolean => path.startsWith('pg_wal/') && isSegmentName(path.slice(7));

function check({ path, bytes }: TarEntry, { files }: Manifest, segmentBytes: number): void {
  const wanted = files.get(path)?.bytes ?? (isLog(path) ? segmentBytes : undefined);
  if (wanted === undefined) throw damaged(`base.tar: ${path} is not in the server's list.`);
  if (wanted !== bytes) throw damaged(`base.tar: ${path} has ${bytes} bytes instead of ${wanted}.`);
}

/** The files of the log that the copy needs to become whole. */
const segmentsOf = ({ ranges }: Manifest, segmentBytes: number): string[] =>
  ranges.flatMap(({ timeline, start, end }) => {
    const [first, last] = [segmentAt(start, segmentBytes), segmentBefore(end, segmentBytes)];
    const count = Math.max(0, Number(last - first) + 1);
    return Array.from(
      { length: count },
      (_, at) => `pg_wal/${segmentName({ timeline, number: first + BigInt(at) }, segmentBytes)}`,
    );
  });

async function taker(name: string, sha256: string | undefined, to: Destination | undefined): Promise<Taker> {
  const file = to && (await open(join(to.directory, name), 'wx', 0o600));
  if (to?.account) await file?.chown(to.account.uid, to.account.gid);
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  return {
    async write(piece) {
      hash?.update(piece);
      await file?.writeFile(piece);
    },
    async end() {
      await file?.close();
      if (hash && hash.digest('hex') !== sha256) throw damaged(`base.tar: ${name} has changed.`);
    },
  };
}

async function makeDirectory(path: string, account: Account): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (account) await chown(path, account.uid, account.gid);
}
