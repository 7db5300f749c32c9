import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { changesOf } from '../changes.js';
import { defineCommand, option } from '../command.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';

export const correct = defineCommand({
  usage: 'correct <what> <id> <changes...>',
  summary:
    'Corrects columns of a recorded row and records what was changed and why; profit and positions follow.',
  details:
    'WHAT is signal, order, trade or risk-event; ID is its own id, or the number of the row where it has none.\n' +
    'CHANGES are COLUMN=VALUE; nothing after the sign means NULL. It is the only way to change what was recorded.',
  options: [option('--reason <text>', 'why, in words for people').makeOptionMandatory()],
  examples: [
    [
      'correct trade T-17 exit_price=45100.75 --reason "typed 4510.75"',
      'a wrong price, and the profit with it',
    ],
    [
      `correct risk-event E-3 'details={"balance": 10000}' --reason "wrong account"`,
      'a column that holds JSON',
    ],
  ],
  async run(invocation) {
    const [what, id, ...given] = invocation.args as [string, string, ...string[]];
    const input = { what, id, changes: changesOf(given), reason: invocation.options.reason };
    parseInput(operations.correct.input, input);
    const result = await withBook(invocation, 'claire_operator', (claire) => claire.correct(input as never));
    invocation.out.answer(result, () =>
      result.corrected === 0
        ? `${what} ${id} has these values already: nothing was corrected.`
        : `${counted(result.corrected, 'column')} of ${what} ${id} corrected, those that follow included.`,
    );
    return undefined;
  },
});
