import { toIso } from '../../domain/time.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { MOMENTS, momentGiven } from '../moments.js';
import { withBook } from '../session.js';
import { readCommand } from './reads.js';

const set = defineCommand({
  usage: 'set <amount>',
  summary: operations.setCapital.summary,
  details: MOMENTS,
  options: [
    option('--reason <text>', 'why, in words for people').makeOptionMandatory(),
    option('--since <time>', 'market time from which on it holds; from ever where left out'),
  ],
  examples: [
    ['capital set 10000 --reason "opening balance"', 'of which max_drawdown_pct is a percentage'],
    ['capital set 12500 --since 2024-02-01 --reason "paid in"', 'for the days from then on'],
  ],
  async run(invocation) {
    const { args, options, globals, out } = invocation;
    const since = options.since as string | undefined;
    const input = {
      amount: args[0]!,
      ...(since === undefined ? {} : { since: momentGiven(since) }),
      reason: options.reason as string,
    };
    const parsed = parseInput(operations.setCapital.input, input);
    const [before, version] = await withBook(invocation, 'claire_operator', async (claire) => {
      const [newest] = await claire.capital({ limit: 1 });
      const { version } = await claire.setCapital(input);
      return [newest?.version, version] as const;
    });
    const from = parsed.since === undefined ? '' : ` from ${toIso(parsed.since)} on`;
    const isNew = before !== version;
    out.answer({ book: globals.book, version, changed: isNew }, () =>
      isNew
        ? `Version ${version} of the capital of book ${globals.book}: ${parsed.amount}${from}.`
        : `Nothing changed: this is the capital of book ${globals.book} already, version ${version}.`,
    );
    return undefined;
  },
});

const history = readCommand('capital', {
  usage: 'history',
  examples: [['capital history', 'every version, with who set it and why']],
  rows: 'capital',
  hidden: [],
});

export const capital: AddCommand = (parent, runtime) => {
  const group = parent
    .command('capital')
    .summary('The balance of which a drawdown in percent is a part: sets it, lists its versions.');
  group.description(
    'Sets and lists the balance with which a day begins, of which a drawdown is a percentage.',
  );
  for (const add of [set, history]) add(group, runtime);
};
