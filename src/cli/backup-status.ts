import {
  type BackupEvent,
  bytesOf,
  type Listed,
  lastEvents,
  listBackups,
  newestVerified,
  originOf,
} from '../backup/index.js';
import type { Queryable } from '../database/index.js';
import { backupSettings } from './backups.js';
import type { Invocation } from './command.js';
import { list } from './print.js';

export interface BackupStatus {
  directory: string;
  /** The newest of the book that was restored and found right. */
  verified: { name: string; taken_ms: number; age_seconds: number; bytes: number } | null;
  /** The last thing that went wrong since then. */
  failure: (Pick<BackupEvent, 'at_ms' | 'error'> & { action: BackupEvent['action'] | 'list' }) | null;
}

/** How far back in the log a failure is looked for. */
const EVENTS = 50;

export async function backupStatus(
  invocation: Invocation,
  database: Queryable,
  now = Date.now(),
): Promise<BackupStatus> {
  const { backups } = await backupSettings(invocation);
  return backupStatusOf(backups, invocation.globals.book, database, now);
}

export async function backupStatusOf(
  backups: string,
  book: string,
  database: Queryable,
  now = Date.now(),
): Promise<BackupStatus> {
  const listed = await listBackups(backups).catch((error: Error) => error);
  // A directory that cannot be read is told; the rest of what was asked can be said all the same.
  if (listed instanceof Error) {
    const failure = { at_ms: now, action: 'list', error: listed.message } as const;
    return { directory: backups, verified: null, failure };
  }
  const found = newestVerified(listed, await originOf(database, book));
  const side = found?.side;
  const failed = lastFailure(await lastEvents(backups, EVENTS), {
    book,
    listed,
    since_ms: side?.taken_ms ?? 0,
  });
  return {
    directory: backups,
    verified:
      side === undefined
        ? null
        : {
            name: side.name,
            taken_ms: side.taken_ms,
            age_seconds: Math.max(0, (now - side.taken_ms) / 1000),
            bytes: bytesOf(side),
          },
    failure: failed
      ? { at_ms: failed.at_ms, action: failed.action, ...(failed.error ? { error: failed.error } : {}) }
      : null,
  };
}

/** Of this book, and not put right by the same work on the same thing since. */
function lastFailure(
  newestFirst: readonly BackupEvent[],
  { book, listed, since_ms }: { book: string; listed: readonly Listed[]; since_ms: number },
): BackupEvent | undefined {
  const isOfBook = ({ book: of, name }: BackupEvent) => {
    const holds = listed.find((one) => one.name === name)?.side?.books;
    return of !== undefined ? of === book : !holds || holds.some((one) => one.book === book);
  };
  const isPutRight = (failure: BackupEvent, later: readonly BackupEvent[]) =>
    failure.name !== undefined &&
    later.some(({ ok, action, name }) => ok && action === failure.action && name === failure.name);
  return newestFirst.find(
    (event, at) =>
      !event.ok && event.at_ms > since_ms && isOfBook(event) && !isPutRight(event, newestFirst.slice(0, at)),
  );
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
