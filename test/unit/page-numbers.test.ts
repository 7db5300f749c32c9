import Big from 'big.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { add, compare, multiply, percent, show, subtract, sum } from '../../web/src/exact.js';
import { ago, beginOfDay, bytes, dayGiven, moment, span } from '../../web/src/time.js';

/** Decimals as PostgreSQL writes them: no exponent, zeros at the end allowed. */
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt(0n, 10n ** 24n), fc.integer({ min: 0, max: 20 }))
  .map(([isBelow, units, scale]) => {
    const digits = String(units).padStart(scale + 1, '0');
    const decimals = scale === 0 ? '' : `.${digits.slice(-scale)}`;
    return `${isBelow ? '-' : ''}${scale === 0 ? digits : digits.slice(0, -scale)}${decimals}`;
  });
const plain = (text: string): string => new Big(text).toFixed().replace(/^-0$/, '0');

test('what the page adds, multiplies and compares is exact to the last digit', () => {
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      expect(plain(add(a, b))).toBe(new Big(a).plus(b).toFixed());
      expect(plain(subtract(a, b))).toBe(new Big(a).minus(b).toFixed());
      expect(plain(multiply(a, b))).toBe(plain(new Big(a).times(b).toFixed()));
      expect(compare(a, b)).toBe(new Big(a).cmp(b));
    }),
  );
});

test('a shown decimal has every digit, groups and a real minus', () => {
  fc.assert(
    fc.property(decimal, (text) => {
      const shown = show(text).replaceAll(',', '').replace('−', '-');
      expect(plain(shown)).toBe(plain(text));
    }),
  );
  expect(show('1234567.89000000')).toBe('1,234,567.89');
  expect(show('-0.00000001')).toBe('−0.00000001');
  expect(show('5000', { sign: true })).toBe('+5,000');
  expect(show('0', { sign: true })).toBe('0');
  expect(show('123456789012345678901234.5')).toBe('123,456,789,012,345,678,901,234.5');
});

test('rounding is half away from zero, and never says a minus of nothing', () => {
  expect(show('2.345', { decimals: 2 })).toBe('2.35');
  expect(show('-2.345', { decimals: 2 })).toBe('−2.35');
  expect(show('-0.001', { decimals: 2 })).toBe('0');
  expect(show('-0.001', { decimals: 2, fixed: 2 })).toBe('0.00');
  expect(show('7', { decimals: 2, fixed: 2 })).toBe('7.00');
});

test('a share of a limit has one decimal, and of no limit there is none', () => {
  expect(percent('4150.004', '5000')).toBe('83');
  expect(percent('1', '3')).toBe('33.3');
  expect(percent('1', '0')).toBeUndefined();
});

test.each(['NaN', '1e5', '', '1,000', 'Infinity', '.5'])(
  '%j is no decimal and is not shown as one',
  (text) => {
    expect(() => show(text)).toThrow(RangeError);
  },
);

test('the sum of nothing is nothing', () => {
  expect(sum([])).toBe('0');
});

test('an age has one unit that can be read at a glance', () => {
  expect([0, 3000, 119_000, 180_000, 7_200_000].map((ms) => span(ms))).toEqual([
    ...['0 s', '3 s', '119 s', '3 min', '2 h'],
  ]);
  expect(ago(0, 6.6 * 365.25 * 86_400_000)).toBe('6 years ago');
});

test('a day begins at midnight of its zone, also on the days on which clocks are changed', () => {
  const begins = (now: string, zone: string) => new Date(beginOfDay(Date.parse(now), zone)).toISOString();
  expect(begins('2026-11-23T12:30:15.250Z', 'UTC')).toBe('2026-11-23T00:00:00.000Z');
  expect(begins('2026-07-01T23:30:00Z', 'Europe/Berlin')).toBe('2026-07-01T22:00:00.000Z');
  expect(begins('2026-03-29T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-28T23:00:00.000Z');
  expect(begins('2026-10-25T12:00:00Z', 'Europe/Berlin')).toBe('2026-10-24T22:00:00.000Z');
  expect(begins('2026-11-23T02:00:00Z', 'America/New_York')).toBe('2026-11-22T05:00:00.000Z');
});

test('days, moments and sizes are written short', () => {
  expect(dayGiven('2020-02-24')).toBe(Date.UTC(2020, 1, 24));
  expect(dayGiven('yesterday')).toBeUndefined();
  expect(moment(Date.UTC(2020, 1, 24))).toBe('2020-02-24');
  expect(moment(Date.UTC(2020, 1, 24, 9, 5))).toBe('2020-02-24 09:05:00');
  expect([0, 999, 1500, 2_340_000].map(bytes)).toEqual(['0 B', '999 B', '1.5 kB', '2.3 MB']);
});
