import type { Option } from 'commander';
import type { z } from 'zod';
import type { Claire } from '../../claire.js';
import type { Login } from '../../database/embedded/index.js';
import { parseJsonByDigits } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { type AnyOperation, type Operations, operations, type Page } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { innermost } from '../../operations/shapes.js';
import { type AddCommand, type CommandSpec, defineCommand, type Invocation, option } from '../command.js';
import { MOMENTS, momentGiven } from '../moments.js';
import { counted, csv, list, table } from '../print.js';
import { columnsOf, formatCell, type Row } from '../rows.js';
import { withBook } from '../session.js';

/** Reads that have a command of their own, which says more than a list of rows. */
const ELSEWHERE = [
  ...['summary', 'verify', 'quarantined', 'limits', 'limitsHistory', 'capital', 'riskState'],
  ...['reservations', 'why', 'notTraded', 'horizons', 'retentionRuns', 'tokens'],
];

/** Reads that are also for a spreadsheet. */
const WITH_CSV = ['trades', 'corrections', 'quarantined'];

/** What people do not need: the number of a row and the times of recording take the width from the rest. */
const FOR_PROGRAMS = ['id', 'created_at', 'updated_at'];

const EXAMPLES: Record<string, CommandSpec['examples']> = {
  signals: [['signals --symbol BTCUSDT --limit 100', 'the last 100 signals of a symbol']],
  orders: [['orders --status PENDING --json', 'what waits for execution, for a program']],
  trades: [
    ['trades --status CLOSED --since 2024-01-01', 'closed trades with their profit'],
    ['trades --csv > trades.csv', 'every column, for a spreadsheet'],
  ],
  'risk-events': [
    ['risk-events --event-type circuit_breaker_triggered', 'when trading was halted'],
    [`risk-events --contains '{"current_exposure": 4850}'`, 'by what the details contain'],
  ],
  positions: [['positions', 'what is open at this moment']],
  exposure: [['exposure --symbol BTCUSDT', 'long, short, gross and net of a symbol']],
  candles: [['candles --symbol BTCUSDT --since 2024-01-01', 'the candles that were replayed']],
  decisions: [
    ['decisions --signal-id sig_001', 'what was decided of a signal, and by which numbers'],
    ['decisions --limit 20 --json', 'every number of the moment, for a program'],
  ],
  'order-history': [['order-history --order-id ord-sig_001', 'when an order moved, and by whom']],
  halts: [['halts --limit 5', 'the last halts and resumptions, with who and why']],
  corrections: [
    ['corrections --table trades --law closed_trades_have_their_profit', 'profits that a migration mended'],
    ['corrections --csv > corrections.csv', 'every column, for a spreadsheet'],
  ],
  performance: [
    ['performance --since 30d', 'win rate, profit factor and drawdown of a month'],
    ['performance --json', 'with the equity curve, the days and the symbols, for a program'],
  ],
  profit: [['profit --since 2024-01-01 --until 2025-01-01', 'what a year brought']],
};

/** Of a state, when it was recorded is what people ask. */
const APPEARANCES: Record<string, Partial<Appearance>> = {
  orderHistory: { hidden: ['id'] },
  // Hundreds of points are for a page.
  performance: { hidden: ['equity', 'daily', 'by_symbol'] },
};

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The verbs that are commands of this file, by the name of the command. */
export const READS: ReadonlyMap<string, keyof Operations> = new Map(
  Object.entries(operations as Record<string, AnyOperation>)
    .filter(([verb, { kind }]) => kind === 'read' && !ELSEWHERE.includes(verb))
    .map(([verb]) => [kebab(verb), verb as keyof Operations]),
);

/** A command for each read of the registry: its filters become flags, its row becomes the columns. */
export const reads: AddCommand = (parent, runtime) => {
  for (const verb of READS.values()) readCommand(verb, APPEARANCES[verb])(parent, runtime);
};

interface Appearance {
  /** Name of the command. */
  usage: string;
  /** Flags of filters that have another name here, by filter. */
  flags: Readonly<Record<string, string>>;
  examples: CommandSpec['examples'];
  /** How people call the rows. */
  rows: string;
  /** Columns that only programs are shown. */
  hidden: readonly string[];
  /** Columns in which nothing stands are left out, for people. */
  sparse: boolean;
}

