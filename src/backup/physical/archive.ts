import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dropUnwantedLog, isAlive } from '../../database/embedded/index.js';
import type { Queryable } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { type Coding, storeFile } from '../files.js';
import { isUnderWay, listBackups, syncDirectory } from '../repository.js';
import { archivedName, isSame, listArchive } from './log.js';
import { isSegmentName, parseSegmentName, segmentAt, segmentBefore, segmentName } from './segments.js';

export interface Sweeping {
  /** Where the server puts what it archives. */
  spool: string;
  /** Where it is kept: `archiveOf(backups, system identifier)`. */
  archive: string;
  coding: Coding;
}

export interface Swept {
  files: number;
  bytes: number;
}

const HISTORY = /^[0-9A-F]{8}\.history$/;
/** The server's note of a base backup, and the broken-off end of a timeline that was left: recovery reads neither. */
const UNREAD = /^[0-9A-F]{24}\.([0-9A-F]{8}\.backup|partial)$/;

/**
 * Takes what the server has archived into the archive, compressed: each file is there and on the disk before it leaves the
 * spool. Several processes may do it at once. What is still being written has another name, and stays. Where no physical
 * backup was ever taken (`keepLog`), it is thrown away.
 * @throws ClaireError backup_failed, backup_wal_conflict
 */
export async function sweepArchive({ spool, archive, coding }: Sweeping): Promise<Swept> {
  await dropUnwantedLog(spool);
  const names = (await readdir(spool).catch(() => [] as string[])).sort();
  const swept = { files: 0, bytes: 0 };
  for (const name of names) {
    if (UNREAD.test(name)) await rm(join(spool, name), { force: true });
    if (!isSegmentName(name) && !HISTORY.test(name)) continue;
    try {
      swept.bytes += await keep(join(spool, name), name, { spool, archive, coding });
      swept.files++;
    } catch (error) {
      // Another process has taken it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return swept;
}

async function keep(path: string, name: string, { archive, coding }: Sweeping): Promise<number> {
  const { mtime } = await stat(path);
  const there = (await listArchive(archive)).get(name);
  if (there) {
    if (!(await isSame(there, path, coding.key))) {
      throw new ClaireError('backup_wal_conflict', { found: `It is ${name}, in ${archive}.` });
    }
    await rm(path, { force: true });
    return 0;
  }
  await mkdir(archive, { recursive: true, mode: 0o700 });
  await removeLeftovers(archive);
  const partial = `${PARTIAL}${name}-${process.pid}-${++count}`;
  try {
    const { bytes } = await storeFile(archive, partial, createReadStream(path), { ...coding, gzip: LEVEL });
    // Which files are needed for a moment is looked for by their time.
    await utimes(join(archive, partial), mtime, mtime);
    await rename(join(archive, partial), join(archive, archivedName(name, coding.key)));
    await syncDirectory(archive);
    await rm(path, { force: true });
    return bytes;
  } finally {
    await rm(join(archive, partial), { force: true });
  }
}

const PARTIAL = '.partial-';
let count = 0;
/** Most of a file of an idle desk is empty, whatever the level; a busy one writes faster than 9 compresses. */
const LEVEL = 6;

/** What processes that are dead now began. */
async function removeLeftovers(archive: string): Promise<void> {
  for (const name of await readdir(archive)) {
    const pid = Number(name.startsWith(PARTIAL) ? /-(\d+)-\d+$/.exec(name)?.[1] : Number.NaN);
    if (!Number.isNaN(pid) && !isAlive(pid)) await rm(join(archive, name), { force: true });
  }
}

/**
 * Removes the log that no backup needs: what is before the end of the oldest physical backup that is kept, and all of it
 * where none is kept. Gives how many files went.
 */
export async function pruneArchive(
  backups: string,
  systemIdentifier: string,
  archive: string,
): Promise<number> {
  // In this order: a backup that begins after the look needs only what is archived after it. One that is under way may
  // have ended on the server, and what it needs be archived, while it is not in the list yet.
  const there = [...(await listArchive(archive)).values()].filter(({ name }) => isSegmentName(name));
  if (await isUnderWay(backups, 'physical')) return 0;
  const listed = await listBackups(backups);
  // Of one that cannot be read nobody knows what it needs.
  if (listed.some(({ name, side }) => !side && name.includes('_physical_'))) return 0;
  const needs = listed.flatMap(({ side }) =>
    side?.physical && side.server.system_identifier === systemIdentifier ? [side.physical] : [],
  );
  const gone = there.filter(({ name }) =>
    needs.every(({ end_lsn, wal_segment_bytes }) => {
      const { number } = parseSegmentName(name, wal_segment_bytes);
      return number < segmentAt(end_lsn, wal_segment_bytes);
    }),
  );
  for (const { path } of gone) await rm(path, { force: true });
  return gone.length;
}

export interface ArchiveNow extends Sweeping {
  signal?: AbortSignal | undefined;
  /** How long the server may take. */
  wait_ms?: number;
}

/**
 * Has everything archived that was committed before: ends the present file of the log, and waits until that file is in the
 * archive.
 * @throws ClaireError backup_wal_late
 */
export async function archiveNow(database: Queryable, options: ArchiveNow): Promise<void> {
  const [row] = await database.query<{ lsn: string; timeline: number; bytes: number; mode: string }>(
    `select pg_switch_wal()::text as lsn, timeline_id as timeline, current_setting('archive_mode') as mode,
       (select setting::bigint from pg_settings where name = 'wal_segment_size') as bytes
     from pg_control_checkpoint()`,
  );
  const { lsn, timeline, bytes, mode } = row!;
  if (mode === 'off') return;
  const name = segmentName({ timeline, number: segmentBefore(lsn, bytes) }, bytes);
  const end = Date.now() + (options.wait_ms ?? WAIT_MS);
  for (;;) {
    await sweepArchive(options);
    if ((await listArchive(options.archive)).has(name)) return;
    const [state] = await database.query<{ last: string | null; failed: string | null }>(
      `select last_archived_wal as last, last_failed_wal as failed from pg_stat_archiver`,
    );
    // Since then nothing was written: it is from before there was an archive, or was pruned.
    const last = state?.last;
    if (last && isSegmentName(last) && last >= name && !(await isIn(options.spool, name))) return;
    if (Date.now() > end) {
      const found = `${name} is not in ${options.archive}${state?.failed ? `; ${state.failed} failed last` : ''}.`;
      throw new ClaireError('backup_wal_late', { found });
    }
    await sleep(LOOK_MS, undefined, { signal: options.signal });
  }
}

const WAIT_MS = 60_000;
const LOOK_MS = 50;

const isIn = async (directory: string, name: string): Promise<boolean> =>
  (await readdir(directory).catch(() => [] as string[])).includes(name);
