import type { Check, Surroundings } from '../../src/doctor/check.js';
import { checks } from '../../src/doctor/checks/index.js';
import { type Diagnosis, diagnose } from '../../src/doctor/index.js';
import type { Fixture } from '../harness/book.js';

/** Asks one check, by its name or as it is, as the superuser. */
export async function ask(
  { database }: Pick<Fixture, 'database'>,
  asked: string | Check,
  { book = 'main', ...around }: Surroundings & { book?: string } = {},
): Promise<Diagnosis> {
  const check = typeof asked === 'string' ? checks.find(({ name }) => name === asked) : asked;
  if (!check) throw new Error(`no check ${asked}`);
  // Tests share their machine: what is slow here is not what is tested.
  const report = await diagnose(database, book, { ...around, checks: [check], statementTimeout: 30_000 });
  return report.checks[0]!;
}

/** Runs what the remedy of a diagnosis would run, as `claire doctor --fix` does. */
export async function mend(
  { database }: Pick<Fixture, 'database'>,
  { check, remedy }: Diagnosis,
): Promise<void> {
  if (!remedy || !('fix' in remedy)) throw new Error(`${check} has no statements to run`);
  const { fix } = remedy;
  await database.session(async (session) => {
    for (const statement of fix) await session.query(statement);
  });
}
