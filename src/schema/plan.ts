import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError, isLaw } from '../errors/index.js';
import { isDone, withZone } from './apply.js';
import { type Migration, readMigrations, type Version } from './files.js';
import { type Effect, effectOf, type Work, whoWaits } from './locks.js';
import { pendingMigrations } from './migrate.js';
import type { BookState } from './recognise.js';
import type { Step } from './steps.js';

/** A step as it would be run, with what the others notice of it. Every name is also the name in JSON. */
export interface PlannedStep extends Effect {
  /** One transaction, one statement outside of a transaction, or one statement over some rows at a time. */
  kind: Step['kind'];
  statements: string[];
  /** Who waits for the lock, in words. */
  waits: string;
  /** About how many rows `table` has; null where nobody counted them. */
  rows: number | null;
  /** About how long the work takes, in seconds; 0 is a moment, null unknown. */
  seconds: number | null;
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
  seconds: number | null;
}

interface PlanOptions {
  to: Version;
  /** Zone in which created_at was recorded before 1.2. Default UTC. */
  zone?: string;
}

/** Rows a second, as `node bench/migrate-live.js` measures them on two cores beside 200 transactions a second. */
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
      const look: Looking = { t, rows: await rowCounts(t, book), made: [] };
      const files: PlannedFile[] = [];
      for (const { number, name, title, version, breaking, steps } of pending) {
        const planned = still ? [asOne(steps)] : await planSteps(look, steps, zone);
        files.push({ number, name, title, version, breaking, steps: planned });
      }
      const laws = still ? [] : await lawsToSettle(t, book, pending);
      const settling = await planSteps(look, laws.flatMap(settlingSteps), zone);
      const seconds = sum([...files.flatMap(({ steps }) => steps), ...settling]);
      return { book, from: state.version ?? null, to, still, files, settling, seconds };
    },
    { readOnly: true, isolation: 'repeatable read' },
  );
}

interface Looking {
  t: Queryable;
  rows: Map<string, number | null>;
  /** What steps before this one will have made true. */
  made: string[];
}

async function planSteps(look: Looking, steps: readonly Step[], zone: string): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  for (const raw of steps) {
    const step = withZone(raw, zone);
    const done = await willBeDone(look, step);
    if (!done && step.makes) look.made.push(step.makes);
    planned.push(planStep(step, look.rows, done));
  }
  return planned;
}

function planStep(step: Step, counts: Looking['rows'], done: boolean): PlannedStep {
  const { kind, statements } = step;
  const effect = effectOf(step);
  const { work, table } = effect;
  // A table that is not there yet has no rows when its turn comes, or very few.
  const rows = work && table ? (counts.has(table) ? counts.get(table)! : 0) : 0;
  const seconds =
    done || !work ? 0 : rows === null ? null : Math.round((rows / ROWS_PER_SECOND[work]) * 10) / 10;
  return { kind, statements, ...effect, waits: whoWaits(effect), rows, seconds, done };
}

/** A book that nobody uses is made with a transaction a file, and nobody is there to wait. */
const asOne = (steps: readonly Step[]): PlannedStep => ({
  ...{ kind: 'transaction', statements: steps.flatMap(({ statements }) => statements) },
  ...{ lock: 'none', relation: null, work: null, table: null },
  ...{ waits: 'nobody: the book is made by it', rows: 0, seconds: 0, done: false },
});

/** Undefined table, column, function, object and schema: what the step looks for comes with a step before it. */
const NOT_THERE_YET = ['42P01', '42703', '42883', '42704', '3F000'];

async function willBeDone({ t, made }: Looking, step: Step): Promise<boolean> {
  const unless = made.reduce((sql, fact) => sql.replaceAll(fact, 'true'), step.unless ?? 'false');
  await t.query('savepoint step');
  try {
    return await isDone(t, { ...step, unless });
  } catch (error) {
    if (!(error instanceof ClaireError)) throw error;
    if (!NOT_THERE_YET.includes(String(error.details?.sqlstate))) throw error;
    await t.query('rollback to savepoint step');
    return false;
  }
}

/** As the last ANALYZE or VACUUM left them; a count would take as long as some of the steps. */
async function rowCounts(t: Queryable, book: string): Promise<Map<string, number | null>> {
  const found = await t.query<{ name: string; rows: number }>(
    `select relname::text as name, reltuples::float8 as rows from pg_class
     where relnamespace = to_regnamespace(quote_ident($1)) and relkind in ('r', 'm')`,
    [book],
  );
  return new Map(found.map(({ name, rows }) => [name, rows < 0 ? null : rows]));
}

interface TableLaws {
  table: string;
  laws: string[];
}

/** Laws of Claire's that are NOT VALID now, and those that the pending files bring so. */
async function lawsToSettle(t: Queryable, book: string, pending: readonly Migration[]): Promise<TableLaws[]> {
  const found = await t.query<{ table: string; law: string }>(
    `select t.relname::text as table, c.conname::text as law
     from pg_constraint as c join pg_class as t on t.oid = c.conrelid
     where t.relnamespace = to_regnamespace(quote_ident($1)) and c.contype = 'c' and not c.convalidated`,
    [book],
  );
  const statements = pending.flatMap(({ steps }) => steps.flatMap((step) => step.statements));
  const coming = statements.flatMap((sql) => {
    const table = /^alter table (\w+)/.exec(sql)?.[1];
    return [...sql.matchAll(/\badd constraint (\w+) check\b/g)].map(([, law]) => ({
      table: table!,
      law: law!,
    }));
  });
  const all = [...found, ...coming].filter(({ law }) => isLaw(law));
  const tables = [...new Set(all.map(({ table }) => table))];
  return tables.map((table) => ({
    table,
    laws: [...new Set(all.filter((each) => each.table === table).map(({ law }) => law))].sort(),
  }));
}

function settlingSteps({ table, laws }: TableLaws): Step[] {
  const validated = laws.map((law) => `validate constraint ${identifier(law)}`);
  return [
    {
      ...{ kind: 'batches', table },
      statements: [
        `select id, … as laws from ${table} where id > $1 and id <= $2 and … /* the laws below that a row breaks */`,
      ],
    },
    { kind: 'alone', statements: [`alter table ${table} ${validated.join(', ')}`] },
  ];
}

function sum(steps: readonly PlannedStep[]): number | null {
  return steps.some(({ seconds }) => seconds === null)
    ? null
    : Math.round(steps.reduce((total, { seconds }) => total + seconds!, 0) * 10) / 10;
}
