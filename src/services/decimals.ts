import { Big } from 'big.js';

/** A constructor of our own: its precision is ours and cannot be moved by another user of big.js in this process. */
const Bounded = Big();
// Prices have 8 decimals at most; 4 more keep rounding out of sight while values stay short after 10^6 candles.
const SCALE = 12;
Bounded.DP = SCALE;
Bounded.RM = Big.roundHalfUp;

/** A decimal to compute with. Quotients have 12 decimals; a product is cut by `bounded`. */
export const decimal = (value: string | number | Big): Big => new Bounded(value);

/** Rounds what an intermediate step produced, so that its digits do not grow with the length of a series. */
export const bounded = (value: Big): Big => value.round(SCALE, Big.roundHalfUp);

/** Plain decimal text, never an exponent. */
export const text = (value: Big): string => (value.eq(0) ? '0' : value.toFixed());

export const sum = (values: Iterable<string | Big>): Big => {
  let total = decimal(0);
  for (const value of values) total = total.plus(value);
  return total;
};
