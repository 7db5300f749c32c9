import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { LATEST_VERSION, recognise } from '../schema/index.js';
import {
  type Check,
  type Facts,
  type Look,
  type Result,
  type Surroundings,
  skipped,
  type Verdict,
} from './check.js';
import { checks as everyCheck } from './checks/index.js';

/** A check with its answer. */
export interface Diagnosis extends Verdict {
  check: string;
  question: string;
  threshold: string;
  took_ms: number;
}

export interface Report {
  /** Unix milliseconds. */
  at_ms: number;
  database: string;
  book: string;
  /** As 18.4: what the server says of itself. */
  server_version_num: number;
  took_ms: number;
  counts: Readonly<Record<Result, number>>;
  checks: readonly Diagnosis[];
}

export interface DiagnoseOptions extends Surroundings {
  checks?: readonly Check[];
  /** How long one statement of a check may take, in milliseconds. */
  statementTimeout?: number;
  /** Told after each check. */
  onCheck?: (diagnosis: Diagnosis, done: number, total: number) => void;
}

/** Thirty checks are to be done in three seconds: what takes longer on a large or busy server is left out and said. */
const STATEMENT_MS = 500;
/** The doctor never stands in a queue that others then stand in behind it. */
const LOCK_MS = 10;

/**
 * Asks every check, one after another on one connection. A check that is refused, takes too long or would have to wait
 * is skipped, and the rest goes on.
 * @throws ClaireError where the server cannot be reached
 */
export async function diagnose(
  database: Database,
  book: string,
  options: DiagnoseOptions = {},
): Promise<Report> {
  const begun = performance.now();
  const { checks = everyCheck, onCheck, statementTimeout = STATEMENT_MS, ...around } = options;
  const work = async (session: Queryable) => {
    const look = await lookAt(session, book, around);
    const diagnoses: Diagnosis[] = [];
    for (const check of checks) {
      const diagnosis = await ask(check, look, statementTimeout);
      diagnoses.push(diagnosis);
      onCheck?.(diagnosis, diagnoses.length, checks.length);
    }
    return {
      at_ms: look.now,
      database: look.facts.database,
      book,
      server_version_num: look.facts.version_num,
      took_ms: Math.round(performance.now() - begun),
      counts: countsOf(diagnoses),
      checks: diagnoses,
    };
  };
  return database.session(work, { bounded: true });
}

/** Why no check of the book can be asked; undefined where they can. */
interface Ground extends Look {
  bookMissing: string | undefined;
}

async function lookAt(session: Queryable, book: string, around: Surroundings): Promise<Ground> {
  const [facts] = await session.query<Facts>(
    `select current_database()::text as database, current_setting('server_version_num')::int as version_num,
       current_user::text as login, (select rolsuper from pg_roles where rolname = current_user) as superuser,
       pg_has_role('pg_read_all_stats', 'usage') as sees_all,
       has_database_privilege(current_database(), 'create') as creates,
       array(select extname::text from pg_extension) as extensions`,
  );
  const now = (around.now ?? Date.now)();
  return {
    session,
    book,
    schema: identifier(book),
    facts: facts!,
    around,
    now,
    ...(await bookAt(session, book)),
  };
}

async function bookAt(session: Queryable, book: string): Promise<Pick<Ground, 'state' | 'bookMissing'>> {
  try {
    const state = await recognise(session, book);
    const isNewest = state.version === LATEST_VERSION && !state.handMade;
    const missing = state.exists
      ? `Book ${book} does not stand at ${LATEST_VERSION}: see \`claire migrate --status\`.`
      : `There is no book ${book} here: \`claire status\` names those that there are.`;
    return { state, bookMissing: isNewest ? undefined : missing };
  } catch (error) {
    return { state: undefined, bookMissing: whySkipped(error, STATEMENT_MS) };
  }
}

async function ask(check: Check, look: Ground, statementTimeout: number): Promise<Diagnosis> {
  const { name, question, threshold } = check;
  const begun = performance.now();
  const verdict = await answerOf(check, look, statementTimeout);
  return { check: name, question, threshold, ...verdict, took_ms: Math.round(performance.now() - begun) };
}

async function answerOf(check: Check, look: Ground, statementTimeout: number): Promise<Verdict> {
  const { session, bookMissing } = look;
  if (check.of !== 'server' && bookMissing) return skipped(bookMissing);
  try {
    await session.query(check.own_transaction ? 'begin' : 'begin read only');
    await session.query(`set local statement_timeout to ${statementTimeout}`);
    await session.query(`set local lock_timeout to ${LOCK_MS}`);
    return await check.examine(look);
  } catch (error) {
    return skipped(whySkipped(error, statementTimeout));
  } finally {
    // Where the connection is gone this throws, and the whole ends with what it says.
    await session.query('rollback');
  }
}

/** What a check that could not be asked was missing. @throws what is no answer of the server's */
function whySkipped(error: unknown, statementTimeout: number): string {
  if (!(error instanceof ClaireError)) throw error;
  const state = String(error.details?.sqlstate ?? '');
  const said = (error.cause as Error | undefined)?.message ?? error.message;
  if (state === '57014')
    return `It took longer than ${statementTimeout} ms: the server is busy, or the tables are large.`;
  if (state === '55P03') return 'Another session holds a lock that it would have to wait for.';
  if (state === '42501') return `The login lacks a right: ${said}.`;
  if (state.startsWith('42') || state === '55000') return `The server could not answer: ${said}.`;
  throw error;
}

function countsOf(diagnoses: readonly Diagnosis[]): Record<Result, number> {
  const counts: Record<Result, number> = { ok: 0, warn: 0, fail: 0, skipped: 0 };
  for (const { result } of diagnoses) counts[result]++;
  return counts;
}
