import { identifier, literal, type Queryable } from '../database/index.js';
import { ClaireError, isLaw } from '../errors/index.js';
import { type Application, inTransaction, LOCK_MS } from './application.js';
import { runBatches } from './batches.js';
import { INVALID_INDEX, STANDS_ALREADY } from './done.js';
import { persist, tableOf, watch } from './hindrances.js';
import type { Step } from './steps.js';

/** Locks that stop nobody who reads or writes rows; such a statement waits in peace, and must not be cut in the middle. */
const PATIENT =
  /^(create (unique )?index concurrently|drop index concurrently|alter table \S+\s+validate|analyze)\b/;

export async function applySteps(
  application: Application,
  steps: readonly Step[],
  each: (at: number) => void = () => {},
): Promise<void> {
  const { session, still, afterStep } = application;
  for (const [at, raw] of steps.entries()) {
    each(at);
    const step = withZone(raw, application.zone);
    // In a book that is just being made nothing stands but what the files before have made.
    const asked = still ? { ...step, kind: 'transaction' as const } : step;
    if (await isDone(session, asked)) continue;
    await (still ? runStill(session, step) : runLive(application, step)).catch((error: unknown) => {
      throw asStepFailure(error, step);
    });
    await afterStep?.(step);
  }
}

/** What the user has added (a trigger, a key, a CHECK) can refuse a step with an error that we have no name for. */
function asStepFailure(error: unknown, step: Step): unknown {
  if (!(error instanceof ClaireError) || (error.code !== 'database_error' && !isForeignLaw(error)))
    return error;
  const { message, table, constraint } = (error.cause ?? {}) as Record<string, string | undefined>;
  const where = [table && `table ${table}`, constraint && `constraint ${constraint}`]
    .filter(Boolean)
    .join(', ');
  const head = step.statements[0]!.replace(/\s+/g, ' ').slice(0, 80);
  return new ClaireError('migration_step_failed', {
    found: `${head} …: ${message ?? error.message}${where ? ` (${where})` : ''}.`,
    details: error.details,
    cause: error,
  });
}

/** A constraint of the user's: ours have names in the catalogue. */
const isForeignLaw = ({ cause }: ClaireError): boolean => {
  const { code, constraint } = (cause ?? {}) as Record<string, string | undefined>;
  return /^23/.test(code ?? '') && !isLaw(constraint ?? '');
};

/** What a step is where the old times of recording were written in a zone. */
export const withZone = (step: Step, zone: string): Step => {
  const fill = (sql: string) => sql.replaceAll('{zone}', literal(zone));
  return {
    ...step,
    statements: step.statements.map(fill),
    ...(step.unless ? { unless: fill(step.unless) } : {}),
  };
};

/** Whether what a step makes stands already, or is not for this database. Found by the search path. */
export async function isDone(session: Queryable, { unless, statements, kind }: Step): Promise<boolean> {
  if (unless !== undefined) {
    const [row] = await session.query<{ done: boolean | null }>(`select (${unless}) as done`);
    if (row?.done) return true;
  }
  if (kind !== 'alone') return false;
  for (const [pattern, query] of STANDS_ALREADY) {
    const match = pattern.exec(statements[0]!);
    if (!match) continue;
    const [row] = await session.query<{ done: boolean }>(query, match.slice(1));
    return row!.done;
  }
  return false;
}

/** Everything in the transaction of the file. With no rows there is nothing to validate later, and nobody to wait for. */
async function runStill(session: Queryable, step: Step): Promise<void> {
  for (const statement of step.statements) {
    // Only in these heads: a function may speak of both in its body.
    const text = /^alter table/.test(statement)
      ? statement.replaceAll(/ not valid\b/g, '')
      : statement.replace(/^((?:create|drop) (?:unique )?index) concurrently/, '$1');
    await session.query(text, step.kind === 'batches' ? [0, '9223372036854775807'] : undefined);
  }
}

async function runLive(application: Application, step: Step): Promise<void> {
  const { session } = application;
  const [first] = step.statements as [string];
  if (step.kind === 'batches') {
    return runBatches(application, { table: step.table!, statement: first });
  }
  const isPatient = step.kind === 'alone' && PATIENT.test(first);
  await session.query(`set lock_timeout to ${isPatient ? 0 : LOCK_MS}`);
  const stop = isPatient ? watch(application) : undefined;
  try {
    await persist(application, tableOf(step), async () => {
      if (step.kind === 'transaction') {
        return inTransaction(session, async () => {
          for (const statement of step.statements) await session.query(statement);
        });
      }
      await dropInvalidIndex(session, first);
      await session.query(first);
    });
  } finally {
    await stop?.();
  }
}

/** A CREATE INDEX CONCURRENTLY that was cut leaves an INVALID index, which IF NOT EXISTS takes for the real one. */
async function dropInvalidIndex(session: Queryable, statement: string): Promise<void> {
  const name = INVALID_INDEX.pattern.exec(statement)?.[1];
  if (name === undefined) return;
  const [row] = await session.query<{ invalid: boolean }>(INVALID_INDEX.query, [name]);
  if (row!.invalid) await session.query(`drop index concurrently ${identifier(name)}`);
}
