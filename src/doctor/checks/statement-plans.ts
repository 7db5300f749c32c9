import type { Queryable } from '../../database/index.js';
import { grouped } from '../../domain/words.js';
import { ClaireError } from '../../errors/index.js';
import { growingTables, releasedIndexes } from '../../schema/index.js';
import { defineCheck, type Evidence, fail, type Look, ok, type Remedy, warn } from '../check.js';
import { type Asked, typicalStatements } from '../statements.js';
import { beyond, shown } from './words.js';

/** From here on reading all of a table is slower than any index, and the planner knows it, if it knows the table. */
const LARGE_ROWS = 10_000;

/** A statement that reads a table from end to end. */
interface Offence {
  asked: Asked;
  table: string;
}

export const statementPlans = defineCheck({
  name: 'statement_plans',
  question: 'Does every statement find what it asks for by an index?',
  threshold:
    `None may read a table that grows from end to end. What does so although it may not has lost its index; of more than ` +
    `${grouped(LARGE_ROWS)} rows also what the planner chooses to read so.`,
  async examine(look) {
    const asked = await typicalStatements(look.book);
    const { lost, large, unasked } = await judge(look, asked);
    const left = unasked > 0 ? ` ${unasked} were left out: the login may not run them.` : '';
    if (lost.length > 0) {
      return fail(
        `${named(lost)} no index any more${beyond(lost, 'statement')}.${left}`,
        shown(lost.map(evidenceOf)),
        await remedyOf(look, lost),
      );
    }
    if (large.length > 0) {
      const tables = [...new Set(large.map(({ table }) => table))];
      return warn(
        `The planner reads all of ${tables.join(', ')} where few rows are asked for, as if it did not know them${beyond(large, 'statement')}.${left}`,
        shown(large.map(evidenceOf)),
        { fix: tables.map((table) => `analyze ${look.schema}.${table}`) },
      );
    }
    return ok(`${asked.length - unasked} statements find what they ask for by an index.${left}`);
  },
});

function named(offences: readonly Offence[]): string {
  const names = [...new Set(offences.map(({ asked }) => asked.operation))];
  return `${names.slice(0, 5).join('; ')}${names.length > 5 ? '; and others' : ''} ${names.length === 1 ? 'has' : 'have'}`;
}

const evidenceOf = ({ asked, table }: Offence): Evidence => ({
  operation: asked.operation,
  table,
  statement: asked.text.replaceAll(/\s+/g, ' ').trim(),
});

/** A node of a plan, as far as it is read here. */
interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Cond'?: string;
  Filter?: string;
  Plans?: Node[];
}

async function judge({ session, schema }: Look, asked: readonly Asked[]) {
  const large = await largeTables(session, schema);
  const growing = growingTables();
  const suspects: Offence[] = [];
  const onLarge: Asked[] = [];
  let unasked = 0;
  // As if reading all of a table cost everything: also in a small one it is only read so where there is no other way.
  // Nor is a small one sorted where an index gives the order: PostgreSQL 15 likes to.
  await session.query('set local enable_seqscan to off; set local enable_sort to off');
  for (const one of asked) {
    const plan = await planOf(session, one);
    if (plan === 'no_right') unasked++;
    else if (plan === 'no_key') suspects.push({ asked: one, table: writtenBy(one) });
    else {
      suspects.push(...readWhole(plan, growing).map((table) => ({ asked: one, table })));
      if (!one.ofMany && tablesOf(plan).some((table) => large.has(table))) onLarge.push(one);
    }
  }
  const lost = await withoutIndex(session, suspects, growing);
  await session.query(
    'set local enable_seqscan to on; set local enable_indexscan to on; set local enable_indexonlyscan to on',
  );
  return { lost, unasked, large: await chosen(session, onLarge, large) };
}

/**
 * In a small table an index that gives the order is as good as the one that finds the row, and may be taken instead. Where
 * that is forbidden too, the one that finds it is left, if there is one.
 */
