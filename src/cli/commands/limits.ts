import { ClaireError } from '../../errors/index.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { changesOf } from '../changes.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import {
  countedText,
  isWhole,
  LIMIT_NAMES,
  type LimitName,
  type LimitsRow,
  limitsHelp,
  limitsText,
  wordsOf,
} from '../limits-text.js';
import { list } from '../print.js';
import { withBook } from '../session.js';
import { readCommand } from './reads.js';

const show = defineCommand({
  usage: 'show',
  summary: 'The limits in force, of the book and of symbols, with what counts toward them now.',
  examples: [
    ['limits show', 'what is limited, what it means, and how much of it is used'],
    ['limits show --json', 'the same for a program'],
  ],
  async run(invocation) {
    const { globals, out } = invocation;
    const [limits, state, [capital]] = await withBook(invocation, 'claire_reader', (claire) =>
      Promise.all([claire.limits(), claire.riskState(), claire.capital({ limit: 1 })]),
    );
    out.answer({ book: globals.book, limits, state, capital: capital ?? null }, () =>
      [...limits.map((row) => limitsText(row, globals.book)), countedText(state, capital)].join('\n\n'),
    );
    return undefined;
  },
});

const set = defineCommand({
  usage: 'set <limits...>',
  summary: operations.setLimits.summary,
  details:
    'LIMITS are NAME=VALUE; nothing after the sign takes the limit away. A drawdown is a loss: -500, or -5 for 5 %.\n' +
    `The database decides what makes sense.\n\n${limitsHelp()}`,
  options: [
    option('--reason <text>', 'why, in words for people').makeOptionMandatory(),
    option('--symbol <symbol>', 'for one symbol: max_position and max_order_size'),
    option('--new-symbol', 'nothing is recorded for the symbol yet, and that is right'),
  ],
  examples: [
    ['limits set max_exposure=5000 max_drawdown=-500 --reason "first week"', 'two limits of the book'],
    ['limits set max_position=800 --symbol DOGEUSDT --reason "thin market"', 'one of a symbol'],
    ['limits set max_order_size= --reason "orders are sized by the engine"', 'takes it away'],
  ],
  async run(invocation) {
    const { globals, options, out } = invocation;
    const changes = changesOf(invocation.args, 'NAME=VALUE') as Record<string, string | null>;
    for (const [name, value] of Object.entries(changes)) check(name, value);
    const symbol = options.symbol as string | undefined;
    const input = {
      changes,
      ...(symbol === undefined ? {} : { symbol }),
      new_symbol: options.newSymbol === true,
      reason: options.reason as string,
    };
    parseInput(operations.setLimits.input, input);
    const [before, after, version] = await withBook(invocation, 'claire_operator', async (claire) => {
      const inForce = async () => (await claire.limits()).find((row) => row.symbol === (symbol ?? null));
      const before = await inForce();
      const { version } = await claire.setLimits(input);
      return [before, (await inForce())!, version] as const;
    });
    const isNew = before?.version !== version;
    const changed = isNew ? differences(before, after) : [];
    out.answer({ book: globals.book, symbol: symbol ?? null, version, changed }, () => {
      const scope = symbol ?? `book ${globals.book}`;
      return isNew
        ? `Version ${version} of the limits of ${scope}:\n${changesText(changed)}`
        : `Nothing changed: these are the limits of ${scope} already, version ${version}.`;
    });
    return undefined;
  },
});

/** Whether the value has the form of its limit. What makes sense is for the database to say. */
function check(name: string, value: string | null): void {
  if (!(LIMIT_NAMES as string[]).includes(name)) {
    throw new ClaireError('input_invalid', {
      found: `There is no limit ${name}; there are ${LIMIT_NAMES.join(', ')}.`,
    });
  }
  if (value === null) return;
  const wanted = formOf(name as LimitName);
  if (wanted.test(value)) return;
  throw new ClaireError('input_invalid', { found: `${name}: ${wanted.name} is wanted, found ${value}.` });
}

function formOf(name: LimitName): { name: string; test(value: string): boolean } {
  const words = wordsOf(name);
  if (words) return { name: words.join(' or '), test: (value) => words.includes(value) };
  if (name === 'time_zone') return { name: 'a time zone', test: () => true };
  const form = isWhole(name) ? /^-?\d{1,15}$/ : /^-?\d+(\.\d+)?$/;
  return { name: isWhole(name) ? 'a whole number' : 'a decimal', test: (value) => form.test(value) };
}

interface Change {
  name: LimitName;
  before: string | number | null;
  after: string | number | null;
}

const differences = (before: LimitsRow | undefined, after: LimitsRow): Change[] =>
  LIMIT_NAMES.map((name) => ({ name, before: before?.[name] ?? null, after: after[name] })).filter(
    ({ before, after }) => before !== after,
  );

const changesText = (changes: readonly Change[]): string =>
  list(changes.map(({ name, before, after }) => [name, `${after ?? 'none'} (before: ${before ?? 'none'})`]));

const history = readCommand('limitsHistory', {
  usage: 'history',
  examples: [['limits history --limit 5', 'the last versions, with who set them and why']],
  rows: 'limits',
  hidden: [],
  sparse: true,
});

export const limits: AddCommand = (parent, runtime) => {
  const group = parent.command('limits').summary('The limits by which orders are decided: shows, sets them.');
  group.description(
    'Shows and sets the limits by which orders are decided. Each change is a version, with who and why.',
  );
  for (const add of [show, set, history]) add(group, runtime);
};
