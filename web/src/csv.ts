import { type Caller, type Filters, pages } from './api.js';
import type { Trade } from './record.js';

/** As the record names them: what comes out goes in again by `claire import`. */
const COLUMNS = [
  ...['trade_id', 'order_id', 'symbol', 'side', 'quantity', 'entry_price', 'entry_timestamp', 'exit_price'],
  ...['exit_timestamp', 'status', 'pnl', 'pnl_pct', 'pnl_net', 'commission'],
] as (keyof Trade)[];

const cell = (value: string | number | null): string => {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvOf = (rows: readonly Trade[]): string =>
  rows.map((row) => `${COLUMNS.map((column) => cell(row[column])).join(',')}\r\n`).join('');

/** Every page of what is asked for, as a file of the browser. @throws ApiError */
export async function exportTrades(
  caller: Caller,
  filters: Filters,
  onProgress: (rows: number) => void,
): Promise<void> {
  const parts = [`${COLUMNS.join(',')}\r\n`];
  let rows = 0;
  for await (const page of pages<Trade>(caller, '/v1/trades', filters)) {
    parts.push(csvOf(page.rows));
    rows += page.rows.length;
    onProgress(rows);
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type: 'text/csv' }));
  link.download = `trades-${caller.book ?? 'book'}-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  // Not at once: the browser takes the file after the click returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
