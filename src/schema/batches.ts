import { setTimeout as sleep } from 'node:timers/promises';
import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type Application, inTransaction, LOCK_MS } from './application.js';
import { persist } from './hindrances.js';

/** Between these the next batch is as long as the one before; the writers beside it wait for a batch at most. */
const BATCH_MS = { short: 15, long: 40 };
const FIRST_ROWS = 500;
const MOST_ROWS = 20_000;
/** Share of its working time that a batch leaves to others, before the next one begins. */
const PAUSE = 0.5;
/** Rows that are passed by the laws under one lock. */
const EXCEPTIONAL_ROWS = 1000;

interface Work {
  table: string;
  /** Has the ids of the batch between $1 (exclusive) and $2 (inclusive). */
  statement: string;
  /** Given the rows of each batch. */
  onRows?: (rows: unknown[]) => void | Promise<void>;
  note?: string;
}

/** Ids as text: one that somebody chose himself may be larger than a number is exact. */
interface Batch extends Work {
  from: string;
  to: string;
}

/** Runs a statement over the rows of a table in the order of their ids, each batch a transaction of its own. */
export async function runBatches(application: Application, work: Work): Promise<void> {
  const { session, onProgress, signal } = application;
  const { table, onRows, note = `rows of ${table}` } = work;
  await session.query(`set lock_timeout to ${LOCK_MS}`);
  // Nothing is lost with the last batches: the file is recorded, durably, after them, and else they run again.
  await session.query('set synchronous_commit to off');
  try {
    const [whole] = await session.query<{ first: string | null; last: string; rows: number }>(
      `select (select (min(id)::numeric - 1)::text from ${identifier(table)}) as first,
         (select max(id)::text from ${identifier(table)}) as last,
         (select greatest(reltuples, 0)::float8 from pg_class where oid = $1::regclass) as rows`,
      [identifier(table)],
    );
    let done = 0;
    let from = whole!.first;
    for (let most = FIRST_ROWS; from !== null; ) {
      signal?.throwIfAborted();
      const next = await endOfBatch(session, table, { from, last: whole!.last, most });
      if (next.to === null) break;
      const { rows, took } = await runBatch(application, { ...work, from, to: next.to });
      if (took < BATCH_MS.short) most = Math.min(most * 2, MOST_ROWS);
      else if (took > BATCH_MS.long) most = Math.max(Math.ceil(most / 2), 1);
      from = next.to;
      done += next.rows;
      await onRows?.(rows);
      onProgress?.({ done, total: Math.max(whole!.rows, done), note });
      await sleep(took * PAUSE);
    }
  } finally {
    await session.query('reset synchronous_commit').catch(() => {});
  }
}

/** By rows and not by ids: after a gap a range of ids may suddenly be full of them. */
async function endOfBatch(
  session: Queryable,
  table: string,
  { from, last, most }: { from: string; last: string; most: number },
): Promise<{ to: string | null; rows: number }> {
  const [end] = await session.query<{ to: string | null; rows: number }>(
    `select max(id)::text as to, count(*)::float8 as rows
     from (select id from ${identifier(table)} where id > $1 and id <= $2 order by id limit $3) as batch`,
    [from, last, most],
  );
  return end!;
}

async function runBatch(application: Application, batch: Batch): Promise<{ rows: unknown[]; took: number }> {
  const { table, statement, from, to } = batch;
  const { session } = application;
  try {
    return await persist(application, table, () => timed(() => session.query(statement, [from, to])));
  } catch (error) {
    if (!isRefusedByCheck(error)) throw error;
    return runExceptional(application, batch, error);
  }
}

/** How long the last try took: who was waited for before it says nothing of the size of a batch. */
async function timed(work: () => Promise<unknown[]>): Promise<{ rows: unknown[]; took: number }> {
  const begun = performance.now();
  const rows = await work();
  return { rows, took: performance.now() - begun };
}

/** The rows of a refused batch, fewer at a time: as before where that is possible, else past the laws. */
async function runExceptional(
  application: Application,
  batch: Batch,
  refusal: unknown,
): Promise<{ rows: unknown[]; took: number }> {
  const { session } = application;
  const { table } = batch;
  for (let from = batch.from; ; ) {
    const end = await endOfBatch(session, table, { from, last: batch.to, most: EXCEPTIONAL_ROWS });
    if (end.to === null) break;
    const part = { ...batch, from, to: end.to };
    await persist(application, table, () => pastTheLaws(session, part, refusal));
    from = end.to;
  }
  // As long as a batch should be: its own size was not to blame.
  return { rows: [], took: BATCH_MS.short };
}

const isRefusedByCheck = (error: unknown): boolean =>
  error instanceof ClaireError && (error.cause as { code?: string } | undefined)?.code === '23514';

/**
 * An old row that breaks a NOT VALID law cannot be written at all, not even where the law is of no concern. The laws
 * that are not valid yet are taken away and brought back in one short transaction: nobody else ever sees them away.
 */
async function pastTheLaws(
  session: Queryable,
  { table, statement, from, to }: Batch,
  refusal: unknown,
): Promise<void> {
  const name = identifier(table);
  const laws = await session.query<{ law: string; definition: string }>(
    `select conname::text as law, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = $1::regclass and contype = 'c' and not convalidated`,
    [name],
  );
  if (laws.length === 0) throw refusal;
  const drop = laws.map(({ law }) => `drop constraint ${identifier(law)}`);
  const add = laws.map(({ law, definition }) => `add constraint ${identifier(law)} ${definition}`);
  await inTransaction(session, async () => {
    await session.query(`lock table ${name} in access exclusive mode`);
    await session.query(`alter table ${name} ${drop.join(', ')}`);
    await session.query(statement, [from, to]);
    await session.query(`alter table ${name} ${add.join(', ')}`);
  });
}
