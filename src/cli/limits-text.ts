import type { Claire } from '../claire.js';
import { toIso } from '../domain/time.js';
import { out } from '../operations/fields.js';
import { LIMITS } from '../operations/index.js';
import { innermost, isOf } from '../operations/shapes.js';
import { list } from './print.js';

export type LimitsRow = Awaited<ReturnType<Claire['limits']>>[number];
export type RiskState = Awaited<ReturnType<Claire['riskState']>>;
type Capital = Awaited<ReturnType<Claire['capital']>>[number];
export type LimitName = keyof typeof LIMITS;

export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[];
/** Limits of a book that may also be set for one symbol. */
const OF_A_SYMBOL: readonly LimitName[] = ['max_position', 'max_order_size'];

export const isWhole = (name: LimitName) => isOf(LIMITS[name], out.count);
const isNumber = (name: LimitName) => isWhole(name) || isOf(LIMITS[name], out.decimal);
/** The words that may be said of it; undefined where it is not one of words. */
export const wordsOf = (name: LimitName) => (innermost(LIMITS[name]) as { options?: string[] }).options;

/** How many limits are set: what stops orders, and not how a book is run. */
export const countLimits = (rows: readonly LimitsRow[]): number =>
  rows.flatMap((row) => LIMIT_NAMES.filter((name) => isNumber(name) && row[name] !== null)).length;

/** Name and meaning of each limit, for --help. */
export const limitsHelp = (): string =>
  list(LIMIT_NAMES.map((name) => [name, `${LIMITS[name].meta()?.description}${choicesOf(name)}`]));

const choicesOf = (name: LimitName): string => {
  const words = wordsOf(name);
  return words ? ` (${words.join(', ')})` : '';
};

/** The limits of the book or of a symbol: what is set with its meaning, and in short what is not. */
export function limitsText(row: LimitsRow, book: string): string {
  const names = row.symbol === null ? LIMIT_NAMES : OF_A_SYMBOL;
  const set = names.filter((name) => row[name] !== null);
  const values = set.map((name) => String(row[name]));
  const width = Math.max(0, ...values.map((value) => value.length));
  const lines = set.map(
    (name, at) => [name, `${values[at]!.padEnd(width)}  ${LIMITS[name].meta()?.description}`] as const,
  );
  const absent = names.filter((name) => row[name] === null);
  const otherwise = row.symbol === null ? 'No limit' : 'As the book';
  return [
    `Limits of ${row.symbol === null ? `book ${book}` : row.symbol}, version ${row.version}:`,
    ...(lines.length > 0 ? [list(lines)] : []),
    ...(absent.length > 0 ? [`${otherwise}: ${absent.join(', ')}`] : []),
    `Set ${whenAndWho(row.created_at, row)}`,
  ].join('\n');
}

/** What counts toward the limits at this moment, and of what a drawdown in percent is a part. */
export const countedText = (state: RiskState, capital: Capital | undefined): string =>
  [
    'What counts toward them now:',
    list([
      ['exposure', `${state.exposure} of open trades, and ${state.reserved} that PENDING orders reserve`],
      ['open trades', `${state.open_trades}, PENDING openings included`],
      ['capital', capital ? capitalText(capital) : 'not recorded'],
      ['trading', haltedText(state)],
    ]),
  ].join('\n');

const capitalText = ({ amount, since }: Capital): string =>
  since === null ? amount : `${amount} from ${toIso(since)} on`;

/** Whether trading is halted, in one line. */
export function haltedText({ halt }: Pick<RiskState, 'halt'>): string {
  if (!halt) return 'not halted';
  const end = halt.until === null ? '' : ` until ${toIso(halt.until)}`;
  const cause = halt.cause === 'drawdown' ? 'the circuit breaker, ' : '';
  return `HALTED${end} since ${toIso(halt.timestamp)} by ${cause}${halt.actor}: ${halt.reason}`;
}

const whenAndWho = (at: number, { actor, reason }: { actor: string; reason: string }): string =>
  `${toIso(at)} by ${actor}: ${reason}`;
