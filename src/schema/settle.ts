import { identifier, literal, type Queryable } from '../database/index.js';
import { ClaireError, isLaw } from '../errors/index.js';
import type { Application } from './application.js';
import { applySteps } from './apply.js';
import { runBatches } from './batches.js';
import { persist } from './hindrances.js';
import type { Step } from './steps.js';

/** A law that old rows break, so that it holds for new rows only. */
export interface BrokenLaw {
  table: string;
  law: string;
  rows: number;
  /** The first of these rows, whole, each value as text. */
  examples: Record<string, string | null>[];
}

export interface Settled {
  /** Laws that now hold for every row. */
  validated: string[];
  broken: BrokenLaw[];
  /** Rows that were moved to quarantine by this call. */
  quarantined: number;
  /** Rows that were to be moved and are named by others, each as a sentence. */
  kept: string[];
}

interface SettleOptions {
  /** Steps that mend old rows, run where one breaks a law. */
  mend: readonly Step[];
  quarantine: boolean;
}

export interface Law {
  table: string;
  law: string;
  /** SQL that is false for a row that breaks it. */
  expression: string;
}

/** In this order what names others goes to quarantine before what it names. */
const ORDER = ['trades', 'orders', 'signals', 'risk_events'];
const MOST_EXAMPLES = 5;

/**
 * Brings the laws that came as NOT VALID to hold for old rows too: what can be mended is mended, what breaks a law is
 * moved to quarantine where that is wanted, and a law that no row breaks is validated. Nobody who writes waits.
 */
export async function settle(application: Application, options: SettleOptions): Promise<Settled> {
  const laws = await openLaws(application.session, application.book);
  const settled: Settled = { validated: [], broken: [], quarantined: 0, kept: [] };
  if (laws.length === 0) return settled;
  let broken = await examine(application, laws);
  if (broken.length > 0 && options.mend.length > 0) {
    await applySteps(application, options.mend);
    broken = await examine(application, laws);
  }
  if (broken.length > 0 && options.quarantine) {
    broken = await examine(application, laws, (row) => moveToQuarantine(application, row, laws, settled));
  }
  settled.broken = await withExamples(application, broken);
  const isWhole = ({ table, law }: Law) => !broken.some((each) => each.table === table && each.law === law);
  settled.validated = await validate(application, laws.filter(isWhole));
  return settled;
}

/** Laws of Claire's that are not valid for old rows of a book; a constraint of the user's is his own. */
export async function openLaws(database: Queryable, book: string): Promise<Law[]> {
  const found = await database.query<Law>(
    `select t.relname::text as table, c.conname::text as law, pg_get_expr(c.conbin, c.conrelid) as expression
     from pg_constraint as c join pg_class as t on t.oid = c.conrelid
     where t.relnamespace = to_regnamespace(quote_ident($1)) and c.contype = 'c' and not c.convalidated
     order by 1, 2`,
    [book],
  );
  return ORDER.flatMap((table) => found.filter((each) => each.table === table && isLaw(each.law)));
}

interface BrokenRow {
  table: string;
  id: string;
  laws: string[];
}

interface Found {
  table: string;
  law: string;
  ids: string[];
  rows: number;
}

/**
 * Counts the rows that break each of the laws. A CHECK is broken by false, not by NULL. A row that `take` takes away
 * does not count.
 */
async function examine(
  application: Application,
  laws: readonly Law[],
  take: (row: BrokenRow) => Promise<boolean> = async () => false,
): Promise<Found[]> {
  const found: Found[] = laws.map(({ table, law }) => ({ table, law, ids: [], rows: 0 }));
  for (const { table, statements } of examinations(laws)) {
    const [statement] = statements as [string];
    const onRows = async (rows: unknown[]) => {
      for (const row of rows as Omit<BrokenRow, 'table'>[]) {
        if (await take({ ...row, table })) continue;
        for (const each of found) {
          if (each.table !== table || !row.laws.includes(each.law)) continue;
          each.rows++;
          if (each.ids.length < MOST_EXAMPLES) each.ids.push(row.id);
        }
      }
    };
    await runBatches(application, { table, statement, onRows, note: `rows of ${table} examined` });
  }
  return found.filter(({ rows }) => rows > 0);
}

/** The rows of each table that break one of its laws, some ids at a time. */
export function examinations(laws: readonly Law[]): (Step & { table: string })[] {
  return byTable(laws).map(({ table, own }) => ({
    kind: 'batches',
    table,
    statements: [`${brokenRows(table, own, 'id > $1 and id <= $2')}\norder by id`],
  }));
}

/** SQL: the rows of a table that break one of these laws, with which. */
function brokenRows(table: string, laws: readonly Law[], condition: string): string {
  const isBroken = laws.map(({ expression }) => `(${expression}) is false`);
  const cases = laws.map(({ law }, at) => `case when ${isBroken[at]} then ${literal(law)} end`);
  return [
    `select id::text as id, array_remove(array[\n  ${cases.join(',\n  ')}\n], null)::text[] as laws`,
    `from ${table}`,
    `where ${condition} and (\n  ${isBroken.join('\n  or ')}\n)`,
  ].join('\n');
}

/** All laws of a table with one look at its rows. */
export function validations(laws: readonly Law[]): Step[] {
  return byTable(laws).map(({ table, own }) => {
    const actions = own.map(({ law }) => `validate constraint ${law}`);
    return { kind: 'alone', statements: [`alter table ${table}\n  ${actions.join(',\n  ')}`] };
  });
}

const byTable = (laws: readonly Law[]) =>
  ORDER.map((table) => ({ table, own: laws.filter((each) => each.table === table) })).filter(
    ({ own }) => own.length > 0,
  );

async function withExamples({ session }: Application, found: readonly Found[]): Promise<BrokenLaw[]> {
  const broken: BrokenLaw[] = [];
  for (const { table, law, rows, ids } of found) {
    const examples = await session.query<{ row: Record<string, string | null> }>(
      `select (select jsonb_object_agg(key, value) from jsonb_each_text(to_jsonb(t))) as row
       from ${identifier(table)} as t where id = any ($1::bigint[]) order by id`,
      [ids],
    );
    broken.push({ table, law, rows, examples: examples.map(({ row }) => row) });
  }
  return broken;
}

/** Gives whether the row breaks no law any more: it has gone, or somebody has mended it. One that others name stays. */
async function moveToQuarantine(
  application: Application,
  { table, id }: BrokenRow,
  laws: readonly Law[],
  settled: Settled,
): Promise<boolean> {
  const own = laws.filter((each) => each.table === table);
  // Asked again under the lock of the row: a correction that was on its way is not taken aside.
  const statement = `select quarantine_row($2, b.id::bigint, b.laws, $3)
    from (${brokenRows(table, own, 'id = $1')} for update) as b`;
  const why = 'an old row without a sure meaning';
  try {
    const moved = await persist(application, table, () =>
      application.session.query(statement, [id, table, why]),
    );
    settled.quarantined += moved.length;
    return true;
  } catch (error) {
    if (!(error instanceof ClaireError && error.law === 'quarantine_lineage')) throw error;
    settled.kept.push(error.message);
    return false;
  }
}

async function validate(application: Application, laws: readonly Law[]): Promise<string[]> {
  await applySteps(application, validations(laws));
  return laws.map(({ law }) => law);
}
