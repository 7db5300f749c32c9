import { bookName } from '../../database/index.js';
import { createBook, dropBook, LATEST_VERSION, listBooks } from '../../schema/index.js';
import { makeRoles, takeRoles } from '../book-roles.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { confirm } from '../confirm.js';
import { table } from '../print.js';
import { type Place, withPlace } from '../session.js';

const create = defineCommand({
  usage: 'create <name>',
  summary: 'Makes a book: a schema of this name with the newest version of the record.',
  examples: [['book create paper', 'a record of its own for paper trading']],
  async run(invocation) {
    const name = invocation.args[0]!;
    const make = async (place: Place) => {
      const created = await createBook(place.database('postgres'), name);
      await makeRoles(place, name);
      return created;
    };
    const state = await withPlace(invocation, make, { direct: true });
    invocation.out.answer(
      { book: name, version: state.version },
      () => `Book ${name} is there, at ${state.version}.`,
    );
    return undefined;
  },
});

const show = defineCommand({
  usage: 'list',
  summary: 'The books of the database, with the version of their schema.',
  examples: [['book list --json', 'for a program']],
  async run(invocation) {
    const books = await withPlace(invocation, (place) => listBooks(place.database('postgres')));
    const rows = books.map(({ book, version, newer }) => ({ book, version: newer ?? version ?? null }));
    invocation.out.answer(rows, () => {
      if (rows.length === 0) return 'There are no books yet; make one with `claire book create`.';
      const note = (version: string | null) =>
        version === LATEST_VERSION ? '' : `the newest is ${LATEST_VERSION}`;
      return table(
        ['book', 'version', ''],
        rows.map(({ book, version }) => [book, version, note(version)]),
      );
    });
    return undefined;
  },
});

const drop = defineCommand({
  usage: 'drop <name>',
  summary: 'Drops a book with everything that is recorded in it. There is no way back but a backup.',
  details:
    'On a terminal it asks for the name; elsewhere it wants --yes. Objects of others in the schema stay.',
  options: [option('--yes', 'do not ask')],
  examples: [
    ['book drop paper', 'asks for the name first'],
    ['book drop demo --yes', 'in a script'],
  ],
  async run(invocation) {
    const name = bookName(invocation.args[0]!);
    if (!invocation.options.yes) {
      const question = `Everything in book ${name} will be gone. Type its name`;
      await confirm(invocation, { question, name, refusal: 'book_not_dropped' });
    }
    const dropped = await withPlace(invocation, async (place) => {
      const done = await dropBook(place.database('postgres'), name);
      await takeRoles(place, name);
      return done;
    });
    invocation.out.answer({ book: name, dropped: true, schema_dropped: dropped.schema }, () =>
      dropped.schema
        ? `Book ${name} is dropped.`
        : `Book ${name} is dropped; its schema stays, because other objects are in it.`,
    );
    return undefined;
  },
});

export const book: AddCommand = (parent, runtime) => {
  const group = parent.command('book').summary('Makes, lists and drops books.');
  group.description(
    'Makes, lists and drops books. A book is one PostgreSQL schema with a whole record of its own.',
  );
  for (const add of [create, show, drop]) add(group, runtime);
};
