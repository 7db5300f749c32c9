import {
  bytesOf,
  findBackup,
  KEEP_MS,
  KINDS,
  type Kind,
  type Listed,
  listBackups,
  logEvent,
  pruneBackups,
  type Verified,
} from '../../backup/index.js';
import { ClaireError, EXIT } from '../../errors/index.js';
import {
  backupOptions,
  backupSettings,
  checkBackup,
  takeBackup,
  usualKind,
  writingOptions,
} from '../backups.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { DURATIONS, durationGiven } from '../moments.js';
import { bytesText, counted, list, table } from '../print.js';
import { type Place, withPlace } from '../session.js';

const create = defineCommand({
  usage: 'create',
  summary: 'Takes a backup of a book, and restores it into a server of its own to see whether it can be.',
  details:
    'A backup is a directory: files, and backup.json with what they hold and their SHA-256. It has its name when all of\n' +
    'it is on the disk. Services go on meanwhile. Nothing is taken for a backup that was not restored: --no-verify leaves\n' +
    'that to `claire backup verify`.',
  options: [
    option('--kind <kind>', 'logical: rows by COPY, restored into any version of the server').choices([
      ...KINDS,
    ]),
    option('--no-verify', 'do not restore it'),
    ...backupOptions(),
    ...writingOptions(),
  ],
  examples: [
    ['backup create', 'of the book main, into .claire/backups'],
    ['backup create --backups /mnt/backups --key-file key', 'elsewhere, encrypted'],
  ],
  async run(invocation) {
    const { globals, options, out, signal } = invocation;
    const wanted = {
      ...(await backupSettings(invocation)),
      ...{ book: globals.book, signal, verify: options.verify !== false },
    };
    const kind = options.kind as Kind | undefined;
    const take = async (place: Place) =>
      takeBackup(place, { ...wanted, kind: kind ?? (await usualKind(place)) });
    const { backup, verified } = await withPlace(invocation, take, {
      direct: true,
      endsItself: true,
    });
    out.answer(described({ ...backup, ...(verified ? { verified } : {}) }), () =>
      [
        `${backup.directory} is written.`,
        listText(backup),
        ...(verified ? [verifiedText(verified)] : []),
      ].join('\n'),
    );
    return verified?.ok === false ? EXIT.broken : EXIT.ok;
  },
});

const show = defineCommand({
  usage: 'list',
  summary:
    'The backups that there are, the newest first, and which of them was restored to see whether it can be.',
  options: backupOptions(),
  examples: [['backup list --json', 'for a program']],
  async run(invocation) {
    const { backups } = await backupSettings(invocation);
    const found = await listBackups(backups);
    invocation.out.answer(found.map(described), () =>
      found.length === 0
        ? `There are no backups in ${backups}.`
        : table(
            ['backup', 'taken', 'size', 'rows', 'schema', 'verified'],
            found.map((each) => [
              each.name,
              each.side ? moment(each.side.taken_ms) : null,
              each.side ? bytesText(sizeOf(each)) : null,
              each.side ? String(rowsOf(each)) : null,
              each.side?.books.map((one) => one.schema_version).join(', ') ?? null,
              each.problem ?? standing(each.verified),
            ]),
          ),
    );
    return undefined;
  },
});

const verify = defineCommand({
  usage: 'verify [name]',
  summary:
    'Restores a backup into a server of its own and compares; exits 1 if it is not what was backed up.',
  details:
    'Without a name the newest. Each file is held against its SHA-256, each table against the counts, sums and hash that\n' +
    'were taken with it, and the laws of the record are asked as by `claire verify`. Nothing of yours is touched.',
  options: [option('--all', 'every backup, the newest first'), ...backupOptions()],
  examples: [
    ['backup verify', 'the newest'],
    ['backup verify main_logical_20261123T030000Z', 'one by its name'],
  ],
  async run(invocation) {
    const { args, options, out, signal } = invocation;
    const settings = { ...(await backupSettings(invocation)), signal };
    const chosen = args[0]
      ? [await findBackup(settings.backups, args[0])]
      : await listBackups(settings.backups);
    if (chosen.length === 0)
      throw new ClaireError('backup_missing', { found: `There are no backups in ${settings.backups}.` });
    const results: { backup: Listed; verified: Verified }[] = [];
    for (const backup of options.all ? chosen : chosen.slice(0, 1))
      results.push({ backup, verified: await checkBackup(backup, settings) });
    out.answer(
      results.map(({ backup, verified }) => ({ name: backup.name, ...verified })),
      () => results.map(({ backup, verified }) => `${backup.name}: ${verifiedText(verified)}`).join('\n'),
    );
    return results.every(({ verified }) => verified.ok) ? EXIT.ok : EXIT.broken;
  },
});

