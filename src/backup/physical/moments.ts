import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Recovered,
  type Recovery,
  recoverCluster,
  type Staging,
} from '../../database/embedded/index.js';
import { ClaireError } from '../../errors/index.js';
import type { BackupKey } from '../keys.js';
import type { Reading, Until } from '../opened.js';
import { type Listed, whole } from '../repository.js';
import type { SideFile } from '../side-file.js';
import {
  type Archived,
  archivedHistories,
  archiveOf,
  type Log,
  logFrom,
  putLog,
  timelineFrom,
} from './log.js';

/**
 * The backup that a moment is reached from with the least of the log: the newest one that ended before.
 * @param moment_ms Unix milliseconds
 * @throws ClaireError restore_before_backups
 */
export function backupBefore(
  listed: readonly Listed[],
  moment_ms: number,
  systemIdentifier?: string,
): Listed & { side: SideFile } {
  const ours = listed.filter(
    ({ side }) =>
      side?.kind === 'physical' &&
      (systemIdentifier === undefined || side.server.system_identifier === systemIdentifier),
  );
  // The newest first.
  const found = ours.find(({ side }) => side!.ended_ms <= moment_ms);
  if (found) return whole(found);
  const oldest = ours.at(-1)?.side;
  throw new ClaireError('restore_before_backups', {
    found: oldest
      ? `The oldest one ended at ${new Date(oldest.ended_ms).toISOString()}.`
      : 'There is no physical backup of this server.',
  });
}

/**
 * The same among the backups of a server that was brought back to before some of them: these lead to what it had been, and
 * not to a moment after.
 * @param moment_ms Unix milliseconds; undefined: the end of the log
 * @param here the server that it is for, whose own backups come first where it has any
 * @throws ClaireError restore_before_backups
 */
export async function backupLeadingTo(
  listed: readonly Listed[],
  backups: string,
  {
    moment_ms,
    key,
    here,
  }: { moment_ms?: number | undefined; key?: BackupKey | undefined; here?: string | undefined },
): Promise<Listed & { side: SideFile }> {
  const until_ms = moment_ms ?? Date.now();
  const isHere = ({ side }: Listed) => side?.physical && side.server.system_identifier === here;
  let best = backupBefore(listed, until_ms, listed.some(isHere) ? here : undefined);
  const { system_identifier } = best.side.server;
  const archive = archiveOf(backups, system_identifier);
  const leadsTo = ({ physical }: SideFile) =>
    timelineFrom(archive, { timeline: physical!.timeline, lsn: physical!.end_lsn, key, moment_ms });
  let newest = await leadsTo(best.side);
  for (const other of listed) {
    const { side } = other;
    if (!side?.physical || side.server.system_identifier !== system_identifier || side.ended_ms > until_ms)
      continue;
    const timeline = await leadsTo(side);
    if (timeline <= newest) continue;
    newest = timeline;
    best = whole(other);
  }
  return best;
}

/** A file is archived when it is full, or a minute after its first record; clocks may differ a little, too. */
const LATER_MS = 10 * 60_000;

/**
 * Recovers an unpacked base backup with the archived log: exactly what was committed up to the moment, or all that there is.
 * @throws ClaireError backup_wal_missing, restore_beyond_archive, backup_damaged, backup_key_wrong
 */
export async function recoverUntil(
  { side, archiveKey: key }: Reading,
  { archive, moment: asked }: Until,
  staging: Staging,
  recovery: Recovery = {},
): Promise<Recovered> {
  const moment = asked === undefined ? undefined : toMicroseconds(asked);
  const { end_lsn, timeline, wal_segment_bytes } = side.physical!;
  const moment_ms = moment === undefined ? undefined : Date.parse(moment);
  const log = await logFrom(archive, { timeline, lsn: end_lsn, key, moment_ms }, wal_segment_bytes);
  const put = (files: readonly Archived[]) =>
    putLog(files, join(staging.cluster, 'pg_wal'), { key, chown: staging.account });
  const recover = (target: Record<string, string>) =>
    recoverCluster(staging, {
      ...recovery,
      branches: true,
      settings: { ...recovery.settings, recovery_target_timeline: String(log.timeline), ...target },
    });
  await put(log.histories);
  if (moment === undefined) {
    await put(log.segments);
    if (log.missing !== undefined) throw await gap(log);
    return recover({});
  }
  const [first, rest] = await splitAt(log.segments, Date.parse(moment) + LATER_MS);
  await put(first);
  // On its command line the server does not know the zone Z yet.
  const target = {
    recovery_target_time: moment.replace('Z', '+00'),
    recovery_target_action: 'promote',
  };
  let recovered = await recover(target);
  if (!recovered.isReached && rest.length > 0) {
    await put(rest);
    recovered = await recover(target);
  }
  if (recovered.isReached) return recovered;
  if (log.missing !== undefined) throw await gap(log);
  // PostgreSQL goes on until it has seen a commit that is too late: where there is none, the last one may be the one.
  const all = await recover({});
  if (all.last_commit === moment) return all;
  throw beyond(moment, all.last_commit);
}

/**
 * Recovers an unpacked base backup as it was at its end. The archive is told of for the timelines that there have been: a
 * second one of the same number would be refused there.
 */
export async function recoverToEnd(
  { archiveKey: key }: Reading,
  archive: string,
  staging: Staging,
  recovery: Recovery,
): Promise<Recovered> {
  const directory = join(staging.cluster, 'pg_wal');
  await putLog(await archivedHistories(archive), directory, { key, chown: staging.account });
  return recoverCluster(staging, {
    ...recovery,
    settings: { ...recovery.settings, recovery_target_timeline: 'current' },
  });
}

/** Files that were archived by a moment, and those after. Their own times are a guess, which is put right where it fails. */
async function splitAt(segments: readonly Archived[], moment_ms: number): Promise<[Archived[], Archived[]]> {
  let count = segments.length;
  while (count > 0 && (await stat(segments[count - 1]!.path)).mtimeMs > moment_ms) count--;
  return [segments.slice(0, count), segments.slice(count)];
}

/** As PostgreSQL is asked to write the moment of a commit. */
const toMicroseconds = (moment: string): string => {
  const [, before, fraction = ''] = /^([^.]*?)(?:\.(\d{1,6}))?Z$/.exec(moment) ?? [];
  return before === undefined ? moment : `${before}.${fraction.padEnd(6, '0')}Z`;
};

async function gap({ missing, segments }: Log): Promise<ClaireError> {
  const last = segments.at(-1);
  const until = last && (await stat(last.path)).mtime.toISOString();
  const found = `${missing} is missing${until ? `; before it the log was archived until ${until}` : ''}.`;
  return new ClaireError('backup_wal_missing', {
    found,
    details: { missing, archived_until: until ?? null },
  });
}

const beyond = (moment: string, last: string | undefined): ClaireError =>
  new ClaireError('restore_beyond_archive', {
    found: last
      ? `It was to be ${moment}; the last commit in it is of ${last}.`
      : `It was to be ${moment}; nothing was committed after the backup.`,
    details: { last_possible: last ?? null },
  });