async function withoutIndex(
  session: Queryable,
  suspects: readonly Offence[],
  growing: ReadonlySet<string>,
): Promise<Offence[]> {
  await session.query(
    'set local enable_sort to on; set local enable_indexscan to off; set local enable_indexonlyscan to off',
  );
  const lost: Offence[] = [];
  for (const suspect of suspects) {
    const plan = await planOf(session, suspect.asked);
    if (typeof plan === 'string' || readWhole(plan, growing).includes(suspect.table)) lost.push(suspect);
  }
  return lost;
}

/** What the planner would read whole by itself, of large tables. */
async function chosen(
  session: Queryable,
  asked: readonly Asked[],
  large: ReadonlySet<string>,
): Promise<Offence[]> {
  const offences: Offence[] = [];
  for (const one of asked) {
    const plan = await planOf(session, one);
    if (typeof plan === 'string') continue;
    const tables = nodesOf(plan)
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .flatMap(tableOf);
    for (const table of new Set(tables)) if (large.has(table)) offences.push({ asked: one, table });
  }
  return offences;
}

async function largeTables(session: Queryable, schema: string): Promise<Set<string>> {
  const rows = await session.query<{ name: string }>(
    `select relname::text as name from pg_class
     where relnamespace = $1::regnamespace and relname = any ($2) and reltuples > $3`,
    [schema, [...growingTables()], LARGE_ROWS],
  );
  return new Set(rows.map(({ name }) => name));
}

/** How the server would go about a statement; it is not run. `no_key`: its ON CONFLICT has lost the unique index. */
async function planOf(session: Queryable, { text, values }: Asked): Promise<Node | 'no_right' | 'no_key'> {
  await session.query('savepoint claire_plan');
  try {
    const [row] = await session.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `explain (format json, costs off) ${text}`,
      values,
      { prepared: false },
    );
    return row!['QUERY PLAN'][0].Plan;
  } catch (error) {
    if (!(error instanceof ClaireError)) throw error;
    await session.query('rollback to savepoint claire_plan');
    const state = error.details?.sqlstate;
    if (state === '42501') return 'no_right';
    if (state === '42P10') return 'no_key';
    throw error;
  }
}

const writtenBy = ({ text }: Asked): string => /insert into \S+\.(\w+)/.exec(text)?.[1] ?? '';

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const tableOf = (node: Node): string[] => (node['Relation Name'] ? [node['Relation Name']] : []);
const tablesOf = (plan: Node): string[] => nodesOf(plan).flatMap(tableOf);

/**
 * The tables that grow and are read from end to end: one after another, or along an index that finds nothing in it, only to
 * throw rows away or to sort them.
 */
function readWhole(node: Node, growing: ReadonlySet<string>, isSorted = false): string[] {
  const type = node['Node Type'];
  const isWalk = type.startsWith('Index') && !node['Index Cond'] && (node.Filter !== undefined || isSorted);
  const own = type === 'Seq Scan' || isWalk ? tableOf(node).filter((table) => growing.has(table)) : [];
  const below = (node.Plans ?? []).flatMap((next) =>
    // One that is incremental gets its rows in order but for the last of it, and stops where enough of them came.
    readWhole(next, growing, isSorted || type === 'Sort'),
  );
  return [...new Set([...own, ...below])];
}

/** The indexes of the release that are not there, made again; else what tells how the book differs. */
async function remedyOf({ session, book, schema }: Look, lost: readonly Offence[]): Promise<Remedy> {
  const tables = new Set(lost.map(({ table }) => table));
  const there = await session.query<{ name: string; invalid: boolean }>(
    `select i.relname::text as name, not (x.indisvalid and x.indisready) as invalid
     from pg_index as x join pg_class as i on i.oid = x.indexrelid where i.relnamespace = $1::regnamespace`,
    [schema],
  );
  const names = new Set(there.map(({ name }) => name));
  const missing = (await releasedIndexes()).filter(
    ({ name, table }) => tables.has(table) && !names.has(name),
  );
  if (missing.length > 0) return { fix: missing.map(({ statement }) => statement(book)) };
  if (there.some(({ invalid }) => invalid)) return { command: 'claire doctor --fix invalid_indexes' };
  return { command: `claire schema diff${book === 'main' ? '' : ` --book ${book}`}` };
}
