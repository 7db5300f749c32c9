import { type Decimal, toDecimal } from '../../domain/decimal.js';
import { type Milliseconds, toIso } from '../../domain/time.js';
import { decimal } from '../decimals.js';
import type { Candle } from './candle.js';
import type { Layout } from './layouts.js';

/**
 * A line as a candle. The record holds the same laws; they stand here as well because only here the line is known.
 * @throws RangeError saying what was found.
 */
export function toCandle(
  symbol: string,
  layout: Layout,
  cells: readonly string[],
  previous: Milliseconds | undefined,
): Candle {
  const cell = (column: string) => cells[layout.columns.indexOf(column)]!;
  const timestamp = layout.time(cells[0]!);
  if (previous !== undefined && timestamp <= previous) {
    const found = timestamp === previous ? 'is there twice' : `comes after ${toIso(previous)}`;
    throw new RangeError(`the time ${toIso(timestamp)} ${found}; candles must be sorted, each time once`);
  }
  const candle: Candle = {
    symbol,
    timestamp,
    open: price('open', cell('open')),
    high: price('high', cell('high')),
    low: price('low', cell('low')),
    close: price('close', cell('close')),
    volume: number('volume', cell('volume'), 18, 12),
  };
  if (candle.volume.startsWith('-')) throw new RangeError(`volume ${candle.volume} is below 0`);
  requireRange(candle);
  return candle;
}

function requireRange({ open, high, low, close }: Candle): void {
  if (decimal(high).lt(low))
    throw new RangeError(`high ${high} is below low ${low}; check the order of the columns`);
  for (const [name, value] of [
    ['open', open],
    ['close', close],
  ] as const) {
    if (decimal(value).gt(high)) throw new RangeError(`${name} ${value} is above high ${high}`);
    if (decimal(value).lt(low)) throw new RangeError(`${name} ${value} is below low ${low}`);
  }
}

function price(name: string, text: string): Decimal {
  const value = number(name, text, 12, 8);
  if (value === '0' || value.startsWith('-')) throw new RangeError(`${name} ${value} is not above 0`);
  return value;
}

function number(name: string, text: string, digits: number, scale: number): Decimal {
  if (text === '') throw new RangeError(`${name} is missing`);
  try {
    return toDecimal(text, digits, scale);
  } catch (error) {
    throw new RangeError(`${name}: ${(error as Error).message}`);
  }
}
