import type { Queryable } from '../../database/index.js';
import { ClaireError, EXIT, type ExitCode } from '../../errors/index.js';
import {
  type BookState,
  migrate as bring,
  describeState,
  emptyBook,
  isOurs,
  LATEST_VERSION,
  listHandMade,
  type Migrated,
  type MigrateOptions,
  pendingMigrations,
  readMigrations,
  recognise,
  rowsIn,
  type StepProgress,
  VERSIONS,
  type Version,
} from '../../schema/index.js';
import { backupOptions, backupSettings, takeBackup } from '../backups.js';
import { makeRoles } from '../book-roles.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { confirm } from '../confirm.js';
import { wantsBackup } from '../migration/before.js';
import { showPlan } from '../migration/plan.js';
import { readReport, reportText } from '../migration/report.js';
import { showStatus } from '../migration/status.js';
import { verification } from '../migration/verification.js';
import { counted } from '../print.js';
import { progress } from '../progress.js';
import { type Place, withPlace } from '../session.js';
import { loadTestData } from './test-data.js';

export const migrate = defineCommand({
  usage: 'migrate',
  summary: 'Brings a book to a version of the schema beside services that go on writing.',
  details:
    'Recognises a book from its catalog, one made by hand from SQL included, and makes it where there is none. Forward\n' +
    'only; interrupted anywhere, it is run again and goes on. A book with rows is backed up before, and the backup is\n' +
    'restored to see that it can be. Old rows with one possible meaning are corrected, and each\n' +
    'correction is recorded; others stay where they are and are listed. Nothing is ever deleted. A hand-made database\n' +
    'stands in the schema public: --book public.',
  options: [
    option('--to <version>', 'version to stop at').choices([...VERSIONS, 'latest']),
    option('--status', 'say what is there, what is applied and what is not, and change nothing'),
    option('--plan', 'print each step with its SQL, its locks and an estimate, and change nothing'),
    option('--no-backup', 'take none before rows are changed: you have one yourself'),
    ...backupOptions(),
    option(
      '--quarantine',
      'move old rows without a sure meaning aside, whole, so that every law becomes valid',
    ),
    option(
      '--recorded-in <zone>',
      'time zone in which created_at was written before 1.2, where it was not UTC',
    ),
    option('--fresh', "drop Claire's own objects of the book, with all rows, and make them new"),
    option('--test-data', 'with --fresh: load realistic rows'),
    option('--yes', 'with --fresh: do not ask for the name of the database'),
  ],
  examples: [
    ['migrate --status --book public', 'what a database made by hand is, as its catalog shows it'],
    ['migrate --plan --book public', 'what would be done, with the locks and about how long'],
    ['migrate --book public', 'to the newest version, beside running services'],
    ['migrate --to 1.1 --book old', 'a book as clients of 1.1 expect it'],
    ['migrate --fresh --test-data --book play', 'a new record with rows to try things on'],
  ],
  async run(invocation) {
    const { options } = invocation;
    requireSense(options);
    const run = async (place: Place) => {
      if (options.status) return showStatus(invocation, place);
      if (options.plan) return showPlan(invocation, place, wanted(invocation));
      if (options.fresh) return makeFresh(invocation, place);
      return bringForward(invocation, place);
    };
    return withPlace(invocation, run, { direct: !options.status });
  },
});

function requireSense(options: Invocation['options']): void {
  const refuse = (found: string) => {
    throw new ClaireError('usage_invalid', { found });
  };
  const ways = ['status', 'plan', 'fresh'].filter((name) => options[name]);
  if (ways.length > 1) refuse(`--${ways.join(' and --')} exclude each other.`);
  if (options.status && options.to) refuse('--status says what is there, whatever --to is.');
  if (options.testData && !options.fresh) refuse('--test-data belongs to --fresh; see `claire test-data`.');
  if (options.yes && !options.fresh) refuse('--yes belongs to --fresh.');
  if (options.fresh && options.recordedIn)
    refuse('--fresh leaves no old row whose zone --recorded-in could name.');
  if (options.testData && wantedOf(options) !== LATEST_VERSION)
    refuse('--test-data is of the newest version.');
  if (options.quarantine && !isOurs(wantedOf(options))) refuse('There is no quarantine before 1.2.');
}

const wantedOf = ({ to }: Invocation['options']): Version =>
  to === undefined || to === 'latest' ? LATEST_VERSION : (to as Version);

const wanted = ({ options }: Invocation): MigrateOptions & { to: Version } => ({
  to: wantedOf(options),
  ...(options.recordedIn === undefined ? {} : { recordedIn: options.recordedIn as string }),
});

async function bringForward(invocation: Invocation, place: Place): Promise<ExitCode> {
  const { globals, options } = invocation;
  const database = place.database('postgres');
  const before = await recognise(database, globals.book);
  // What can never be done needs no backup first.
  pendingMigrations(before, await readMigrations(), wantedOf(options));
  await tellOfOthers(invocation, database, before);
  if (options.backup !== false && (await wantsBackup(database, before, wantedOf(options))))
    await backUpBefore(invocation, place);
  const { migrated, applied } = await bringWithProgress(invocation, place);
  return answer(invocation, place, before, migrated, applied);
}

