import type { Applied, Row, TableDiff } from '../backup/index.js';
import { type Cells, counted, table } from './print.js';

/** How a table differs from a backup, and what to type next. */
export function diffText(diff: TableDiff, taken_ms: number): string {
  const { missing, different, extra, since, rows } = diff;
  const taken = `${new Date(taken_ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const counts: Cells[] = [
    ['missing', count(missing.rows), 'in the backup, and not in the table'],
    ['different', count(different.rows), 'in both, with other values'],
    ['extra', count(extra.rows), 'in the table only, though the backup should have them; they stay'],
    ['recorded since', count(since.recorded), ''],
    ['changed since', count(since.changed), 'filled, closed or corrected; they stay'],
    ['in quarantine', count(since.quarantined), 'they left by decision, and stay there'],
    ['expired', count(since.expired), 'gone by retention; --expired brings these back too'],
  ];
  const shown = counts.filter(
    ([name, number]) => ['missing', 'different', 'extra'].includes(name!) || number !== '0',
  );
  return [
    `Table ${diff.table} of book ${diff.book} has ${counted(rows.live, 'row')}; in ${diff.backup}, taken ${taken}, it has ${count(rows.backup)}.`,
    table(['', 'rows', ''], shown),
    ...section('Missing', missing.rows, rowsText(missing.examples)),
    ...section('Different', different.rows, differentText(diff)),
    ...section('Extra', extra.rows, rowsText(extra.examples)),
    '',
    ...next(diff),
  ].join('\n');
}

/** What came back, and whether the laws hold. */
export function appliedText(applied: Applied, broken: readonly string[]): string {
  const { rows, corrections, companions, apply, book } = applied;
  if (rows === 0) return `Nothing of ${applied.table} is ${apply}: nothing was changed.`;
  const verb = apply === 'missing' ? 'came back' : rows === 1 ? 'is as it was' : 'are as they were';
  const also = Object.entries(companions).map(([name, number]) => `${count(number)} of ${name}`);
  return [
    `${counted(rows, 'row')} of ${applied.table} ${verb}, as in ${applied.backup}; ${counted(corrections, 'line')} in corrections ${corrections === 1 ? 'tells' : 'tell'} of it.`,
    ...(also.length > 0 ? [`With them came ${also.join(' and ')}.`] : []),
    broken.length === 0
      ? 'All laws of the record hold.'
      : `These laws are broken now: ${broken.join(' ')} See \`claire verify --book ${book}\`.`,
  ].join('\n');
}

const count = (number: number): string => number.toLocaleString('en-US');

function next({ missing, different, backup, table: name, book }: TableDiff): string[] {
  if (missing.rows + different.rows === 0)
    return ['Nothing is missing or different: there is nothing to bring back.'];
  const command = (apply: string) =>
    `  claire restore ${backup} --book ${book} --table ${name} --apply ${apply}`;
  return [
    'Nothing was changed. To bring rows back, type:',
    ...(missing.rows > 0 ? [command('missing')] : []),
    ...(different.rows > 0 ? [command('different')] : []),
  ];
}

function section(title: string, rows: number, text: string): string[] {
  if (rows === 0) return [];
  return ['', `${title}:`, text];
}

/** What a row is known by, of all its columns; the rest is in --json. */
const SHOWN = [
  ...['id', 'signal_id', 'order_id', 'trade_id', 'event_id', 'symbol', 'side', 'status', 'quantity', 'price'],
  ...['entry_price', 'exit_price', 'pnl', 'event_type', 'decision', 'to_status', 'timestamp', 'created_at'],
];

function rowsText(rows: readonly Row[]): string {
  const head = SHOWN.filter((column) =>
    rows.some((row) => row[column] !== undefined && row[column] !== null),
  );
  return table(
    head,
    rows.map((row) => head.map((column) => row[column])),
  );
}

const NAMES = ['trade_id', 'order_id', 'signal_id', 'event_id', 'symbol', 'id'];

function differentText({ different, table: of }: TableDiff): string {
  const own: Record<string, string> = { signals: 'signal_id', orders: 'order_id', risk_events: 'event_id' };
  const name = (row: Row) => row[own[of] ?? 'trade_id'] ?? NAMES.map((one) => row[one]).find(Boolean);
  return table(
    ['row', 'column', 'in the backup', 'now'],
    different.examples.flatMap(({ row, columns }) =>
      columns.map(({ column, backup, live }, at) => [at === 0 ? name(row) : '', column, backup, live]),
    ),
  );
}
