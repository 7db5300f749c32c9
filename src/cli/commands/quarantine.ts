import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { changesOf } from '../changes.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';
import { readCommand } from './reads.js';

const why = () => option('--reason <text>', 'why, in words for people').makeOptionMandatory();

const show = readCommand('quarantined', {
  usage: 'list',
  examples: [
    ['quarantine list --state held', 'what waits for a decision'],
    ['quarantine list --table trades --csv > held.csv', 'every column, for a spreadsheet'],
  ],
  rows: 'rows in quarantine',
  hidden: ['actor', 'version', 'decided_by', 'decided_at', 'created_at'],
});

const release = defineCommand({
  usage: 'release <id> [changes...]',
  summary: operations.releaseQuarantined.summary,
  details:
    'ID is the number in quarantine. CHANGES are COLUMN=VALUE; nothing after the sign means NULL. The laws decide: a row\n' +
    'that still breaks one is refused and stays where it is.',
  options: [why()],
  examples: [
    [
      'quarantine release 3 exit_price=45100.75 --reason "from the exchange\'s report"',
      'with what was missing',
    ],
  ],
  async run(invocation) {
    const [id, ...given] = invocation.args as [string, ...string[]];
    const input = { id, changes: changesOf(given), reason: invocation.options.reason as string };
    parseInput(operations.releaseQuarantined.input, input);
    const result = await withBook(invocation, 'claire_operator', (claire) =>
      claire.releaseQuarantined(input),
    );
    const { table_name, row_id, corrected } = result;
    invocation.out.answer(
      result,
      () =>
        `Row ${row_id} of ${table_name} is in its table again; ${counted(corrected, 'column')} corrected.`,
    );
    return undefined;
  },
});

const discard = defineCommand({
  usage: 'discard <id>',
  summary: operations.discardQuarantined.summary,
  details: 'ID is the number in quarantine.',
  options: [why()],
  examples: [
    ['quarantine discard 4 --reason "never traded: a test of the desk"', 'for what is no trade at all'],
  ],
  async run(invocation) {
    const input = { id: invocation.args[0]!, reason: invocation.options.reason as string };
    parseInput(operations.discardQuarantined.input, input);
    const result = await withBook(invocation, 'claire_operator', (claire) =>
      claire.discardQuarantined(input),
    );
    const { table_name, row_id } = result;
    invocation.out.answer(
      result,
      () => `Row ${row_id} of ${table_name} is discarded; \`claire quarantine list\` goes on showing it.`,
    );
    return undefined;
  },
});

export const quarantine: AddCommand = (parent, runtime) => {
  const group = parent.command('quarantine').summary('Rows that break laws: lists, releases, discards them.');
  group.description(
    'Lists, releases and discards rows that a migration moved out of their table because they break laws.',
  );
  for (const add of [show, release, discard]) add(group, runtime);
};
