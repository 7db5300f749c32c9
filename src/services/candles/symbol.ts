import { basename } from 'node:path';
import { ClaireError } from '../../index.js';

// An interval as exchanges write it (1m, 4h, 1d, 1mo), then a year, a month or a day.
const SPAN = /(-\d+(s|m|h|d|w|M|mo))?-\d{4}(-\d{2}){0,2}$/;

/**
 * The symbol that a candle file is about, from its name, in capitals: `BTCUSD.csv` is BTCUSD. An interval and a date at
 * the end, as exchanges and archives add them, do not belong to it: `BTCUSDT-1m-2024-01.csv` is BTCUSDT,
 * `sp500-2000.csv` is SP500.
 * @throws ClaireError candle_file_invalid where that is no symbol of at most 20 letters, digits, `.`, `_`, `-`.
 */
export function symbolOf(file: string): string {
  const symbol = basename(file)
    .replace(/\.[^.]+$/, '')
    .replace(SPAN, '')
    .toUpperCase();
  if (/^[A-Z0-9][A-Z0-9._-]{0,19}$/.test(symbol)) return symbol;
  throw new ClaireError('candle_file_invalid', {
    found: `${file}: its name gives no symbol; name it after one, as BTCUSD.csv.`,
    details: { file },
  });
}
