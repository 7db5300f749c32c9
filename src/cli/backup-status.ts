import { type BackupEvent, lastEvents, listBackups, newestVerified, originOf } from '../backup/index.js';
import type { Queryable } from '../database/index.js';
import { backupSettings } from './backups.js';
import type { Invocation } from './command.js';
import { list } from './print.js';

export interface BackupStatus {
  directory: string;
  /** The newest of the book that was restored and found right. */
  verified: { name: string; taken_ms: number; age_seconds: number } | null;
  /** The last thing that went wrong since then. */
  failure: Pick<BackupEvent, 'at_ms' | 'action' | 'error'> | null;
}

/** How far back in the log a failure is looked for. */
const EVENTS = 50;

export async function backupStatus(
  invocation: Invocation,
  database: Queryable,
  now = Date.now(),
): Promise<BackupStatus> {
  const { backups } = await backupSettings(invocation);
  const { book } = invocation.globals;
  const found = newestVerified(await listBackups(backups), await originOf(database, book));
  const taken_ms = found?.side?.taken_ms;
  const failed = (await lastEvents(backups, EVENTS)).find(
    (event) => !event.ok && event.at_ms > (taken_ms ?? 0) && (event.book ?? book) === book,
  );
  return {
    directory: backups,
    verified:
      taken_ms === undefined
        ? null
        : { name: found!.name, taken_ms, age_seconds: Math.max(0, (now - taken_ms) / 1000) },
    failure: failed
      ? { at_ms: failed.at_ms, action: failed.action, ...(failed.error ? { error: failed.error } : {}) }
      : null,
  };
}

export function backupText({ directory, verified, failure }: BackupStatus): string {
  const age = verified ? `${ageText(verified.age_seconds)} old: ${verified.name}` : `none in ${directory}`;
  return list([
    ['last verified backup', age],
    ...(failure
      ? [
          [
            `failed at ${new Date(failure.at_ms).toISOString()}`,
            `${failure.action}: ${failure.error}`,
          ] as const,
        ]
      : []),
  ]);
}

function ageText(seconds: number): string {
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}
