import {
  archiveNow,
  archiveOf,
  backupLeadingTo,
  findBackup,
  type Listed,
  listBackups,
  newestOf,
  originOf,
  type Until,
  whole,
} from '../../backup/index.js';
import { hasCluster } from '../../database/embedded/index.js';
import { bookName } from '../../database/index.js';
import { ClaireError, type ExitCode } from '../../errors/index.js';
import { type BackupSettings, backupOptions, backupSettings } from '../backups.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { sweepingOf } from '../log-archive.js';
import { MOMENTS, momentGiven } from '../moments.js';
import { table } from '../print.js';
import { bringServerBack, restoreInto, type Source } from '../restore-book.js';
import { restoreTable } from '../restore-table.js';
import { type Place, withPlace } from '../session.js';

export const restore = defineCommand({
  usage: 'restore [name]',
  summary:
    'Brings a book back from a backup, whole, into an empty place or in the place of the one that is there.',
  details:
    'Without a name the newest backup of the book. It is restored into a server of its own first, and compared: only what\n' +
    'is right is brought over, in one transaction: nobody sees anything in between, and whatever ends it leaves what was\n' +
    'there. A backup of an older version of the schema is migrated on the way. Roles and passwords stay those of the\n' +
    'server. Where the data directory of the embedded server is gone, the newest physical backup and the archived log\n' +
    `after it bring everything back. ${MOMENTS}`,
  options: [
    option('--replace', 'in the place of the rows that are there, which are backed up first'),
    option(
      '--no-backup',
      'with --replace: what is there goes without one, because it cannot be read any more',
    ),
    option('--as <book>', 'under another name, beside the book'),
    option(
      '--to-time <time>',
      'as it was at a moment, from a physical backup and the archived log after it; `latest`: all that is archived',
    ),
    option('--table <table>', 'says how this table differs from the backup, and changes nothing').conflicts([
      'replace',
      'as',
      'toTime',
    ]),
    option('--apply <what>', 'with --table: brings back its missing rows, or its different columns').choices([
      'missing',
      'different',
    ]),
    option('--expired', 'with --table: rows that retention has removed are missing, too'),
    option('--yes', 'do not ask'),
    ...backupOptions(),
  ],
  examples: [
    ['restore', 'the newest backup of main, where main is empty'],
    ['restore --as main_yesterday main_logical_20261122T030000Z', 'beside, to look at'],
    ['restore --replace main_logical_20261122T030000Z', 'back to yesterday'],
    ["restore --replace --to-time '2026-11-20 14:03:00Z'", 'back to the moment before it went wrong'],
    ['restore --table trades', 'what of the trades is not as it was'],
    ['restore --table trades --apply missing', 'and the missing ones come back'],
  ],
  async run(invocation) {
    const settings = await backupSettings(invocation);
    const { options } = invocation;
    if (options.apply !== undefined && options.table === undefined)
      throw new ClaireError('usage_invalid', { found: '--apply wants --table.' });
    if (options.table !== undefined)
      return restoreTable(invocation, settings, (place) => chosen(invocation, settings, place));
    return restoreWhole(invocation, settings);
  },
});

/**
 * The one that was named, else the newest of the book: of this server, and of another one only where this one has none.
 * Several may keep their backups in one directory, and call their books alike.
 */
async function chosen(
  { args, globals: { book } }: Invocation,
  { backups }: BackupSettings,
  place?: Place,
): Promise<Listed> {
  if (args[0] !== undefined) return findBackup(backups, args[0]);
  const listed = await listBackups(backups);
  const found =
    (place && newestOf(listed, await originOf(place.database('postgres'), book))) ??
    listed.find(({ side }) => side?.books.some((one) => one.book === book));
  if (found) return found;
  throw new ClaireError('backup_missing', { found: `${backups} has none of book ${book}.` });
}

