import {
  type Applied,
  type Apply,
  applyTable,
  diffTable,
  type Listed,
  openBackup,
  restorable,
  type TableDiff,
  type TableSource,
} from '../backup/index.js';
import { identifier } from '../database/index.js';
import { ClaireError, EXIT, type ExitCode } from '../errors/index.js';
import { verify } from '../operations/index.js';
import { describeState, LATEST_VERSION, recognise, requireOurs } from '../schema/index.js';
import type { BackupSettings } from './backups.js';
import type { Invocation } from './command.js';
import { confirm } from './confirm.js';
import { counted } from './print.js';
import { progress } from './progress.js';
import { appliedText, diffText } from './restore-table-text.js';
import { type Place, withPlace } from './session.js';

/** What was found, and what was done about it. */
export interface TableAnswer extends TableDiff {
  applied: Applied | null;
  /** Laws of the record that are broken after it, as sentences; null where nothing was applied. */
  broken: string[] | null;
}

/**
 * `claire restore --table`: says how a table differs from what it was in a backup, and with --apply brings rows back.
 * @throws ClaireError backup_missing, backup_unverified, restore_refused, and what diffTable and applyTable throw
 */
export async function restoreTable(
  invocation: Invocation,
  settings: BackupSettings,
  chosen: (place: Place) => Promise<Listed>,
): Promise<ExitCode> {
  const { options, out } = invocation;
  const apply = applyGiven(options.apply);
  restorable(options.table as string);
  const { answer, backup } = await withPlace(
    invocation,
    async (place) => {
      const backup = await chosen(place);
      requireBook(backup, invocation.globals.book);
      return { backup, answer: await compareAndApply(invocation, place, { settings, backup, apply }) };
    },
    { direct: true, endsItself: true },
  );
  out.answer(answer, () =>
    answer.applied ? appliedText(answer.applied, answer.broken!) : diffText(answer, backup.side!.taken_ms),
  );
  return answer.broken?.length ? EXIT.broken : EXIT.ok;
}

function applyGiven(given: unknown): Apply | undefined {
  if (given === undefined || given === 'missing' || given === 'different') return given;
  throw new ClaireError('usage_invalid', { found: `--apply is missing or different, not ${String(given)}.` });
}

function requireBook({ name, side }: Listed, book: string): void {
  const books = (side?.books ?? []).map((one) => one.book);
  if (books.includes(book)) return;
  throw new ClaireError('backup_missing', {
    found: `${name} holds ${books.join(', ') || 'nothing that can be read'}, and not the book ${book} (--book).`,
  });
}

async function compareAndApply(
  invocation: Invocation,
  place: Place,
  { settings, backup, apply }: { settings: BackupSettings; backup: Listed; apply: Apply | undefined },
): Promise<TableAnswer> {
  const { globals, options, signal } = invocation;
  await requireNewest(place, globals.book);
  const bar = progress('restore');
  const onStage = (sentence: string) => bar.update(0, undefined, sentence);
  try {
    return await openBackup(
      backup,
      { key: settings.key, scratch: settings.scratch, signal, onStage },
      async ({ url, problems }) => {
        signal.throwIfAborted();
        if (problems.length > 0) throw new ClaireError('backup_unverified', { found: problems.join(' ') });
        const source: TableSource = {
          ...{ liveUrl: place.url('postgres'), backupUrl: url, book: globals.book },
          ...{ table: options.table as string, backup: backup.name, signal },
          completeUntil_ms: backup.side!.complete_until_ms,
          withExpired: options.expired === true,
        };
        onStage('comparing the table');
        const diff = await diffTable(source);
        const rows = apply ? diff[apply].rows : 0;
        if (!apply) return { ...diff, applied: null, broken: null };
        bar.end();
        if (!options.yes && rows > 0) await ask(invocation, diff, apply);
        onStage('bringing rows back');
        const applied = await applyTable(source, apply);
        return { ...diff, applied, broken: await brokenLaws(place, globals.book) };
      },
    );
  } finally {
    bar.end();
  }
}

const ask = (invocation: Invocation, diff: TableDiff, apply: Apply): Promise<void> =>
  confirm(invocation, {
    question:
      apply === 'missing'
        ? `${counted(diff.missing.rows, 'row')} of ${diff.table} in book ${diff.book} come back. Type the name of the table`
        : `${counted(diff.different.rows, 'row')} of ${diff.table} in book ${diff.book} become what they were. Type the name of the table`,
    name: diff.table,
    refusal: 'restore_refused',
  });

/** @throws ClaireError book_missing, schema_outdated */
async function requireNewest(place: Place, book: string): Promise<void> {
  const state = await recognise(place.database('postgres'), book);
  requireOurs(state);
  if (!state.version) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  if (state.version !== LATEST_VERSION || state.unfinished)
    throw new ClaireError('schema_outdated', { found: describeState(state) });
}

async function brokenLaws(place: Place, book: string): Promise<string[]> {
  const laws = await verify.run(
    {
      ...{ database: place.database('postgres'), book: identifier(book) },
      ...{ inTransaction: true, attempt: (work) => work() },
    },
    {},
  );
  return laws.filter(({ broken }) => broken > 0).map(({ law, broken }) => `${law} (${broken})`);
}
