import { ClaireError, EXIT, type ExitCode } from '../../errors/index.js';
import {
  type BookState,
  describeState,
  LATEST_VERSION,
  listHandMade,
  type Migration,
  openLaws,
  pendingMigrations,
  readMigrations,
  recognise,
} from '../../schema/index.js';
import type { Invocation } from '../command.js';
import { table as tableOf } from '../print.js';
import type { Place } from '../session.js';

/** `claire migrate --status`: what was recognised, which migrations are applied, which laws old rows keep open. */
export async function showStatus({ globals, out }: Invocation, place: Place): Promise<ExitCode> {
  const { book } = globals;
  const database = place.database('postgres');
  const [state, migrations, open, others] = await Promise.all([
    recognise(database, book),
    readMigrations(),
    openLaws(database, book),
    listHandMade(database),
  ]);
  const done = new Map(state.applied.map(({ number, hash }) => [number, hash]));
  const rows = migrations.map(({ number, name, version, title, breaking, locks, hash }) => ({
    ...{ number, name, version, title, breaking, locks },
    state: !done.has(number) ? 'pending' : done.get(number) === hash ? 'applied' : 'edited',
  }));
  const problem = problemOf(state, migrations);
  const elsewhere =
    state.version === undefined ? others.filter((other) => other.handMade && other.book !== book) : [];
  const document = {
    book,
    version: state.newer ?? state.version ?? null,
    problem,
    hand_made: state.handMade,
    unfinished: state.unfinished,
    pieces: state.pieces ?? null,
    in_the_way: state.inTheWay,
    open_laws: open.map(({ table, law }) => ({ table, law })),
    hand_made_elsewhere: elsewhere.map((other) => other.book),
    latest: LATEST_VERSION,
    migrations: rows,
  };
  out.answer(document, () => {
    const cells = rows.map((row) => [
      ...[String(row.number), row.version, row.state, row.breaking ? 'breaking' : '', row.title],
    ]);
    return [
      tableOf(['number', 'version', 'state', '', 'title'], cells),
      [
        describeState(state),
        ...(problem ? [problem] : []),
        ...open.map(({ table, law }) => `Not valid for old rows of ${table} yet: ${law}.`),
        ...elsewhere.map((other) => `${describeState(other)} See it with --book ${other.book}.`),
        `The newest version is ${LATEST_VERSION}.`,
      ].join('\n'),
    ].join('\n\n');
  });
  return EXIT.ok;
}

/** What would stop a migration at its first look: an edited file, a gap, a newer program, something in the way. */
function problemOf(state: BookState, migrations: readonly Migration[]): string | null {
  try {
    pendingMigrations(state, migrations, LATEST_VERSION);
    return null;
  } catch (error) {
    if (error instanceof ClaireError) return error.message;
    throw error;
  }
}