/** A read of the registry as a command. */
export function readCommand(
  verb: keyof Operations,
  appearance: Partial<Appearance> = {},
  login: Login = 'claire_reader',
): AddCommand {
  const operation: AnyOperation = operations[verb];
  const usage = kebab(verb);
  const as: Appearance = {
    usage,
    examples: EXAMPLES[usage] ?? [[usage, operation.summary]],
    rows: usage.replaceAll('-', ' '),
    hidden: FOR_PROGRAMS,
    flags: {},
    sparse: false,
    ...appearance,
  };
  const filters = Object.entries<z.ZodType>(operation.input.shape).map(([key, schema]) =>
    filterFlag(key, schema, as.flags[key]),
  );
  const isTimed = filters.some(({ key }) => PLACEHOLDERS[key] === 'time');
  return defineCommand({
    usage: as.usage,
    summary: operation.summary,
    details: `Times are UTC: ISO 8601 for people, Unix milliseconds in JSON. Filters add up.${isTimed ? `\n${MOMENTS}` : ''}`,
    options: [
      ...filters.map(({ flag }) => flag),
      ...(WITH_CSV.includes(verb) ? [option('--csv', 'print comma-separated values with a head line')] : []),
    ],
    examples: as.examples,
    async run(invocation) {
      if (invocation.options.csv && invocation.globals.json) {
        throw new ClaireError('usage_invalid', { found: 'Give --csv or --json, not both.' });
      }
      const input = Object.fromEntries(
        filters
          .map(({ key, flag }) => [key, invocation.options[flag.attributeName()]] as const)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => [key, valueGiven(key, value as string | true)]),
      );
      // Before anything is opened or started: a typing error should cost nothing.
      parseInput(operation.input, input);
      const read = (claire: Claire) => (claire[verb] as (input: unknown) => Promise<Row | Page<Row>>)(input);
      const result = await withBook(invocation, login, read);
      print(invocation, as, operation.result as z.ZodObject, result);
      return undefined;
    },
  });
}

function print(
  { out, options, globals }: Invocation,
  { rows, hidden, sparse }: Appearance,
  shape: z.ZodObject,
  result: Row | Page<Row>,
): void {
  const columns = columnsOf(shape);
  if (!Array.isArray(result)) {
    out.answer(result, () =>
      list(
        columns
          .filter(({ name }) => !hidden.includes(name))
          .map((column) => [column.name, formatCell(column, result[column.name])]),
      ),
    );
    return;
  }
  if (options.csv) {
    const cells = result.map((row) => columns.map((column) => formatCell(column, row[column.name])));
    out.answer(result, () =>
      csv(
        columns.map((column) => column.name),
        cells,
      ),
    );
    return;
  }
  out.answer(result, () => {
    if (result.length === 0) return `There are no such ${rows} in book ${globals.book}.`;
    const shown = columns.filter(
      ({ name }) => !hidden.includes(name) && !(sparse && result.every((row) => row[name] === null)),
    );
    const cells = result.map((row) => shown.map((column) => formatCell(column, row[column.name])));
    const head = shown.map((column) => column.name);
    const limited = result.next ? ` (more with --limit, or --after ${result.next})` : '';
    return `${table(head, cells)}\n${counted(result.length, 'row')}${limited}`;
  });
}

const PLACEHOLDERS: Record<string, string> = {
  since: 'time',
  until: 'time',
  contains: 'json',
  limit: 'rows',
  after: 'cursor',
};

function filterFlag(key: string, schema: z.ZodType, flags?: string): { key: string; flag: Option } {
  const { description, choices, fallback } = describe(schema);
  const placeholder = PLACEHOLDERS[key] ?? key.split('_').at(-1)!;
  const otherwise = fallback === undefined ? '' : ` (default ${String(fallback)})`;
  const value = innermost(schema).type === 'literal' ? '' : ` <${placeholder}>`;
  const named = flags ?? `--${key.replaceAll('_', '-')}${value}`;
  const flag = option(named, `${description}${otherwise}`);
  return { key, flag: choices ? flag.choices(choices) : flag };
}

/** What is known of a filter; the outermost description counts, the inner ones are of the kind of field. */
function describe(schema: z.ZodType): { description: string; choices?: string[]; fallback?: unknown } {
  const known = schema as z.ZodType & {
    unwrap?: () => z.ZodType;
    options?: string[];
    def: { defaultValue?: unknown };
  };
  const inner = known.unwrap ? describe(known.unwrap()) : { description: '' };
  const fallback = known.def.defaultValue ?? (inner as { fallback?: unknown }).fallback;
  const choices = known.type === 'enum' ? known.options : (inner as { choices?: string[] }).choices;
  return {
    description: known.meta()?.description ?? inner.description,
    ...(choices ? { choices } : {}),
    ...(fallback === undefined ? {} : { fallback }),
  };
}

function valueGiven(key: string, value: string | true): unknown {
  if (value === true) return value;
  if (key === 'contains') return jsonGiven(value);
  return PLACEHOLDERS[key] === 'time' ? momentGiven(value) : value;
}

function jsonGiven(text: string): unknown {
  try {
    return parseJsonByDigits(text);
  } catch (error) {
    throw new ClaireError('input_invalid', { found: `contains: it is not JSON: ${text}`, cause: error });
  }
}
