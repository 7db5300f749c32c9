import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError, isLaw } from '../errors/index.js';
import { isDone, withZone } from './apply.js';
import { INVALID_INDEX } from './done.js';
import { type Migration, readMigrations, type Version } from './files.js';
import { type Effect, effectOf, type Work, whoWaits } from './locks.js';
import { pendingMigrations } from './migrate.js';
import type { BookState } from './recognise.js';
import { examinations, type Law, openLaws, validations } from './settle.js';
import type { Step } from './steps.js';

/** A step as it would be run, with what the others notice of it. Every name is also the name in JSON. */
export interface PlannedStep extends Effect {
  /** One transaction, one statement outside of a transaction, or one statement over some rows at a time. */
  kind: Step['kind'];
  statements: string[];
  /** Who waits for the lock, in words. */
  waits: string;
  /** About how many rows `table` has. */
  rows: number;
  /** About how long the work takes, in seconds; 0 is a moment. */
  seconds: number;
  /** What it makes stands already, or is not for this database: it is passed over. */
  done: boolean;
}

export interface PlannedFile extends Pick<Migration, 'number' | 'name' | 'title' | 'version' | 'breaking'> {
  steps: PlannedStep[];
}

export interface Plan {
  book: string;
  from: Version | null;
  to: Version;
  /** There is no record yet: each file is one transaction on tables that nobody uses. */
  still: boolean;
  files: PlannedFile[];
  /** After the files: old rows are held against the laws that came as NOT VALID, and the laws are validated. */
  settling: PlannedStep[];
  seconds: number;
}

interface PlanOptions {
  to: Version;
  /** Zone in which created_at was recorded before 1.2. Default UTC. */
  zone?: string;
}

/** Rows a second, roughly: machines differ by more than these do. `node bench/migrate-live.js` measures one. */
const ROWS_PER_SECOND: Readonly<Record<Work, number>> = {
  looks: 400_000,
  reads: 2_500_000,
  indexes: 700_000,
  writes: 25_000,
  rewrites: 300_000,
};

/**
 * Says what a migration would do, in a transaction that cannot write.
 * @throws ClaireError what `pendingMigrations` throws
 */
export async function planMigration(
  database: Database,
  book: string,
  state: BookState,
  { to, zone = 'UTC' }: PlanOptions,
): Promise<Plan> {
  const pending = pendingMigrations(state, await readMigrations(), to);
  const still = !state.handMade && state.applied.length === 0;
  return database.transaction(
    async (t) => {
      await t.query(`set local search_path to ${identifier(book)}, pg_temp`);
      const look: Looking = {
        ...{ t, rows: await rowCounts(t, book), tables: await indexedTables(t, book) },
        ...{ made: [], dropped: [] },
      };
      const files: PlannedFile[] = [];
      for (const { number, name, title, version, breaking, steps } of pending) {
        const planned = still ? [asOne(steps)] : await planSteps(look, steps, zone);
        files.push({ number, name, title, version, breaking, steps: planned });
      }
      const laws = still ? [] : await lawsToSettle(t, book, files);
      const settling = [...examinations(laws), ...validations(laws)].map((step) =>
        planStep(look, step, false),
      );
      const steps = [...files.flatMap((file) => file.steps), ...settling];
      const seconds = inTenths(steps.reduce((sum, step) => sum + step.seconds, 0));
      return { book, from: state.version ?? null, to, still, files, settling, seconds };
    },
    { readOnly: true, isolation: 'repeatable read' },
  );
}

interface Looking {
  t: Queryable;
  rows: Map<string, number>;
  /** The table of each index. */
  tables: Map<string, string>;
  /** What steps before this one will have made true. */
  made: string[];
  /** Indexes that steps before this one will have dropped. */
  dropped: string[];
}

const DROPPED = /^drop index (?:concurrently )?(?:if exists )?(\w+)/;

async function planSteps(look: Looking, steps: readonly Step[], zone: string): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  for (const raw of steps) {
    const step = withZone(raw, zone);
    const done = await willBeDone(look, step);
    if (!done) {
      if (step.makes) look.made.push(step.makes);
      look.dropped.push(...step.statements.flatMap((sql) => DROPPED.exec(sql)?.[1] ?? []));
    }
    planned.push(planStep(look, step, done));
  }
  return planned;
}

