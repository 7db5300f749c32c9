import { type Milliseconds, toMilliseconds } from '../../domain/time.js';

/** A form of candle file: where the columns are and how its times are written. */
export interface Layout {
  columns: readonly string[];
  /** @throws RangeError saying what was found. */
  time(text: string): Milliseconds;
}

const PRICES = ['open', 'high', 'low', 'close'];

const milliseconds: Layout = { columns: ['timestamp', ...PRICES, 'volume'], time: toMilliseconds };

const days: Layout = {
  columns: ['date', ...PRICES, 'adjclose', 'volume'],
  time(text) {
    const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
    // Some engines roll 31 February over into March.
    if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text) {
      throw new RangeError(`${JSON.stringify(text)} is not a day as 2020-04-17`);
    }
    return toMilliseconds(time);
  },
};

const klines: Layout = {
  columns: [
    'open_time',
    ...PRICES,
    'volume',
    'close_time',
    'quote_volume',
    'count',
    'taker_buy_volume',
    'taker_buy_quote_volume',
    'ignore',
  ],
  // Exchanges went from milliseconds to microseconds in 2025: 13 digits became 16.
  time: (text) => toMilliseconds(/^\d{16}$/.test(text) ? Math.floor(Number(text) / 1000) : text),
};

const WITH_HEADER = [milliseconds, days, klines];
const KNOWN = `\`${milliseconds.columns.join(',')}\``;

export interface Recognised {
  layout: Layout;
  /** The first line is a candle already. */
  headerless: boolean;
}

/**
 * Recognises a file by its first line.
 * @throws RangeError saying what was found and what to do.
 */
export function recogniseLayout(cells: readonly string[]): Recognised {
  const header = cells.join(',').toLowerCase();
  const layout = WITH_HEADER.find(({ columns }) => columns.join(',') === header);
  if (layout) return { layout, headerless: false };
  const numeric = cells.every((cell) => /^[\d.]+$/.test(cell));
  if (numeric && cells.length === klines.columns.length) return { layout: klines, headerless: true };
  if (numeric && cells.length > 1) {
    throw new RangeError(`the header is missing; put ${KNOWN} above the first candle`);
  }
  const shown = JSON.stringify(header.slice(0, 60));
  if (header.includes('"')) throw new RangeError(`${shown} is quoted; write ${KNOWN} without quotes`);
  throw new RangeError(`${shown} is not a header of candles; the columns must be ${KNOWN}`);
}
