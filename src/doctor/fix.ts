import type { Database } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { checks } from './checks/index.js';
import { type DiagnoseOptions, type Diagnosis, diagnose } from './diagnose.js';

export interface Fixed {
  before: Diagnosis;
  /** Statements that were run, in this order. */
  ran: readonly string[];
  /** The same check afterwards; as before where there was nothing to run. */
  after: Diagnosis;
}

export interface FixOptions extends DiagnoseOptions {
  /** Asked before the first statement; what it throws ends the fix with nothing run. */
  confirm(before: Diagnosis, statements: readonly string[]): Promise<void>;
  /** Told before each statement. */
  onStatement?: (statement: string, done: number, total: number) => void;
}

/** Who waits longer for a lock has others waiting behind him. */
const LOCK_MS = 5000;

/**
 * Runs the remedy of a check that is not well, where it is one that can lose nothing, and asks the check again.
 * @throws ClaireError doctor_check_unknown, doctor_needs_a_person, and what a statement ends with
 */
export async function fix(
  database: Database,
  book: string,
  name: string,
  options: FixOptions,
): Promise<Fixed> {
  const { confirm, onStatement, ...look } = options;
  const before = await askOne(database, book, name, look);
  if (!before.remedy) return { before, ran: [], after: before };
  if (!('fix' in before.remedy)) throw needsPerson(before);
  const statements = before.remedy.fix;
  await confirm(before, statements);
  await database.session(async (session) => {
    await session.query('set statement_timeout to 0');
    for (const [at, statement] of statements.entries()) {
      onStatement?.(statement, at, statements.length);
      // CONCURRENTLY waits for old snapshots by itself, lets everybody work meanwhile, and leaves an INVALID index behind
      // where it is given up.
      await session.query(`set lock_timeout to ${/\bconcurrently\b/.test(statement) ? 0 : LOCK_MS}`);
      await session.query(statement);
    }
    await session.query('reset lock_timeout');
    await session.query('reset statement_timeout');
  });
  return { before, ran: statements, after: await askOne(database, book, name, look) };
}

async function askOne(
  database: Database,
  book: string,
  name: string,
  options: DiagnoseOptions,
): Promise<Diagnosis> {
  const check = checks.find((one) => one.name === name);
  if (!check) {
    throw new ClaireError('doctor_check_unknown', {
      found: `There is no check ${name}. There are: ${checks.map((one) => one.name).join(', ')}.`,
    });
  }
  const report = await diagnose(database, book, { ...options, checks: [check] });
  return report.checks[0]!;
}

function needsPerson({ check, sentence, remedy }: Diagnosis): ClaireError {
  const what =
    remedy && 'command' in remedy
      ? `Its remedy is \`${remedy.command}\`.`
      : (remedy as { decide: string }).decide;
  return new ClaireError('doctor_needs_a_person', { found: `${check}: ${sentence} ${what}` });
}
