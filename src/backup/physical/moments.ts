import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Recovered,
  type Recovery,
  recoverCluster,
  type Staging,
} from '../../database/embedded/index.js';
import { ClaireError } from '../../errors/index.js';
import type { Reading, Until } from '../opened.js';
import { type Listed, whole } from '../repository.js';
import type { SideFile } from '../side-file.js';
import { type Archived, type Log, logFrom, putLog } from './log.js';

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

/** A file is archived when it is full, or a minute after its first record; clocks may differ a little, too. */
const LATER_MS = 10 * 60_000;

/**
 * Recovers an unpacked base backup with the archived log: exactly what was committed up to the moment, or all that there is.
 * @throws ClaireError backup_wal_missing, restore_beyond_archive, backup_damaged, backup_key_wrong
 */
export async function recoverUntil(
  { side, key }: Reading,
  { archive, moment: asked }: Until,
  staging: Staging,
  recovery: Recovery = {},
): Promise<Recovered> {
  const moment = asked === undefined ? undefined : toMicroseconds(asked);
  const { end_lsn, timeline, wal_segment_bytes } = side.physical!;
  const log = await logFrom(archive, { timeline, lsn: end_lsn }, wal_segment_bytes, key);
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