async function restoreWhole(invocation: Invocation, settings: BackupSettings): Promise<ExitCode | undefined> {
  const { globals, options, out } = invocation;
  const moment = momentOf(options.toTime as string | undefined);
  const isGone = globals.databaseUrl === undefined && !(await hasCluster(globals.data));
  const into = options.as === undefined ? globals.book : bookName(options.as as string);
  if (isGone) {
    // Without a name the way by which the least is lost.
    const isPhysical = (await listBackups(settings.backups)).some(({ side }) => side?.kind === 'physical');
    const to = moment ?? (invocation.args[0] === undefined && isPhysical ? LATEST : undefined);
    const source = await sourceOf(invocation, settings, to);
    if (source.backup.side!.kind === 'physical') {
      const last = await bringServerBack(invocation, source);
      return answerServer(invocation, source, last);
    }
  }
  const restored = await withPlace(
    invocation,
    async (place) => {
      // What was committed a moment ago is archived first.
      const sweeping = moment === undefined ? undefined : await sweepingOf(place, settings);
      if (sweeping) await archiveNow(place.database('postgres'), sweeping);
      const source = await sourceOf(invocation, settings, moment, place);
      return { source, ...(await restoreInto(invocation, place, source)) };
    },
    { direct: true, endsItself: true, book: into },
  );
  const { source, ...done } = restored;
  const rows = Object.entries(done.rows).filter(([, count]) => count > 0);
  const when = source.until
    ? `at ${source.until.moment ?? 'the end of the archived log'}`
    : `in ${source.backup.name}`;
  out.answer({ backup: source.backup.name, moment: source.until?.moment ?? null, ...done }, () =>
    [
      `Book ${done.book} is as it was ${when}.`,
      table(
        ['table', 'rows'],
        rows.map(([name, count]) => [name, String(count)]),
      ),
    ].join('\n'),
  );
  return undefined;
}

function answerServer({ globals, out }: Invocation, { backup }: Source, last: string | undefined): undefined {
  const books = backup.side!.books.map(({ book }) => book);
  out.answer({ backup: backup.name, data: globals.data, books, last_commit: last ?? null }, () =>
    [
      `The server of ${globals.data} is back, with everything that it held${last ? ` until ${last}` : ''}.`,
      `Start it with \`claire up\`; \`claire verify\` holds the record against its laws.`,
    ].join('\n'),
  );
  return undefined;
}

/** A backup, and how far the log after it is wanted. */
async function sourceOf(
  invocation: Invocation,
  settings: BackupSettings,
  moment: string | undefined,
  place?: Place,
): Promise<Source> {
  if (moment === undefined) return { settings, backup: await chosen(invocation, settings, place) };
  const isEnd = moment === LATEST;
  const backup =
    invocation.args[0] === undefined
      ? await backupLeadingTo(await listBackups(settings.backups), settings.backups, {
          ...(isEnd ? {} : { moment_ms: Date.parse(moment) }),
          key: settings.key,
          here: await place?.server?.systemIdentifier(),
        })
      : whole(await chosen(invocation, settings));
  if (backup.side!.kind !== 'physical')
    throw new ClaireError('usage_invalid', {
      found: `--to-time wants a physical backup, and ${backup.name} is ${backup.side!.kind}.`,
    });
  const until: Until = {
    archive: archiveOf(settings.backups, backup.side!.server.system_identifier),
    ...(isEnd ? {} : { moment }),
  };
  return { settings, backup, until };
}

const LATEST = 'latest';

/** ISO 8601 in UTC, with the fraction that was given: commits are told apart by microseconds. */
function momentOf(given: string | undefined): string | undefined {
  if (given === undefined || given === LATEST) return given;
  const iso = given.trim().replace(' ', 'T');
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z$/.test(iso) && !Number.isNaN(Date.parse(iso)))
    return iso.length === 17 ? iso.replace('Z', ':00Z') : iso;
  const ms = /^\d+$/.test(given) ? Number(given) : momentGiven(given);
  const time = typeof ms === 'number' ? ms : /(Z|[+-]\d\d:?\d\d)$/.test(iso) ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(time) || Math.abs(time) > 8.64e15)
    throw new ClaireError('usage_invalid', { found: `--to-time: ${given} is no time. ${MOMENTS}` });
  return new Date(time).toISOString();
}
