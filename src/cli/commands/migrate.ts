import {
  migrate as bring,
  LATEST_VERSION,
  readMigrations,
  recognise,
  VERSIONS,
  type Version,
} from '../../schema/index.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { counted, table } from '../print.js';
import { type Place, withPlace } from '../session.js';

export const migrate = defineCommand({
  usage: 'migrate',
  summary: 'Brings a book to a version of the schema, making the book where it does not exist.',
  details:
    'Forward only. Runs again without harm, and goes on where it was interrupted. 1.2 refuses much that 1.1 accepted:\n' +
    'see what each migration is with --status before you run it.',
  options: [
    option('--to <version>', 'version to stop at').choices([...VERSIONS, 'latest']),
    option('--status', 'show what is applied and what is not, and change nothing').conflicts('to'),
  ],
  examples: [
    ['migrate', 'to the newest version'],
    ['migrate --to 1.1 --book old', 'a book as clients of 1.1 expect it'],
    ['migrate --status', 'what is applied and what is not'],
  ],
  async run(invocation) {
    const show = invocation.options.status ? status : apply;
    await withPlace(invocation, (place) => show(invocation, place));
    return undefined;
  },
});

async function apply({ options, globals, out }: Invocation, place: Place): Promise<void> {
  const { book } = globals;
  const wanted = (options.to as Version | 'latest' | undefined) ?? 'latest';
  const database = place.database('postgres');
  const before = await recognise(database, book);
  const applied: string[] = [];
  const after = await bring(database, book, {
    to: wanted === 'latest' ? LATEST_VERSION : wanted,
    onFile: ({ name, title }) => {
      applied.push(name);
      out.say(title);
    },
  });
  out.answer({ book, before: before.version ?? null, version: after.version ?? null, applied }, () =>
    applied.length === 0
      ? `Book ${book} stands at ${after.version}: there is nothing to do.`
      : `Book ${book} stands at ${after.version}; ${counted(applied.length, 'migration')} applied.`,
  );
}

async function status({ globals, out }: Invocation, place: Place): Promise<void> {
  const { book } = globals;
  const [state, migrations] = await Promise.all([
    recognise(place.database('postgres'), book),
    readMigrations(),
  ]);
  const done = new Map(state.applied.map(({ number, hash }) => [number, hash]));
  const rows = migrations.map(({ number, name, version, title, breaking, locks, hash }) => ({
    number,
    name,
    version,
    title,
    breaking,
    locks,
    state: !done.has(number) ? 'pending' : done.get(number) === hash ? 'applied' : 'edited',
  }));
  const document = {
    book,
    version: state.version ?? state.newer ?? null,
    latest: LATEST_VERSION,
    migrations: rows,
  };
  out.answer(document, () => {
    const cells = rows.map((row) => [
      ...[String(row.number), row.version, row.state, row.breaking ? 'breaking' : '', row.title],
    ]);
    const stands = state.newer ?? state.version;
    return [
      table(['number', 'version', 'state', '', 'title'], cells),
      stands
        ? `Book ${book} stands at ${stands}; the newest is ${LATEST_VERSION}.`
        : `There is no book ${book} yet.`,
    ].join('\n');
  });
}