/** Who has an old database and forgets to say where it is would else get an empty book beside it. */
async function tellOfOthers({ out }: Invocation, database: Queryable, { version }: BookState): Promise<void> {
  if (version !== undefined) return;
  const others = (await listHandMade(database)).filter(({ handMade }) => handMade);
  for (const other of others)
    out.note(`${describeState(other)} To bring that forward, say --book ${other.book}.`);
}

/** What a migration finds is kept as it was, and it was tried whether that can be brought back. */
async function backUpBefore(invocation: Invocation, place: Place): Promise<void> {
  const { globals, out, signal } = invocation;
  const settings = await backupSettings(invocation);
  const wanted = { ...settings, book: globals.book, kind: 'logical' as const, verify: true, signal };
  const { backup, verified } = await takeBackup(place, wanted);
  if (!verified?.ok)
    throw new ClaireError('backup_unverified', { found: `${backup.name}: ${verified?.problems.join(' ')}` });
  out.say(`${backup.directory} holds what was there, and was restored to see that it can be.`);
}

async function bringWithProgress(
  invocation: Invocation,
  place: Place,
): Promise<{ migrated: Migrated; applied: string[] }> {
  const { globals, options, out, signal } = invocation;
  const bar = progress('migrate');
  const applied: string[] = [];
  const show = ({ title, at, of, done, total, note }: StepProgress) => {
    const detail = total ? ` ${note} ${Math.floor((100 * (done ?? 0)) / total)} %` : '';
    bar.update(at - 1, of, `${title}${detail}`);
  };
  try {
    const migrated = await bring(place.database('postgres'), globals.book, {
      ...wanted(invocation),
      quarantine: options.quarantine === true,
      signal,
      onFile: ({ name, title }) => {
        applied.push(name);
        bar.end();
        out.say(title);
      },
      onProgress: show,
      onNotice: (sentence) => {
        bar.end();
        out.note(sentence);
      },
    });
    if (migrated.version === LATEST_VERSION) await makeRoles(place, globals.book);
    return { migrated, applied };
  } finally {
    bar.end();
  }
}

async function answer(
  invocation: Invocation,
  place: Place,
  before: BookState,
  migrated: Migrated,
  applied: string[],
): Promise<ExitCode> {
  const { globals, out } = invocation;
  const { book } = globals;
  const database = place.database('postgres');
  const isNew = before.version === undefined;
  const isQuiet = applied.length + migrated.validated.length + migrated.quarantined === 0;
  const report = await readReport(database, migrated, isQuiet);
  const verified = isNew || isQuiet ? null : await verification(invocation, place, migrated);
  const document = {
    ...{ book, before: before.version ?? null, version: migrated.version ?? null, applied },
    ...{ validated: migrated.validated, report, verified },
  };
  out.answer(document, () => {
    const stands = `Book ${book} stands at ${migrated.version}`;
    const done = [
      ...(applied.length > 0 ? [`${counted(applied.length, 'migration')} applied`] : []),
      ...(migrated.validated.length > 0 && applied.length === 0
        ? [`${counted(migrated.validated.length, 'law holds', 'laws hold')} for old rows now`]
        : []),
    ];
    const nothing = report.broken.length > 0 ? '.' : ': there is nothing to do.';
    const head = done.length === 0 ? `${stands}${nothing}` : `${stands}; ${done.join(', ')}.`;
    return [reportText(report, book), verified?.text ?? '', head].filter(Boolean).join('\n\n');
  });
  return report.broken.length > 0 || verified?.holds === false ? EXIT.broken : EXIT.ok;
}

async function makeFresh(invocation: Invocation, place: Place): Promise<ExitCode> {
  const { globals, options, out } = invocation;
  const { book } = globals;
  const database = place.database('postgres');
  const before = await recognise(database, book);
  if (before.version !== undefined) {
    const [row] = await database.query<{ name: string }>('select current_database() as name');
    const question = `Every row of book ${book} will be gone. Type the name of the database (${row!.name})`;
    if (!options.yes) await confirm(invocation, { question, name: row!.name, refusal: 'book_not_dropped' });
    if (options.backup !== false && (await rowsIn(database, book)).some)
      await backUpBefore(invocation, place);
    await emptyBook(database, book);
    out.say(`Claire's objects of book ${book} are dropped.`);
  }
  const { migrated, applied } = await bringWithProgress(invocation, place);
  if (options.testData) await loadTestData(database, book);
  const document = { book, before: before.version ?? null, version: migrated.version ?? null, applied };
  out.answer(
    { ...document, test_data: options.testData === true },
    () => `Book ${book} is new, at ${migrated.version}${options.testData ? ', with test data' : ''}.`,
  );
  return EXIT.ok;
}
