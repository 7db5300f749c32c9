import { createHash } from 'node:crypto';
import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { Context } from './operation.js';

/** Operations of one transaction. `book` is quoted. */
export function transactionContext(t: Queryable, book: string): Context {
  let savepoints = 0;
  return {
    database: t,
    book,
    inTransaction: true,
    async attempt(work) {
      const savepoint = identifier(`claire_${++savepoints}`);
      await t.query(`savepoint ${savepoint}`);
      try {
        const result = await work();
        await t.query(`release savepoint ${savepoint}`);
        return result;
      } catch (error) {
        await t.query(`rollback to savepoint ${savepoint}`);
        throw error;
      }
    },
  };
}

/**
 * Runs operations in one transaction for somebody whom the login does not name: what is recorded says `LOGIN (actor)`.
 * Tried again as a whole on a serialization failure or a deadlock.
 */
export async function acting<T>(
  database: Database,
  book: string,
  actor: string | undefined,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  return database.transaction(async (t) => {
    if (actor !== undefined) await t.query(`select set_config('claire.actor', $1, true)`, [actor]);
    return work(transactionContext(t, identifier(book)));
  });
}

export interface Answer {
  status: number;
  /** The text that was sent. */
  body: string;
}

export interface Once {
  /** As the caller made it up. */
  key: string;
  /** Who may meet this key again: the id of a token, or what stands for nobody. */
  caller: string;
  /** Of all that the request asks for: see `hashOf`. */
  hash: string;
  /** Whom the login acts for, where it does. */
  actor?: string | undefined;
}

/**
 * Gives what `work` answers, recorded in its own transaction; to the same key within a day the same answer, without `work`.
 * Of two at once the second waits for the first. What fails leaves nothing: its key is free.
 * @throws ClaireError idempotency_conflict where the key was used for something else
 */
export async function once(
  database: Database,
  book: string,
  { key, caller, hash, actor }: Once,
  work: (context: Context) => Promise<Answer>,
): Promise<Answer & { repeated: boolean }> {
  return acting(database, book, actor, async (context) => {
    const [kept] = await context.database.query<{ request_hash: string | null } & Answer>(
      `select request_hash, status, answer as body from ${context.book}.answer_kept($1, $2)`,
      [caller, key],
    );
    if (kept && kept.request_hash !== null) {
      if (kept.request_hash !== hash) throw new ClaireError('idempotency_conflict');
      return { status: kept.status, body: kept.body, repeated: true };
    }
    const { status, body } = await work(context);
    await context.database.query(`select ${context.book}.keep_answer($1, $2, $3, $4, $5)`, [
      ...[caller, key, hash, status, body],
    ]);
    return { status, body, repeated: false };
  });
}

/** Of the parts of a request, in order. */
export const hashOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');
