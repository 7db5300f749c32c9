import { ClaireError, EXIT } from '../../errors/index.js';
import {
  type BookState,
  type Difference,
  describeState,
  differencesFrom,
  LATEST_VERSION,
  mendingSql,
  recognise,
  textOf,
  type Version,
} from '../../schema/index.js';
import { type AddCommand, defineCommand, type Invocation } from '../command.js';
import { differencesText } from '../difference.js';
import { counted } from '../print.js';
import { withPlace } from '../session.js';

interface Compared {
  state: BookState;
  version: Version;
  differences: Difference[];
}

/** Holds the book against the version that it stands at; another version would only tell what migrations are for. */
function compare(invocation: Invocation): Promise<Compared> {
  const { book } = invocation.globals;
  return withPlace(invocation, async (place) => {
    const database = place.database('postgres');
    const state = await recognise(database, book);
    if (state.newer) {
      const found = `Book ${book} stands at ${state.newer}, this program knows up to ${LATEST_VERSION}.`;
      throw new ClaireError('schema_newer', { found });
    }
    const { version } = state;
    if (!version && state.applied.length > 0) {
      throw new ClaireError('schema_outdated', { found: `Book ${book} is on its way to its first version.` });
    }
    if (!version) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
    return { state, version, differences: await differencesFrom(database, book, version) };
  });
}

const verify = defineCommand({
  usage: 'verify',
  summary: 'Holds the schema of the book against what its version says, and exits 1 if a difference matters.',
  details:
    'What is expected is read from a scratch book on the same server, in a transaction that is rolled back. What is\n' +
    'extra is listed and does not matter: it is yours, also where it refuses rows that Claire would take.',
  examples: [
    ['schema verify', 'what is missing, different, invalid or extra, expected over actual'],
    ['schema verify --book paper --json', 'the same of another book, for a program'],
  ],
  async run(invocation) {
    const { state, version, differences } = await compare(invocation);
    const mattering = differences.filter(({ matters }) => matters);
    const document = {
      book: state.book,
      version,
      latest: LATEST_VERSION,
      unfinished: state.unfinished,
      agrees: mattering.length === 0,
      differences: differences.map(({ state, kind, name, table, expected, actual, matters }) => ({
        ...{ state, kind, name, table, matters },
        expected: expected && textOf(expected),
        actual: actual && textOf(actual),
      })),
    };
    invocation.out.answer(document, () =>
      [differencesText(differences), ending(state, differences, mattering.length)]
        .filter((text) => text !== '')
        .join('\n\n'),
    );
    return mattering.length > 0 ? EXIT.broken : EXIT.ok;
  },
});

function ending(state: BookState, differences: readonly Difference[], mattering: number): string {
  const rest = differences.length - mattering;
  const others = rest > 0 ? ` ${counted(rest, 'difference does', 'differences do')} not matter.` : '';
  const end =
    mattering === 0
      ? `Book ${state.book} is as ${state.version} says.`
      : `${counted(mattering, 'difference matters', 'differences matter')}: \`claire schema diff\` prints the SQL that mends.`;
  return `${standing(state)}${end}${others}`;
}

/** Where the book does not stand at the newest version, what it was held against. */
function standing({ book, version, unfinished }: BookState): string {
  if (unfinished)
    return `Book ${book} is on its way from ${version}, which it was held against: finish it with \`claire migrate\`. `;
  return version === LATEST_VERSION
    ? ''
    : `Book ${book} stands at ${version}, which it was held against; the newest is ${LATEST_VERSION}. `;
}

const diff = defineCommand({
  usage: 'diff',
  summary: 'Prints the SQL that brings the schema of the book to what its version says.',
  details:
    'Nothing is executed. Read it first; then give it to psql without --single-transaction. Nothing extra is dropped.',
  examples: [['schema diff > mend.sql', 'to be read, and then given to psql']],
  async run(invocation) {
    const { state, version, differences } = await compare(invocation);
    // It would take back what the migration has made so far, and the files that made it do not run again.
    if (state.unfinished) throw new ClaireError('schema_outdated', { found: describeState(state) });
    const { out } = invocation;
    const statements = mendingSql(differences, state.book);
    const note = standing(state).trim();
    if (note) out.note(note);
    if (invocation.globals.json) out.answer({ book: state.book, version, statements }, () => '');
    else if (statements.length > 0) out.answer(statements, () => statements.map(ended).join('\n'));
    if (statements.every((statement) => statement.startsWith('--'))) {
      out.note(`Book ${state.book} is as ${version} says: there is nothing to mend.`);
    }
    return undefined;
  },
});

const ended = (statement: string): string => (statement.startsWith('--') ? statement : `${statement};`);

export const schema: AddCommand = (parent, runtime) => {
  const group = parent.command('schema').summary('Holds the schema of a book against what it should be.');
  group.description('Holds the schema of a book against what its version says, object by object.');
  for (const add of [verify, diff]) add(group, runtime);
};
