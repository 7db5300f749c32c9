import type { Queryable } from '../../src/database/index.js';
import type { Step } from '../../src/schema/steps.js';
import type { Fixture } from '../harness/book.js';

/** What the server itself says of a step that ran. */
export interface Seen {
  /** The strongest lock, in PostgreSQL's words, on what stood before the step; and on what. */
  lock: string;
  relations: string[];
  /** Tables of which every row was read, and such that were written anew under their lock. */
  read: string[];
  rewritten: string[];
}

export const SEED = ['signals', 'orders', 'trades', 'risk_events'];

const STRENGTH = [
  ...['none', 'ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE'],
  ...['SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
];

interface Relation {
  oid: string;
  name: string;
  file: string;
}

/** Tables, views that are stored, indexes and sequences. */
const relationsOf = (t: Queryable, book: string) =>
  t.query<Relation>(
    `select oid::text, relname::text as name, relfilenode::text as file from pg_class
     where relnamespace = $1::regnamespace and relkind in ('r', 'm', 'i', 'S')`,
    [book],
  );

async function strongest(t: Queryable, pid: number, before: readonly Relation[]) {
  const locks = await t.query<{ oid: string; mode: string }>(
    `select relation::text as oid, mode from pg_locks
     where pid = $1 and locktype = 'relation' and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [pid],
  );
  let lock = 'none';
  let relations: string[] = [];
  for (const { oid, mode } of locks) {
    const name = before.find((relation) => relation.oid === oid)?.name;
    // RowExclusiveLock is ROW EXCLUSIVE.
    const words = mode
      .replace(/Lock$/, '')
      .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase();
    if (name === undefined || STRENGTH.indexOf(words) < STRENGTH.indexOf(lock)) continue;
    relations = words === lock ? [...relations, name] : [name];
    lock = words;
  }
  return { lock, relations };
}

/** Rows that the open transaction read, by table. */
const rowsRead = async (t: Queryable, book: string) =>
  new Map(
    (
      await t.query<{ name: string; rows: number }>(
        `select relname::text as name, (seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 as rows
         from pg_stat_xact_user_tables where schemaname = $1`,
        [book],
      )
    ).map(({ name, rows }) => [name, rows]),
  );

async function rowsOf(t: Queryable, book: string): Promise<Map<string, number>> {
  const counts = SEED.map(
    (name) => `select '${name}' as name, count(*)::float8 as rows from ${book}.${name}`,
  );
  const found = await t.query<{ name: string; rows: number }>(counts.join(' union all '));
  return new Map(found.map(({ name, rows }) => [name, rows]));
}

/** Runs a step in a transaction and looks at what it holds before the commit. */
export async function seeInTransaction(session: Queryable, book: string, step: Step): Promise<Seen> {
  const before = await relationsOf(session, book);
  const all = await rowsOf(session, book);
  await session.query('begin');
  const [own] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const readBefore = await rowsRead(session, book);
  for (const statement of step.statements) {
    await session.query(statement, step.kind === 'batches' ? [0, '9223372036854775807'] : undefined);
  }
  const held = await strongest(session, own!.pid, before);
  const readAfter = await rowsRead(session, book);
  const after = await relationsOf(session, book);
  await session.query('commit');
  const read = [...all].filter(
    ([name, rows]) => (readAfter.get(name) ?? 0) - (readBefore.get(name) ?? 0) >= rows,
  );
  const rewritten = after.filter(({ oid, name, file }) =>
    before.some((each) => each.oid === oid && each.name === name && each.file !== file),
  );
  return { ...held, read: read.map(([name]) => name), rewritten: rewritten.map(({ name }) => name) };
}

/** Runs what cannot run in a transaction while an old snapshot holds it up, and looks from beside. */
export async function seeHeldUp(fixture: Fixture, session: Queryable, book: string, step: Step) {
  const [own] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const before = await relationsOf(session, book);
  return fixture.database.session(async (holder) => {
    await holder.query('begin isolation level repeatable read');
    for (const table of SEED) {
      await holder.query(`select from ${book}.${table} limit 1`);
    }
    const running = session.query(step.statements[0]!);
    let isRunning = true;
    const ended = running.finally(() => {
      isRunning = false;
    });
    ended.catch(() => {});
    for (let waits = false; !waits; ) {
      if (!isRunning) throw new Error(`nothing held up: ${step.statements[0]}`);
      // For a transaction to end, and not for the lock itself, which autovacuum may hold for a moment.
      const [row] = await fixture.database.query<{ waits: boolean }>(
        `select exists (
           select from pg_locks where pid = $1 and locktype = 'virtualxid' and not granted
         ) as waits`,
        [own!.pid],
      );
      waits = row!.waits;
    }
    const held = await strongest(fixture.database, own!.pid, before);
    await holder.query('commit');
    await ended;
    return held;
  });
}
