import {
  bytesOf,
  isDue,
  type Kind,
  listBackups,
  newestOf,
  originOf,
  pruneBackups,
  timeOfDay,
} from '../backup/index.js';
import { setting } from '../config.js';
import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { Log } from '../log/index.js';
import { type Clock, systemClock } from '../upkeep/index.js';
import { type BackupSettings, backupSettings, proveBackup, takeBackup, usualKind } from './backups.js';
import { booksKept } from './books.js';
import type { Invocation } from './command.js';
import { keepArchiving } from './log-archive.js';
import type { Place } from './session.js';

/** How often it is looked whether the time has come. */
const LOOK_MS = 20_000;
/** What failed is tried again after this; the day is not over. */
const RETRY_MS = 600_000;

export interface Keeping {
  place: Place;
  settings: BackupSettings;
  /** Minutes after midnight, UTC. */
  minutes: number;
  books(): Promise<string[]>;
  kinds: readonly Kind[];
  signal: AbortSignal;
  onTaken(sentence: string): void;
  onError(error: unknown): void;
  log?: Pick<Log, 'tell'>;
  clock?: Clock;
  /** Unix milliseconds. */
  now?: () => number;
}

/**
 * Takes a backup of every book once a day, verifies it, removes what is too old, and takes the log of the embedded server
 * into the archive all the while, until the signal is aborted. Resolves to what ends then.
 */
export async function keepBackups(
  invocation: Invocation,
  place: Place,
  book: string,
  {
    signal,
    log,
    onFailure,
  }: { signal: AbortSignal; log: Log; onFailure?: ((message: string) => void) | undefined },
): Promise<{ ended: Promise<void> }> {
  const at = setting('backup_at', invocation.options.backupAt as string | undefined)!;
  const minutes = timeOfDay(at);
  if (minutes === undefined && at !== 'never')
    throw new ClaireError('usage_invalid', { found: `--backup-at is a time of day like 03:00, not ${at}.` });
  const settings = await backupSettings(invocation);
  const { out } = invocation;
  const onError = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    out.note(`backup: ${message}`);
    log.tell('backup_failed', { error });
    onFailure?.(message);
  };
  const archiving = keepArchiving(place, settings, { signal, onError });
  const taking =
    minutes === undefined
      ? undefined
      : keepTaking({
          ...{ place, settings, minutes, signal, kinds: await kindsOf(place), onError, log },
          books: () => booksKept(place, book),
          onTaken: (sentence) => out.say(sentence),
        });
  return { ended: Promise.all([archiving, taking]).then(() => {}) };
}

/** A physical one beside, where there is an archived log to read after it: by both any moment can be had. */
async function kindsOf(place: Place): Promise<Kind[]> {
  const usual = await usualKind(place);
  return place.server ? [usual, 'physical'] : [usual];
}

export async function keepTaking(keeping: Keeping): Promise<void> {
  const { signal, clock = systemClock, books, kinds, onError } = keeping;
  const retryAt = new Map<string, number>();
  while (!signal.aborted) {
    const found = await books().catch((error: unknown) => {
      onError(error);
      return [];
    });
    for (const book of found) {
      for (const kind of kinds) {
        const what = `${book} ${kind}`;
        if (signal.aborted || clock.now() < (retryAt.get(what) ?? 0)) continue;
        try {
          await takeWhereDue(keeping, book, kind);
        } catch (error) {
          if (signal.aborted) return;
          retryAt.set(what, clock.now() + RETRY_MS);
          onError(error);
        }
      }
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

async function takeWhereDue(keeping: Keeping, book: string, kind: Kind): Promise<void> {
  const { place, settings, minutes, signal, onTaken, log, now = Date.now } = keeping;
  const admin = place.database('postgres');
  const origin = await originOf(admin, book);
  const madeAt = await madeAtOf(admin, book);
  const listed = await listBackups(settings.backups);
  const last = newestOf(listed, origin, kind, now());
  const isWanted = isDue(listed, origin, { kind, minutes, now: now(), madeAt });
  if (!isWanted && (!last || last.verified)) return;
  const wanted = { ...settings, book, kind, signal, verify: true, quiet: true };
  const begun = performance.now();
  // One that was taken is left where what would have said whether it can be restored was cut off.
  const { backup, verified } =
    isWanted || !last
      ? await takeBackup(place, wanted)
      : { backup: last, verified: await proveBackup(last, wanted) };
  const bytes = backup.side && bytesOf(backup.side);
  const took_ms = Math.round(performance.now() - begun);
  if (isWanted) log?.tell('backup_taken', { book, backup: backup.name, bytes, took_ms });
  if (!verified?.ok)
    throw new ClaireError('backup_unverified', { found: `${backup.name}: ${verified?.problems.join(' ')}` });
  onTaken(`${backup.name} is taken, and was restored to see that it can be.`);
  log?.tell('backup_verified', { book, backup: backup.name });
  const pruned = await pruneBackups(await listBackups(settings.backups), { now: now() });
  if (pruned.length > 0) log?.tell('backup_pruned', { backups: pruned.map(({ name }) => name) });
}

async function madeAtOf(admin: Queryable, book: string): Promise<number> {
  const [row] = await admin.query<{ made: number }>(
    `select floor(extract(epoch from min(applied_at)) * 1000)::bigint as made from ${identifier(book)}.schema_migrations`,
  );
  return row!.made;
}
