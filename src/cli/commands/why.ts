import { toIso } from '../../domain/time.js';
import { ClaireError } from '../../errors/index.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { MOMENTS, momentGiven } from '../moments.js';
import { counted, grouped, table } from '../print.js';
import { withBook } from '../session.js';
import { type Chain, chainText } from '../why-text.js';

const FILTERS = ['since', 'until', 'symbol'] as const;

export const why = defineCommand({
  usage: 'why [id]',
  summary: 'Why: the whole chain of a signal, order or trade; or why signals led to nothing.',
  details: `ID is that of a signal, an order or a trade. ${MOMENTS}`,
  options: [
    option('--not-traded', 'signals that led to nothing, grouped by reason'),
    option('--since <time>', 'with --not-traded: market time of the signal from which on'),
    option('--until <time>', 'with --not-traded: market time up to which'),
    option('--symbol <symbol>', 'with --not-traded: signals of one symbol'),
  ],
  examples: [
    ['why sig_001', 'what became of a signal, by which limits and numbers'],
    ['why --not-traded --since 1d', 'why the signals of the last day led to nothing'],
  ],
  async run(invocation) {
    const { args, options } = invocation;
    const [id] = args;
    const filters = FILTERS.filter((name) => options[name] !== undefined);
    if ((id === undefined) === (options.notTraded === undefined)) {
      throw new ClaireError('usage_invalid', { found: 'Give an id or --not-traded, one of them.' });
    }
    if (id === undefined) return tellNotTraded(invocation);
    if (filters.length > 0) {
      throw new ClaireError('usage_invalid', { found: `--${filters[0]} belongs to --not-traded.` });
    }
    parseInput(operations.why.input, { id });
    const chain = await withBook(invocation, 'claire_reader', (claire) => claire.why({ id }));
    invocation.out.answer(chain, () => chainText(chain as unknown as Chain));
    return undefined;
  },
});

async function tellNotTraded(invocation: Invocation): Promise<undefined> {
  const { options, globals, out } = invocation;
  const given = Object.fromEntries(
    FILTERS.flatMap((name) => {
      const value = options[name] as string | undefined;
      return value === undefined ? [] : [[name, name === 'symbol' ? value : momentGiven(value)]];
    }),
  );
  parseInput(operations.notTraded.input, given);
  const groups = await withBook(invocation, 'claire_reader', (claire) => claire.notTraded(given));
  out.answer(groups, () => {
    if (groups.length === 0) return `No such signal of book ${globals.book} led to nothing.`;
    const total = groups.reduce((sum, { signals }) => sum + signals, 0);
    return [
      table(
        ['signals', 'reason', 'first', 'last', 'newest'],
        groups.map(({ signals, reason, first, last, newest }) => [
          grouped(signals),
          ...[reason, toIso(first), toIso(last), newestText(newest, signals)],
        ]),
      ),
      `${counted(total, 'signal')} led to nothing. \`claire why ID\` tells the whole of one.`,
    ].join('\n');
  });
  return undefined;
}

/** How many ids people are shown; programs get all that the read gives. */
const SHOWN = 3;

const newestText = (ids: readonly string[], count: number): string =>
  `${ids.slice(0, SHOWN).join(', ')}${count > SHOWN ? ', …' : ''}`;
