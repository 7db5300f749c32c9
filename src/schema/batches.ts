import { setTimeout as sleep } from 'node:timers/promises';
import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type Application, inTransaction, LOCK_MS } from './application.js';
import { persist } from './hindrances.js';

/** Between these the next batch is as long as the one before; the writers beside it wait for a batch at most. */
const BATCH_MS = { short: 15, long: 40 };
const FIRST_IDS = 500;
const MOST_IDS = 100_000;
/** Share of its working time that a batch leaves to others, before the next one begins. */
const PAUSE = 0.5;
/** Ids that are passed by the laws under one lock. */
const EXCEPTIONAL_IDS = 100;

interface Work {
  table: string;
  /** Has the ids of the batch between $1 (exclusive) and $2 (inclusive). */
  statement: string;
  /** Given the rows of each batch. */
  onRows?: (rows: unknown[]) => void | Promise<void>;
  note?: string;
}

/** Runs a statement over the ids of a table, some at a time, each batch a transaction of its own. */
export async function runBatches(application: Application, work: Work): Promise<void> {
  const { session, onProgress, signal } = application;
  const { table, onRows, note = `rows of ${table}` } = work;
  await session.query(`set lock_timeout to ${LOCK_MS}`);
  // Nothing is lost with the last batches: the file is recorded, durably, after them, and else they run again.
  await session.query('set synchronous_commit to off');
  try {
    const [range] = await session.query<{ first: number; last: number }>(
      `select coalesce(min(id), 1)::bigint - 1 as first, coalesce(max(id), 0)::bigint as last from ${identifier(table)}`,
    );
    const { first, last } = range!;
    for (let from = first, ids = FIRST_IDS; from < last; ) {
      signal?.throwIfAborted();
      const to = Math.min(from + ids, last);
      const begun = performance.now();
      const rows = await runBatch(application, { ...work, from, to });
      const took = performance.now() - begun;
      if (took < BATCH_MS.short) ids = Math.min(ids * 2, MOST_IDS);
      else if (took > BATCH_MS.long) ids = Math.max(Math.ceil(ids / 2), 1);
      from = to;
      await onRows?.(rows);
      onProgress?.({ done: to - first, total: last - first, note });
      await sleep(took * PAUSE);
    }
  } finally {
    await session.query('reset synchronous_commit').catch(() => {});
  }
}

interface Batch extends Work {
  from: number;
  to: number;
}

async function runBatch(application: Application, batch: Batch): Promise<unknown[]> {
  const { table, statement, from, to } = batch;
  const { session } = application;
  try {
    return await persist(application, table, () => session.query(statement, [from, to]));
  } catch (error) {
    if (!isRefusedByCheck(error)) throw error;
    if (to - from <= EXCEPTIONAL_IDS) {
      await persist(application, table, () => pastTheLaws(session, batch, error));
      return [];
    }
    for (let next = from; next < to; next += EXCEPTIONAL_IDS) {
      await runBatch(application, { ...batch, from: next, to: Math.min(next + EXCEPTIONAL_IDS, to) });
    }
    return [];
  }
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
