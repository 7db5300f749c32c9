import { Big } from 'big.js';

/** A decimal number as text in its canonical form: no exponent, no trailing zeros, no `-0`. */
export type Decimal = string;

/** What may be given where a decimal is wanted. A number is taken by its shortest decimal form. */
export type DecimalInput = string | number | bigint;

const PLAIN = /^[+-]?(\d+)(?:\.(\d*))?$/;

/**
 * Brings a decimal to its canonical text without ever computing with a float.
 * @throws RangeError where it is not a finite decimal or does not fit `digits` before and `scale` after the point.
 */
export function toDecimal(value: DecimalInput, digits: number, scale: number): Decimal {
  const quick = typeof value === 'object' ? undefined : simple(String(value), digits, scale);
  if (quick !== undefined) return quick;
  const text = typeof value === 'number' ? shortest(value) : plain(value);
  if (!PLAIN.test(text)) throw new RangeError(`a decimal is wanted, found ${text.slice(0, 60)}`);
  const decimal = trimDecimal(text);
  const [whole = '', fraction = ''] = decimal.replace('-', '').split('.');
  if (whole.length > digits) throw new RangeError(`${text} has more than ${digits} digits before the point`);
  if (fraction.length > scale) throw new RangeError(`${text} has more than ${scale} decimals`);
  return decimal;
}

const SIMPLE = /^(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** Nearly all that is given has this form. Asked first, because batches are made of it. */
function simple(text: string, digits: number, scale: number): Decimal | undefined {
  if (!SIMPLE.test(text)) return undefined;
  const decimal = trimDecimal(text);
  const point = decimal.indexOf('.');
  const fits = point < 0 ? decimal.length <= digits : point <= digits && decimal.length - point - 1 <= scale;
  return fits ? decimal : undefined;
}

/** The canonical form of a decimal that is known to be one (as the database writes it). */
export function trimDecimal(text: string): Decimal {
  const negative = text.startsWith('-');
  let body = negative || text.startsWith('+') ? text.slice(1) : text;
  if (body.includes('.')) {
    let end = body.length;
    while (body[end - 1] === '0') end--;
    if (body[end - 1] === '.') end--;
    if (end < body.length) body = body.slice(0, end);
  }
  if (body.startsWith('0') && body.length > 1) body = body.replace(/^0+(?=\d)/, '');
  return negative && body !== '0' ? `-${body}` : body;
}

/** String() would make a decimal of an array that holds one. */
const plain = (value: unknown): string =>
  typeof value === 'object' && value !== null ? 'an object' : String(value);

function shortest(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a finite number`);
  return new Big(String(value)).toFixed();
}
