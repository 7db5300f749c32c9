import {
  findBackup,
  hasRows,
  type Listed,
  listBackups,
  logEvent,
  type Opened,
  openBackup,
  type Restored,
  restoreBook,
} from '../../backup/index.js';
import { bookName, type Database, loginNames } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { type BackupSettings, backupOptions, backupSettings, takeBackup } from '../backups.js';
import { makeRoles } from '../book-roles.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { confirm } from '../confirm.js';
import { table } from '../print.js';
import { progress } from '../progress.js';
import { restoreTable } from '../restore-table.js';
import { type Place, withPlace } from '../session.js';

export const restore = defineCommand({
  usage: 'restore [name]',
  summary:
    'Brings a book back from a backup, whole, into an empty place or in the place of the one that is there.',
  details:
    'Without a name the newest backup of the book. It is restored into a server of its own first, and compared: only what\n' +
    'is right is brought over, in one transaction: nobody sees anything in between, and whatever ends it leaves what was\n' +
    'there. A backup of an older version of the schema is migrated on the way.\n' +
    'Roles and passwords stay those of the server.',
  options: [
    option('--replace', 'in the place of the rows that are there, which are backed up first'),
    option(
      '--no-backup',
      'with --replace: what is there goes without one, because it cannot be read any more',
    ),
    option('--table <table>', 'says how this table differs from the backup, and changes nothing').conflicts([
      'replace',
      'as',
    ]),
    option('--apply <what>', 'with --table: brings back its missing rows, or its different columns').choices([
      'missing',
      'different',
    ]),
    option('--expired', 'with --table: rows that retention has removed are missing, too'),
    option('--as <book>', 'under another name, beside the book'),
    option('--yes', 'do not ask'),
    ...backupOptions(),
  ],
  examples: [
    ['restore', 'the newest backup of main, where main is empty'],
    ['restore --as main_yesterday main_logical_20261122T030000Z', 'beside, to look at'],
    ['restore --replace main_logical_20261122T030000Z', 'back to yesterday'],
    ['restore --table trades', 'what of the trades is not as it was'],
    ['restore --table trades --apply missing', 'and the missing ones come back'],
  ],
  async run(invocation) {
    const settings = await backupSettings(invocation);
    const { globals, options, out } = invocation;
    const backup = await chosen(invocation, settings);
    if (options.apply !== undefined && options.table === undefined)
      throw new ClaireError('usage_invalid', { found: '--apply wants --table.' });
    if (options.table !== undefined) return restoreTable(invocation, settings, backup);
    const run = (place: Place) => restoreInto(invocation, place, settings, backup);
    const into = options.as === undefined ? globals.book : bookName(options.as as string);
    const restored = await withPlace(invocation, run, { direct: true, endsItself: true, book: into });
    const rows = Object.entries(restored.rows).filter(([, count]) => count > 0);
    out.answer({ backup: backup.name, ...restored }, () =>
      [
        `Book ${restored.book} is as it was in ${backup.name}.`,
        table(
          ['table', 'rows'],
          rows.map(([name, count]) => [name, String(count)]),
        ),
      ].join('\n'),
    );
    return undefined;
  },
});

/** The one that was named, else the newest of the book. */
async function chosen({ args, globals }: Invocation, { backups }: BackupSettings): Promise<Listed> {
  if (args[0] !== undefined) return findBackup(backups, args[0]);
  const found = (await listBackups(backups)).find(({ side }) =>
    side?.books.some(({ book }) => book === globals.book),
  );
  if (found) return found;
  throw new ClaireError('backup_missing', { found: `${backups} has none of book ${globals.book}.` });
}

async function restoreInto(
  invocation: Invocation,
  place: Place,
  settings: BackupSettings,
  backup: Listed,
): Promise<Restored> {
  const { globals, options, signal } = invocation;
  const admin = place.database('postgres');
  const books = backup.side!.books.map(({ book }) => book);
  const from = books.length === 1 ? books[0]! : globals.book;
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
  const bar = progress('restore');
  try {
    const onStage = (sentence: string) => bar.update(0, undefined, sentence);
    const restored = await openBackup(backup, { key: settings.key, onStage }, async (opened: Opened) => {
      signal.throwIfAborted();
      if (isFilled) await sendAway(admin, target.book);
      return restoreBook(opened, from, target, {
        replace: options.replace === true,
        onTable: (name, at, of) => bar.update(at, of, name),
        ...(isFilled && options.backup !== false
          ? { beforehand: () => save(place, target.book, settings, signal) }
          : {}),
      });
    });
    await makeRoles(place, target.book);
    await logEvent(settings.backups, {
      ...{ at_ms: Date.now(), action: 'restore', name: backup.name, book: target.book, ok: true },
    });
    return restored;
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

/** Whoever works with the book. Who comes back waits until the new rows are there. */
const sendAway = (admin: Database, book: string): Promise<unknown> =>
  admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = any ($1) and pid <> pg_backend_pid()`,
    [loginNames(book)],
  );
