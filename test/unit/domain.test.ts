import fc from 'fast-check';
import { LosslessNumber } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { toArrayText, toJson } from '../../src/database/index.js';
import { toDecimal, trimDecimal } from '../../src/domain/decimal.js';
import { toMilliseconds } from '../../src/domain/time.js';

describe('decimals', () => {
  test.each([
    ['43250.50', '43250.5'],
    ['0043', '43'],
    ['-0.000', '0'],
    ['+1.', '1'],
    ['-00.50', '-0.5'],
    [0.1, '0.1'],
    [1e-7, '0.0000001'],
    [123456789012n, '123456789012'],
    ['0', '0'],
    ['100', '100'],
  ])('%s is %s', (given, wanted) => {
    expect(toDecimal(given, 12, 8)).toBe(wanted);
  });

  test.each([
    ['1,5', /found 1,5/],
    ['NaN', /found NaN/],
    [Number.NaN, /not a finite number/],
    [Number.POSITIVE_INFINITY, /not a finite number/],
    ['1e5', /found 1e5/],
    ['', /a decimal is wanted/],
    [' 1', /a decimal is wanted/],
    ['0.123456789', /more than 8 decimals/],
    [0.1 + 0.2, /more than 8 decimals/],
    ['1234567890123', /more than 12 digits/],
    [undefined as never, /found undefined/],
    [null as never, /found null/],
    [{} as never, /found an object/],
    [['5'] as never, /found an object/],
  ])('%s is refused and named', (given, problem) => {
    expect(() => toDecimal(given, 12, 8)).toThrow(problem);
  });

  test('the canonical form keeps the value, whatever the digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }), fc.nat(8), (units, zeros) => {
        const sign = units < 0n ? '-' : '';
        const digits = String(units < 0n ? -units : units).padStart(9, '0');
        const text = `${sign}${digits.slice(0, -8)}.${digits.slice(-8)}${'0'.repeat(zeros)}`;
        const [whole = '', fraction = ''] = trimDecimal(text).replace('-', '').split('.');
        expect(BigInt(whole + fraction.padEnd(8, '0')) * (trimDecimal(text).startsWith('-') ? -1n : 1n)).toBe(
          units,
        );
        expect(trimDecimal(trimDecimal(text))).toBe(trimDecimal(text));
      }),
    );
  });
});

describe('times', () => {
  test.each([
    [1705072800000, 1705072800000],
    [new Date(1705072800000), 1705072800000],
    ['2024-01-12T15:20:00Z', 1705072800000],
    ['2024-01-12T16:20:00+01:00', 1705072800000],
    ['2024-01-12', 1705017600000],
    ['1705072800000', 1705072800000],
  ])('%s is taken', (given, wanted) => {
    expect(toMilliseconds(given)).toBe(wanted);
  });

  test.each([
    [1705072800, /looks like seconds/],
    [1705072800000000, /looks like microseconds/],
    [1.5, /whole number/],
    [Number.NaN, /whole number/],
    [new Date(Number.NaN), /whole number/],
    ['2024-01-12T15:20:00', /ISO time with a zone/],
    ['yesterday', /found yesterday/],
    ['2024-02-30', /there is no day 2024-02-30/],
    ['2023-02-29T10:00:00Z', /there is no day/],
    ['2024-01-12T25:00:00Z', /whole number/],
    [-1, /outside/],
    [undefined as never, /found undefined/],
  ])('%s is refused, not guessed', (given, problem) => {
    expect(() => toMilliseconds(given)).toThrow(problem);
  });
});

describe('the text of an array', () => {
  test('holds every text as it is, and tells NULL from the word', () => {
    const texts = ['a', 'NULL', '', null, undefined, 'a,b', '{}', 'say "so"', 'é😀'];
    const written = String.raw`"a","NULL","",null,null,"a,b","{}","say \"so\"","é😀"`;
    expect(toArrayText(texts)).toBe(`{${written}}`);
    // With what JSON writes in another way.
    expect(toArrayText([...texts, 'a\nb', 'back\\slash'])).toBe(
      `{${written.replaceAll('null', 'NULL')},"a\nb",${String.raw`"back\\slash"`}}`,
    );
    expect(toArrayText([])).toBe('{}');
    expect(toArrayText([1, -2.5])).toBe('{1,-2.5}');
  });
});

describe('JSON that goes into the record', () => {
  test.each([
    ['what JSON has', { a: [1, 'x', null, true, { b: 0.1 }] }, '{"a":[1,"x",null,true,{"b":0.1}]}'],
    ['a bigint', { a: 12345678901234567890n }, '{"a":12345678901234567890}'],
    [
      'a LosslessNumber',
      { a: new LosslessNumber('0.10000000000000000000001') },
      '{"a":0.10000000000000000000001}',
    ],
    ['a Date', { a: undefined, b: new Date(0) }, '{"b":"1970-01-01T00:00:00.000Z"}'],
  ])('%s keeps every digit', (_, value, text) => {
    expect(toJson(value)).toBe(text);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, { deep: [{ a: Number.NaN }] }, undefined])(
    '%s has no form in JSON',
    (value) => {
      expect(() => toJson(value)).toThrow(RangeError);
    },
  );
});
