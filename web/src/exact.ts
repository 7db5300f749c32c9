/** Money is decimal text from the record to the screen: added, multiplied and shown without a float. */

export interface Shown {
  /** `+` before what is above 0. */
  sign?: boolean;
  /** Most decimals; what is cut is rounded, half away from 0. All of them where left out. */
  decimals?: number;
  /** Decimals that always stand, so that a column of them lines up. */
  fixed?: number;
}

interface Decimal {
  units: bigint;
  scale: number;
}

const TEXT = /^(-?)(\d+)(?:\.(\d+))?$/;
const power = (scale: number): bigint => 10n ** BigInt(scale);
const magnitude = (units: bigint): bigint => (units < 0n ? -units : units);

/** @throws RangeError of what is no decimal, NaN and exponents included */
function parse(text: string): Decimal {
  const [, sign = '', whole, decimals = ''] = TEXT.exec(text) ?? [];
  if (whole === undefined) throw new RangeError(`${text} is no decimal`);
  return { units: BigInt(sign + whole + decimals), scale: decimals.length };
}

export const isDecimal = (text: string): boolean => TEXT.test(text);

function print({ units, scale }: Decimal): string {
  const digits = String(magnitude(units)).padStart(scale + 1, '0');
  const [whole, decimals] = [digits.slice(0, digits.length - scale), digits.slice(digits.length - scale)];
  const trimmed = decimals.replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${trimmed && `.${trimmed}`}`;
}

function together(a: string, b: string): [bigint, bigint, number] {
  const [left, right] = [parse(a), parse(b)];
  const scale = Math.max(left.scale, right.scale);
  return [left.units * power(scale - left.scale), right.units * power(scale - right.scale), scale];
}

export function add(a: string, b: string): string {
  const [left, right, scale] = together(a, b);
  return print({ units: left + right, scale });
}

export const negate = (text: string): string => {
  const { units, scale } = parse(text);
  return print({ units: -units, scale });
};

export const subtract = (a: string, b: string): string => add(a, negate(b));
export const sum = (all: Iterable<string>): string => [...all].reduce(add, '0');

export function multiply(a: string, b: string): string {
  const [left, right] = [parse(a), parse(b)];
  return print({ units: left.units * right.units, scale: left.scale + right.scale });
}

export function compare(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = together(a, b);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

export const signOf = (text: string): -1 | 0 | 1 => compare(text, '0');
export const absolute = (text: string): string => (signOf(text) < 0 ? negate(text) : text);

/** a / b in percent, with one decimal; undefined where b is 0. */
export function percent(a: string, b: string): string | undefined {
  const [left, right] = together(a, b);
  if (right === 0n) return undefined;
  return round({ units: (left * 10n ** 6n) / right, scale: 4 }, 1);
}

/** For the width of a bar and the height of a point, and for nothing that is read as a number. */
export const pixels = (text: string): number => Number(text);

function round({ units, scale }: Decimal, most: number): string {
  if (scale <= most) return print({ units, scale });
  const cut = power(scale - most);
  const half = units < 0n ? -cut / 2n : cut / 2n;
  return print({ units: (units + half) / cut, scale: most });
}

/** Grouped by thousands, without zeros that say nothing, with a real minus. */
export function show(text: string, { sign = false, decimals, fixed = 0 }: Shown = {}): string {
  const exact = parse(text);
  const rounded = decimals === undefined ? print(exact) : round(exact, decimals);
  const [whole = '', rest = ''] = rounded.replace('-', '').split('.');
  const padded = rest.padEnd(fixed, '0');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const before = rounded.startsWith('-') ? '−' : sign && signOf(rounded) > 0 ? '+' : '';
  return `${before}${grouped}${padded && `.${padded}`}`;
}

export const count = (n: number): string => show(String(n));
/** `1 trade`, `2,000 trades`. */
export const many = (n: number, thing: string): string => `${count(n)} ${thing}${n === 1 ? '' : 's'}`;
