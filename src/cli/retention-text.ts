import { toIso } from '../domain/time.js';
import type { Due, RetentionState, RunOfTable, Standing } from '../upkeep/index.js';
import { bytesText, type Cells, counted, list, table } from './print.js';

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
  [1, 's'],
] as const;

/** `30d`, `12h`, or for ever. */
export function termText(seconds: number | null): string {
  if (seconds === null) return 'for ever';
  const [size, unit] = UNITS.find(([size]) => seconds % size === 0)!;
  return `${seconds / size}${unit}`;
}

const number = (value: number) => value.toLocaleString('en-US');
const moment = (ms: number | null) => (ms === null ? '' : toIso(ms));

/** What goes, or would: a line a table. */
export const dueText = (due: readonly Due[]): string =>
  table(
    ['table', 'rows', 'size', 'oldest', 'newest'],
    due.map(
      (one): Cells => [
        one.table,
        number(one.rows),
        bytesText(one.bytes),
        moment(one.oldest_ms),
        moment(one.newest_ms),
      ],
    ),
  );

export function stateText({ tables, due, covered }: RetentionState): string {
  const rows = (of: readonly Due[], { table }: Standing) =>
    number(of.find((one) => one.table === table)?.rows ?? 0);
  const horizons = table(
    ['table', 'kept for', 'oldest', 'due', 'due in a backup', 'waiting', 'looked at up to'],
    [
      ...tables.map(
        (one): Cells => [
          ...[one.table, termText(one.keep_seconds), moment(one.oldest_ms), rows(due, one)],
          ...[
            covered ? rows(covered, one) : '',
            number(one.waiting),
            one.table === 'candles' ? '' : one.watermark,
          ],
        ],
      ),
      ['trades', 'for ever'],
    ],
  );
  const last = tables.filter(({ last_run }) => last_run !== null).map(lastText);
  const waiting = tables.find((one) => one.table === 'orders')!.waiting;
  return [
    horizons,
    last.length > 0 ? list(last) : 'Retention has not run yet: `claire up` does it every hour.',
    ...(covered ? [] : ['No verified backup of this book lies here: nothing goes until there is one.']),
    ...(waiting > 0
      ? [
          `${counted(waiting, 'order is', 'orders are')} past the horizon and cannot go: PENDING, reserving, or changed since the backup. See \`claire reservations list\`.`,
        ]
      : []),
  ].join('\n\n');
}

function lastText({ table, last_run }: Standing): [string, string] {
  const { ended_at, outcome, removed, bytes, backup } = last_run!;
  const by = backup === null ? 'without a backup' : `in backup ${backup}`;
  return [
    `last run, ${table}`,
    `${toIso(ended_at)} ${outcome}: ${counted(removed, 'row')} removed, ${bytesText(bytes)}, ${by}`,
  ];
}

export const runsText = (runs: readonly RunOfTable[]): string =>
  table(
    ['table', 'looked at', 'removed', ''],
    runs.map(
      ({ table, run, looked, removed, outcome }): Cells =>
        run === null ? [table, '', '', 'kept for ever'] : [table, number(looked), number(removed), outcome],
    ),
  );
