import type { OperationStep, OperationUse, Sampled, StatementUse } from '../doctor/index.js';
import { toIso } from '../domain/time.js';
import { MISSING, type Missing } from '../upkeep/index.js';
import { type Cells, counted, grouped, table } from './print.js';

export interface Queries {
  book: string;
  since_ms: number;
  sampled: Sampled;
  operations: OperationUse[];
  statements: StatementUse[];
}

/** Three digits say enough of what was measured. */
const figure = (value: number | null): string => {
  if (value === null) return '';
  return value >= 100 ? grouped(Math.round(value)) : value.toPrecision(3).replace(/\.?0+$/, '');
};
const percent = (share: number): string => (100 * share).toFixed(1);

const SAMPLED = 'They are sampled once a minute while `claire up` runs.';

/** What keeps samples from being there, and what to do; undefined where nothing does. */
export function unsampledText({ since_ms, missing }: Sampled): string | undefined {
  if (since_ms === null)
    return `Nothing was sampled here yet. ${SAMPLED} Start it, and wait for two minutes.`;
  return missing === null ? undefined : MISSING[missing as Missing];
}

export function queriesText({ book, since_ms, sampled, operations, statements }: Queries): string {
  if (sampled.since_ms === null) return unsampledText(sampled)!;
  const from = toIso(Math.max(since_ms, sampled.since_ms));
  const missing = unsampledText(sampled);
  return [
    operations.length > 0
      ? `Operations of book ${book} since ${from}:\n${operationsText(operations)}`
      : `No service has called an operation of book ${book} since ${from} and written so. Each writes its calls once a minute.`,
    statements.length > 0
      ? `Statements of the database since ${from}:\n${statementsText(statements)}`
      : (missing ?? `No statement was sampled since ${from}. ${SAMPLED}`),
    ...(missing && statements.length > 0 ? [missing] : []),
    ...(sampled.last_ms !== null && Date.now() - sampled.last_ms > LATE_MS
      ? [`The last sample is of ${toIso(sampled.last_ms)}: does \`claire up\` run?`]
      : []),
  ].join('\n\n');
}

const LATE_MS = 180_000;

function operationsText(operations: readonly OperationUse[]): string {
  const byService = operations.some(({ service }) => service !== null);
  return table(
    [
      ...['operation', ...(byService ? ['service'] : []), 'calls', 'per second'],
      ...['p50 ms', 'p95 ms', 'p99 ms', 'mean ms', '% of time', 'errors'],
    ],
    operations.map(
      (one): Cells => [
        ...[one.operation, ...(byService ? [one.service] : []), grouped(one.calls)],
        figure(one.calls_per_second),
        ...[one.p50_ms, one.p95_ms, one.p99_ms, one.mean_ms].map(figure),
        percent(one.share),
        Object.entries(one.errors)
          .map(([code, count]) => `${code} ${grouped(count)}`)
          .join(', '),
      ],
    ),
  );
}

/** As much of a text as tells one statement from the other. */
const TEXT = 100;

const statementsText = (statements: readonly StatementUse[]): string =>
  table(
    ['operation', 'role', 'calls', 'rows a call', 'mean ms', '% of time', 'misses', 'temp', 'statement'],
    statements.map(
      (one): Cells => [
        ...[one.operation, one.role, grouped(one.calls), figure(one.rows_per_call), figure(one.mean_ms)],
        ...[percent(one.share), figure(one.misses_per_call), figure(one.temp_blocks_per_call)],
        one.role === null ? '(all others)' : cut(one.text ?? ''),
      ],
    ),
  );

const cut = (text: string): string => (text.length > TEXT ? `${text.slice(0, TEXT - 1)}…` : text);

const BAR = 30;

/** An operation over time, with a bar for its p95. */
export function seriesText(book: string, operation: string, steps: readonly OperationStep[]): string {
  if (steps.length === 0)
    return `No call of ${operation} of book ${book} was sampled in that time. ${SAMPLED}`;
  const most = Math.max(...steps.map(({ p95_ms }) => p95_ms ?? 0));
  const rows = steps.map(
    ({ from_ms, calls, p95_ms, mean_ms }): Cells => [
      ...[toIso(from_ms).slice(0, 16), grouped(calls), figure(p95_ms), figure(mean_ms)],
      '█'.repeat(most > 0 ? Math.round((BAR * (p95_ms ?? 0)) / most) : 0),
    ],
  );
  const total = counted(
    steps.reduce((sum, { calls }) => sum + calls, 0),
    'call',
  );
  return `${operation} of book ${book}, ${total}:\n${table(['from (UTC)', 'calls', 'p95 ms', 'mean ms', 'p95'], rows)}`;
}
