import { parseJson } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { defineCommand, option } from '../command.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';

/** Columns that hold JSON; every other value travels as text, so that no decimal passes through a float. */
const JSON_COLUMNS = ['metadata', 'details'];

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

function changesOf(given: string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((change) => {
      const at = change.indexOf('=');
      if (at < 1)
        throw new ClaireError('input_invalid', { found: `changes: ${change} is not COLUMN=VALUE.` });
      const column = change.slice(0, at);
      return [column, correctedValue(column, change.slice(at + 1))];
    }),
  );
}

function correctedValue(column: string, text: string): unknown {
  if (text === '') return null;
  if (!JSON_COLUMNS.includes(column)) return text;
  try {
    return parseJson(text);
  } catch (error) {
    throw new ClaireError('input_invalid', {
      found: `changes: ${column} is not JSON: ${text}`,
      cause: error,
    });
  }
}