const prune = defineCommand({
  usage: 'prune',
  summary: 'Removes backups that are older than 30 days, and never the newest that was verified.',
  options: [
    option('--keep <duration>', `how long they are kept: ${DURATIONS}; default 30d`),
    ...backupOptions(),
  ],
  examples: [['backup prune --keep 90d', 'keep a quarter']],
  async run(invocation) {
    const { backups } = await backupSettings(invocation);
    const given = invocation.options.keep as string | undefined;
    const keep_ms = given === undefined ? KEEP_MS : durationGiven(given);
    if (keep_ms === undefined)
      throw new ClaireError('usage_invalid', {
        found: `--keep is a length of time: ${DURATIONS}, not ${given}.`,
      });
    const gone = await pruneBackups(await listBackups(backups), { keep_ms });
    for (const { name } of gone)
      await logEvent(backups, { at_ms: Date.now(), action: 'prune', name, ok: true });
    invocation.out.answer({ removed: gone.map(({ name }) => name) }, () =>
      gone.length === 0
        ? 'No backup is old enough to go.'
        : [
            `${counted(gone.length, 'backup is', 'backups are')} gone:`,
            ...gone.map(({ name }) => `  ${name}`),
          ].join('\n'),
    );
    return undefined;
  },
});

const moment = (ms: number) => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
const sizeOf = ({ side }: Listed) => (side ? bytesOf(side) : 0);
const rowsOf = ({ side }: Listed) =>
  (side?.books ?? []).flatMap(({ facts }) => facts).reduce((sum, { rows }) => sum + rows, 0);
const standing = (verified: Verified | undefined) =>
  verified === undefined
    ? 'not yet'
    : verified.ok
      ? moment(verified.at_ms)
      : `FAILED ${moment(verified.at_ms)}`;

/** A backup for a program. */
export const described = (backup: Listed) => ({
  ...{ name: backup.name, directory: backup.directory, problem: backup.problem ?? null },
  ...(backup.side
    ? { kind: backup.side.kind, taken_ms: backup.side.taken_ms, bytes: sizeOf(backup), rows: rowsOf(backup) }
    : {}),
  ...(backup.side
    ? {
        books: backup.side.books.map(({ book, schema_version }) => ({ book, schema_version })),
        encrypted: backup.side.key !== null,
      }
    : {}),
  verified: backup.verified ?? null,
});

function listText(backup: Listed): string {
  const others = (backup.side?.books ?? []).flatMap(({ foreign_tables }) => foreign_tables);
  return list([
    ['rows', rowsOf(backup)],
    ['size', bytesText(sizeOf(backup))],
    ...(others.length > 0 && backup.side?.kind === 'logical'
      ? [['not in it', `${others.join(', ')}: no tables of Claire's`] as const]
      : []),
  ]);
}

export function verifiedText({ ok, problems, broken, duration_ms, laws }: Verified): string {
  if (!ok) return `It is NOT what was backed up. ${problems.join(' ')}`;
  const seconds = (duration_ms / 1000).toFixed(1);
  const lawful =
    laws === 0
      ? 'its laws are asked when it is migrated'
      : broken.length === 0
        ? `all ${laws} laws hold`
        : `laws are broken, as in the book: ${broken.join(' ')}`;
  return `Restored in ${seconds} s: counts, sums and rows are those that were backed up; ${lawful}.`;
}

export const backup: AddCommand = (parent, runtime) => {
  const group = parent.command('backup').summary('Takes, lists, verifies and prunes backups.');
  group.description(
    'Takes, lists, verifies and prunes backups. What counts is what was restored: see `verify`.',
  );
  for (const add of [create, show, verify, prune]) add(group, runtime);
};
