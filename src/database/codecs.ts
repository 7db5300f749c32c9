import { isSafeNumber, LosslessNumber, parse, stringify } from 'lossless-json';
import { types } from 'pg';
import { trimDecimal } from '../domain/decimal.js';

const { INT8, JSON: JSON_TYPE, JSONB, NUMERIC, TIMESTAMP, TIMESTAMPTZ } = types.builtins;

/** A JSON text as a value. A number that a float cannot hold arrives as its decimal text, never rounded. */
export const parseJson = (text: string): unknown =>
  parse(text, null, { parseNumber: (digits) => (isSafeNumber(digits) ? Number(digits) : digits) });

/** As that, where a number that a float cannot hold arrives as a LosslessNumber: `toJson` writes it as a number again. */
export const parseJsonByDigits = (text: string): unknown =>
  parse(text, null, {
    parseNumber: (digits) => (isSafeNumber(digits) ? Number(digits) : new LosslessNumber(digits)),
  });

/** A JSON text as a value that `toJson` writes again with every digit: its numbers stay what they are in the text. */
export const parseJsonExactly = (text: string): unknown => parse(text);

/**
 * A value as JSON text; LosslessNumber and bigint keep every digit.
 * @throws RangeError where the text would say something else: NaN would become null.
 */
export function toJson(value: unknown): string {
  // The language's own is four times as fast, and knows what these are made of.
  if (isOrdinary(value, DEEPEST)) return JSON.stringify(value);
  const text = stringify(value, (_, part) => {
    if (typeof part === 'number' && !Number.isFinite(part))
      throw new RangeError(`${part} has no form in JSON`);
    return part;
  });
  if (text === undefined) throw new RangeError(`${typeof value} has no form in JSON`);
  return text;
}

/** Deeper than anything that is meant, and far from the end of the stack. */
const DEEPEST = 500;

function isOrdinary(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean';
  if (value === null) return true;
  if (depth === 0) throw new RangeError(`it contains itself, or is nested deeper than ${DEEPEST} levels`);
  const ordinary = (part: unknown) => isOrdinary(part, depth - 1);
  if (Array.isArray(value)) return value.every(ordinary);
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(ordinary);
}

/** Escapes of JSON that an array of PostgreSQL does not know: those of control characters. */
const UNKNOWN_ESCAPE = /\\[^"\\]/;

/**
 * Values as the text of a PostgreSQL array. Nearly always that is their JSON in other brackets: both quote text, both
 * put a backslash before quotes and backslashes, and null is NULL. The language makes it in a tenth of the driver's time.
 */
export function toArrayText(values: readonly (string | number | boolean | null | undefined)[]): string {
  const json = JSON.stringify(values);
  if (!UNKNOWN_ESCAPE.test(json)) return `{${json.slice(1, -1)}}`;
  const elements = values.map((value) =>
    typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : (value ?? 'NULL'),
  );
  return `{${elements.join(',')}}`;
}

function parseInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${text} is too large for a number: cast it to text in SQL`);
  return value;
}

/** Times without zone are UTC by law, so a missing zone means UTC and not the zone of this process. */
const parseTimestamp = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`);

const parsers = new Map<number, (text: string) => unknown>([
  [INT8, parseInteger],
  [NUMERIC, trimDecimal],
  [JSON_TYPE, parseJson],
  [JSONB, parseJson],
  [TIMESTAMP, parseTimestamp],
  [TIMESTAMPTZ, (text) => new Date(text).getTime()],
]);

/**
 * How a column arrives: NUMERIC as decimal text, BIGINT as a number (ids are cast to text in SQL), times as Unix
 * milliseconds, JSON without loss.
 */
export const typeParsers = parsersWith(parsers);

/** As these, where a number in JSON that a float cannot hold stays one. */
export const losslessParsers = parsersWith(
  new Map([...parsers, [JSON_TYPE, parseJsonByDigits], [JSONB, parseJsonByDigits]]),
);

function parsersWith(own: ReadonlyMap<number, (text: string) => unknown>) {
  return {
    getTypeParser(oid: number, format?: 'text' | 'binary') {
      return (format !== 'binary' && own.get(oid)) || types.getTypeParser(oid, format);
    },
  } as typeof types;
}
