import { isDecimal } from './exact.js';
import type { Trade } from './record.js';

/** As the record names them: what comes out goes in again by `claire import`, but for text with an apostrophe (below). */
const COLUMNS = [
  ...['trade_id', 'order_id', 'symbol', 'side', 'quantity', 'entry_price', 'entry_timestamp', 'exit_price'],
  ...['exit_timestamp', 'status', 'pnl', 'pnl_pct', 'pnl_net', 'commission'],
] as (keyof Trade)[];

export const HEADER = `${COLUMNS.join(',')}\r\n`;

/** Spreadsheets run what begins with one of these as a formula: an apostrophe before it makes it text. */
const isFormula = (text: string): boolean => /^[=+\-@\t\r]/.test(text) && !isDecimal(text);

function cell(value: string | number | null): string {
  const given = value === null ? '' : String(value);
  const text = isFormula(given) ? `'${given}` : given;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csvOf = (rows: readonly Trade[]): string =>
  rows.map((row) => `${COLUMNS.map((column) => cell(row[column])).join(',')}\r\n`).join('');
