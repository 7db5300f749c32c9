import {
  archiveOf,
  type BackupEvent,
  hasRows,
  type Listed,
  logEvent,
  openBackup,
  type Restored,
  readingOf,
  restoreBook,
  restoreCluster,
  type Until,
} from '../backup/index.js';
import { type Database, loginNames } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type BackupSettings, takeBackup } from './backups.js';
import { makeRoles } from './book-roles.js';
import type { Invocation } from './command.js';
import { confirm } from './confirm.js';
import { progress } from './progress.js';
import type { Place } from './session.js';

/** What is restored, and until when. */
export interface Source {
  backup: Listed;
  settings: BackupSettings;
  /** Of a physical one: with the archived log after it. */
  until?: Until | undefined;
}

/**
 * Everything of a server, back into a data directory that has no cluster. What was committed after the backup and is in the
 * archived log comes too.
 */
export async function bringServerBack(
  { globals, signal }: Invocation,
  { backup, settings, until }: Source,
): Promise<string | undefined> {
  const bar = progress('restore');
  try {
    const onStage = (sentence: string) => bar.update(0, undefined, sentence);
    const reading = await readingOf(backup, { key: settings.key, until, signal, onStage });
    const archive = archiveOf(settings.backups, reading.side.server.system_identifier);
    const { last_commit } = await restoreCluster(globals.data, reading, archive);
    return last_commit;
  } finally {
    bar.end();
  }
}

/** One book, by way of a server of its own, into the live place. */
export async function restoreInto(
  invocation: Invocation,
  place: Place,
  { settings, backup, until }: Source,
): Promise<Restored> {
  const { globals, options, signal } = invocation;
  const admin = place.database('postgres');
  const side = backup.side!;
  // A physical one holds every book of its server, also one that was made after it began.
  const from = side.kind === 'physical' ? globals.book : side.books[0]!.book;
  const target = { admin, url: place.url('postgres'), book: (options.as as string | undefined) ?? from };
  const isFilled = await hasRows(target);
  if (isFilled && !options.replace)
    throw new ClaireError('restore_not_empty', { found: `Book ${target.book} has rows.` });
  if (isFilled) {
    if (!options.yes)
      await confirm(invocation, {
        question: `The rows of book ${target.book} go, and those of ${backup.name} come. Type the name of the book`,
        ...{ name: target.book, refusal: 'restore_refused' as const },
      });
  }
  const tell = (how: Pick<BackupEvent, 'ok' | 'error'>) =>
    logEvent(settings.backups, {
      ...{ at_ms: Date.now(), action: 'restore', name: backup.name, book: target.book, ...how },
    });
  const bar = progress('restore');
  try {
    const onStage = (sentence: string) => bar.update(0, undefined, sentence);
    const restored = await openBackup(
      backup,
      { key: settings.key, scratch: settings.scratch, until, signal, onStage },
      async (opened) => {
        signal.throwIfAborted();
        if (isFilled) await sendAway(admin, target.book);
        return restoreBook(opened, from, target, {
          replace: options.replace === true,
          onTable: (name, at, of) => bar.update(at, of, name),
          ...(isFilled && options.backup !== false
            ? { beforehand: () => save(place, target.book, settings, signal) }
            : {}),
        });
      },
    );
    await makeRoles(place, target.book);
    await tell({ ok: true });
    return restored;
  } catch (error) {
    await tell({ ok: false, error: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    bar.end();
  }
}

/** What is about to go. */
async function save(
  place: Place,
  book: string,
  settings: BackupSettings,
  signal: AbortSignal,
): Promise<void> {
  const { verified, backup } = await takeBackup(place, {
    ...settings,
    ...{ hook: undefined, book, kind: 'logical', verify: true, quiet: true, signal },
  });
  if (!verified?.ok)
    throw new ClaireError('backup_unverified', {
      found: `${backup.name}, taken of what is there now: ${verified?.problems.join(' ')}`,
    });
}

/**
 * Whoever works with the book. Who comes back waits until the new rows are there, and so does who may not be ended: an
 * owner who is no superuser may end his own sessions, and others' as a member of pg_signal_backend.
 */
const sendAway = (admin: Database, book: string): Promise<unknown> =>
  admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = any ($1) and pid <> pg_backend_pid()
       and (pg_has_role(usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage'))`,
    [loginNames(book)],
  );