function planStep({ rows: counts, tables }: Looking, step: Step, done: boolean): PlannedStep {
  const { kind, statements } = step;
  const effect = effectOf(step);
  const { work, table } = effect;
  const relation = tables.get(effect.relation ?? '') ?? effect.relation;
  // A table that is not there yet has no rows when its turn comes, or very few.
  const rows = table === null ? 0 : (counts.get(table) ?? 0);
  const seconds = done || !work ? 0 : inTenths(rows / ROWS_PER_SECOND[work]);
  return { kind, statements, ...effect, relation, waits: whoWaits(effect), rows, seconds, done };
}

/** A book that nobody uses is made with a transaction a file, and nobody is there to wait. */
const asOne = (steps: readonly Step[]): PlannedStep => ({
  ...{ kind: 'transaction', statements: steps.flatMap(({ statements }) => statements) },
  ...{ lock: 'none', relation: null, work: null, table: null },
  ...{ waits: 'nobody: the book is made by it', rows: 0, seconds: 0, done: false },
});

/** Undefined table, column, function, object, schema; and half a question is no SQL. */
const NOT_THERE_YET = /^(42P01|42703|42883|42704|3F000|42601)$/;

async function willBeDone({ t, made, dropped }: Looking, step: Step): Promise<boolean> {
  if (dropped.includes(INVALID_INDEX.pattern.exec(step.statements[0]!)?.[1] ?? '')) return false;
  const unless = made.reduce((sql, fact) => sql.replaceAll(fact, 'true'), step.unless ?? 'false');
  const whole = await attempt(t, () => isDone(t, { ...step, unless }));
  if (whole !== undefined) return whole;
  // One side of an OR may be true while the other looks for what is not there yet.
  for (const side of unless.split(' or ')) {
    if (await attempt(t, () => isDone(t, { ...step, kind: 'transaction', unless: side }))) return true;
  }
  return false;
}

/** Gives nothing where the server refuses the question: what it asks for comes with a step before. */
async function attempt(t: Queryable, question: () => Promise<boolean>): Promise<boolean | undefined> {
  await t.query('savepoint question');
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof ClaireError && NOT_THERE_YET.test(String(error.details?.sqlstate)))) throw error;
    await t.query('rollback to savepoint question');
    return undefined;
  }
}

/**
 * As the last ANALYZE or VACUUM left them, since counting would take as long as some of the steps; where there was none,
 * by the size of the table and of a row of the seed.
 */
async function rowCounts(t: Queryable, book: string): Promise<Map<string, number>> {
  const found = await t.query<{ name: string; rows: number }>(
    `select relname::text as name,
       case when reltuples < 0 then ceil(pg_relation_size(oid) / 120.0) else reltuples end::float8 as rows
     from pg_class
     where relnamespace = to_regnamespace(quote_ident($1)) and relkind in ('r', 'm')`,
    [book],
  );
  return new Map(found.map(({ name, rows }) => [name, rows]));
}

async function indexedTables(t: Queryable, book: string): Promise<Map<string, string>> {
  const found = await t.query<{ index: string; table: string }>(
    `select indexname::text as index, tablename::text as table from pg_indexes where schemaname = $1`,
    [book],
  );
  return new Map(found.map(({ index, table }) => [index, table]));
}

/** Laws of Claire's that will be NOT VALID once the files are applied, as the statements have them or as they stand. */
async function lawsToSettle(t: Queryable, book: string, files: readonly PlannedFile[]): Promise<Law[]> {
  const steps = files.flatMap((file) => file.steps.filter(({ done }) => !done));
  const coming = steps
    .flatMap(({ statements }) => statements.flatMap(lawsOf))
    .filter(({ law }) => isLaw(law));
  const laws = new Map([...(await openLaws(t, book)), ...coming].map((each) => [each.law, each]));
  return [...laws.values()].sort((a, b) => (a.law < b.law ? -1 : 1));
}

const NOT_VALID = /\badd constraint (\w+) check (\([\s\S]*?\)) not valid/g;

/** A statement's `add constraint L check (E) not valid`, each. */
function lawsOf(statement: string): Law[] {
  const table = /^alter table (\w+)/.exec(statement)?.[1];
  if (!table) return [];
  return [...statement.matchAll(NOT_VALID)].map(([, law, expression]) => ({
    ...{ table, law: law!, expression: expression!.replaceAll(/\s+/g, ' ') },
  }));
}

const inTenths = (seconds: number): number => Math.round(seconds * 10) / 10;
