import type { Plan, PlannedFile, PlannedStep } from '../../schema/index.js';
import { counted } from '../print.js';

/** What a migration would do, for people: what each step is, whom it stops, and about how long it takes. */
export function planText(plan: Plan): string {
  const { book, from, to, still, files, settling, seconds } = plan;
  if (files.length === 0 && settling.length === 0) {
    return `Book ${book} stands at ${from}: there is nothing to do.`;
  }
  const steps = files.flatMap((file) => file.steps);
  const left = [...steps, ...settling].filter(({ done }) => !done).length;
  const passed = steps.filter(({ done }) => done).length;
  const summary = still
    ? `Book ${book} is made at ${to}: ${counted(files.length, 'transaction')}, and nobody to wait for them.`
    : `Book ${book} goes from ${from ?? 'nothing'} to ${to}: ${counted(left, 'step')} to run, ${passed} stand already or are not for it; ${about(seconds)} of work by the row counts.`;
  return [
    ...files.map(fileText),
    ...(settling.length > 0 ? [settlingText(settling)] : []),
    [
      summary,
      ...(still
        ? []
        : [
            'A step that others wait for gives up its place after 100 ms without its lock, and tries again. Measure the times of this machine with: node bench/migrate-live.js',
          ]),
      'Nothing was executed.',
    ].join('\n'),
  ].join('\n\n');
}

function fileText({ name, title, version, breaking, steps }: PlannedFile): string {
  return [`${name} (${version}${breaking ? ', breaking' : ''}): ${title}`, ...steps.map(stepText)].join(
    '\n\n',
  );
}

const settlingText = (steps: readonly PlannedStep[]): string =>
  [
    'Then old rows are held against the laws that came as NOT VALID. A law that a row breaks stays so and is listed; the others are validated.',
    ...steps.map(stepText),
  ].join('\n\n');

const KINDS: Readonly<Record<PlannedStep['kind'], string>> = {
  transaction: 'one transaction',
  alone: 'one statement, outside of a transaction',
  batches: 'one statement over some rows at a time, each a transaction',
};

function stepText(step: PlannedStep, at: number): string {
  const sql = step.statements.map((statement) => indented(`${statement};`)).join('\n');
  if (step.done) return `  ${at + 1}. passed over: it stands already, or is not for this book\n${sql}`;
  const { lock, relation, waits } = step;
  const locks = relation === null ? 'locks nothing' : `${lock} on ${relation} (waits: ${waits})`;
  return `  ${at + 1}. ${KINDS[step.kind]}; ${locks}\n     ${workText(step)}\n${sql}`;
}

function workText({ work, table, rows, seconds }: PlannedStep): string {
  if (work === null) return 'reads no rows; a moment';
  const whole = `${table} (about ${counted(Math.round(rows), 'row')})`;
  const does = {
    looks: `looks at every row of ${whole}`,
    reads: `reads the whole table ${whole}`,
    indexes: `reads the whole table ${whole} twice for an index`,
    writes: `writes every row of ${whole}`,
    rewrites: `rewrites the whole table ${whole}`,
  }[work];
  return `${does}; ${about(seconds)}`;
}

function about(seconds: number): string {
  if (seconds < 0.1) return 'a moment';
  if (seconds < 10) return `about ${counted(seconds, 'second')}`;
  if (seconds < 120) return `about ${counted(Math.round(seconds), 'second')}`;
  return `about ${counted(Math.round(seconds / 60), 'minute')}`;
}

/** Without the empty lines that a comment leaves. */
const indented = (sql: string): string => sql.replaceAll(/^\s*\n/gm, '').replaceAll(/^/gm, '       ');
