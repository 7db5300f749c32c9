import type { QueryResult } from 'pg';
import { ClaireError, fromPostgres, isOfStatement } from '../errors/index.js';
import type { Queryable, QueryOptions } from './database.js';
import type { Link } from './link.js';
import type { StatementNames } from './statement-names.js';

/** One statement that was run, for whoever wants to see them. */
export interface Echo {
  /** Name of the pool. */
  service: string;
  /** The text; its values stand in `values`, where they were asked for. */
  statement: string;
  values?: readonly unknown[];
  milliseconds: number;
  /** SQLSTATE or message where it failed. */
  error?: string;
}

export interface SessionOptions {
  names: StatementNames | undefined;
  /** How long an answer is waited for, in milliseconds; undefined: for ever. */
  readLimit: number | undefined;
  echo:
    | ((text: string, values: readonly unknown[] | undefined, since: number, error?: unknown) => void)
    | undefined;
}

/** Errors of statements whose connection was lost before the answer came: whether they were run is not known. */
const lost = new WeakSet<ClaireError>();

/** Whether the connection was lost while a statement was under way. */
export const isLost = (error: unknown): error is ClaireError => lost.has(error as ClaireError);

/**
 * The server has the statement no more, or not as it is needed: a migration gave a column of its answer another type,
 * somebody discarded it, or a pooler handed us another server's connection.
 */
const isStale = (error: unknown): boolean => {
  const { code, routine } = error as { code?: string; routine?: string };
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery');
};
const STALE = 'The prepared statement is not on the server as it is needed.';

/** One connection while it is borrowed. Whoever keeps it longer is refused: it is somebody else's by then. */
export class Session implements Queryable {
  readonly link: Link;
  readonly since = performance.now();
  readonly #options: SessionOptions;
  #ended = false;
  #underway = 0;
  #last: Promise<unknown> = Promise.resolve();
  /** What the connection ended with, where it did. */
  #end: unknown;
  /** Whether its state is known, so that the next caller may have it. */
  whole = true;
  /** Whether a statement got no answer. */
  isSilent = false;
  /** Whether a statement that fails takes others with it. */
  inTransaction = false;
  /** The statement that it runs, or ran last, without its values. */
  statement = '';

  constructor(link: Link, options: SessionOptions) {
    this.link = link;
    this.#options = options;
    this.timedOut = new Promise((_, reject) => {
      this.#timeOut = reject;
    });
    this.timedOut.catch(() => {});
  }

  async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
    if (this.#ended) throw new ClaireError('transaction_ended');
    return (await this.run(text, values, options)).rows;
  }

  async run(
    text: string,
    values?: readonly unknown[],
    { prepared = true }: QueryOptions = {},
  ): Promise<QueryResult> {
    // Without parameters it is a statement of a transaction or of a migration: nothing to keep.
    const name = values && prepared ? this.#options.names?.nameOf(text) : undefined;
    try {
      return await this.#send(text, values, name);
    } catch (error) {
      if (name !== undefined && isStale(error)) {
        this.#options.names!.renew(text);
        if (!this.inTransaction) return this.run(text, values, { prepared: false });
        throw new ClaireError('transaction_conflict', { found: STALE, cause: error });
      }
      if (isOfStatement(error)) throw fromPostgres(error);
      this.whole = false;
      const failure = fromPostgres(this.#end ?? error);
      if (failure.code === 'database_unreachable') {
        this.isSilent = true;
        lost.add(failure);
      }
      throw failure;
    }
  }

  async #send(text: string, values: readonly unknown[] | undefined, name: string | undefined) {
    const { readLimit, echo } = this.#options;
    const query = {
      text,
      ...(values && { values: [...values] }),
      ...(name && { name }),
      ...(readLimit && { query_timeout: readLimit }),
    };
    this.statement = text;
    this.#underway++;
    const since = performance.now();
    // One after another: the ROLLBACK of a transaction waits for the statement that its failing work left under way.
    const answer = this.#last.then(() => this.link.query(query));
    this.#last = answer.catch(() => {});
    try {
      const result = await answer;
      echo?.(text, values, since);
      return result;
    } catch (error) {
      echo?.(text, values, since, error);
      throw error;
    } finally {
      this.#underway--;
    }
  }

  /** Never resolves; rejects when the server ends the transaction because its client let it wait. */
  readonly timedOut: Promise<never>;
  #timeOut!: (error: ClaireError) => void;

  /** Whether a statement is on its way: nobody can say in which state it leaves the connection. */
  get isBusy(): boolean {
    return this.#underway > 0;
  }

  /** The connection has ended under it. */
  lose(error: unknown): void {
    this.#end ??= error;
    this.whole = false;
    const { failure } = this;
    if (failure?.code === 'transaction_timed_out') this.#timeOut(failure);
  }

  /** Whether COMMIT would commit: no statement of the transaction has failed. */
  get canCommit(): boolean {
    return this.link.getTransactionStatus() === 'T';
  }

  /** The error that it ended with, where it ended. */
  get failure(): ClaireError | undefined {
    return this.#end === undefined ? undefined : fromPostgres(this.#end);
  }

  end(): void {
    this.#ended = true;
  }
}
