import type { QueryResult } from 'pg';
import { ClaireError, fromPostgres, isOfStatement } from '../errors/index.js';
import type { Queryable, QueryOptions } from './database.js';
import type { PooledLink } from './link.js';
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

/** Where in the program a connection was borrowed. Its stack becomes text only where somebody reads it. */
export interface Origin {
  stack?: string;
}

export interface SessionOptions {
  names: StatementNames | undefined;
  /** How long an answer is waited for, in milliseconds; undefined: for ever. */
  readLimit: number | undefined;
  echo:
    | ((text: string, values: readonly unknown[] | undefined, since: number, error?: unknown) => void)
    | undefined;
  /** Takes the connection back. */
  giveBack(session: Session): unknown;
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
  readonly link: PooledLink;
  readonly origin: Origin | undefined;
  readonly since = performance.now();
  readonly #options: SessionOptions;
  #ended = false;
  #underway = 0;
  #sentAt = 0;
  /** How much had come at the last look at an overdue answer. */
  #received = -1;
  #last: Promise<QueryResult> | undefined;
  /** What the connection ended with, where it did. */
  #end: unknown;
  #onTimeOut: ((error: ClaireError) => void) | undefined;
  /** Whether its state is known, so that the next caller may have it. */
  whole = true;
  /** Whether a statement got no answer. */
  isSilent = false;
  /** Whether a statement that fails takes others with it. */
  inTransaction = false;
  isBack = false;
  /** Whether it is meant to be out for as long as it is. */
  isKept = false;
  /** Whether it was reported that it is out for long. */
  isReported = false;
  /** The statement that it runs, or ran last, without its values. */
  statement = '';

  constructor(link: PooledLink, options: SessionOptions, origin?: Origin) {
    this.link = link;
    this.origin = origin;
    this.#options = options;
    link.on('error', this.#lose);
  }

  async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
    if (this.#ended) {
      const failure = this.hasEnded ? this.#failure(this.#end) : undefined;
      // Work whose connection is lost while it does something else learns it here, and may be run again.
      throw failure && isLost(failure) ? failure : new ClaireError('transaction_ended');
    }
    return (await this.run(text, values, options)).rows;
  }

  async run(
    text: string,
    values?: readonly unknown[],
    { prepared = true }: QueryOptions = {},
  ): Promise<QueryResult> {
    // Without parameters it is a statement of a transaction or of a migration: nothing to keep.
    const name = values && prepared ? this.#options.names?.nameOf(text) : undefined;
    const { echo } = this.#options;
    const since = performance.now();
    try {
      const result = await this.#send(text, values, name);
      echo?.(text, values, since);
      return result;
    } catch (error) {
      echo?.(text, values, since, error);
      if (name !== undefined && isStale(error)) {
        this.#options.names!.renew(text);
        if (!this.inTransaction) return this.run(text, values, { prepared: false });
        throw new ClaireError('transaction_conflict', { found: STALE, cause: error });
      }
      if (isOfStatement(error)) throw fromPostgres(error);
      this.whole = false;
      const failure = this.#failure(this.#end ?? error);
      if (isLost(failure)) this.isSilent = true;
      throw failure;
    } finally {
      this.#underway--;
    }
  }

  /** The error of a connection that ended, or of what could not be sent on it. */
  #failure(error: unknown): ClaireError {
    const failure = fromPostgres(error);
    // On a connection that stood, an error of TLS is one of the network.
    if (failure.code === 'database_unreachable' || failure.code === 'connection_insecure') lost.add(failure);
    return failure;
  }

  #send(text: string, values: readonly unknown[] | undefined, name: string | undefined) {
    // Not as an object where no name is needed: the driver copies it, for a tenth of what a small statement costs.
    const send = () => {
      this.#sentAt = performance.now();
      return name === undefined
        ? this.link.query(text, values && [...values])
        : this.link.query({ text, name, values: [...values!] });
    };
    this.statement = text;
    // One after another: the ROLLBACK of a transaction waits for the statement that its failing work left under way.
    const isFirst = this.#underway++ === 0;
    this.#last = isFirst ? send() : this.#last!.catch(() => {}).then(send);
    return this.#last;
  }

  /** Whether a statement is on its way: nobody can say in which state it leaves the connection. */
  get isBusy(): boolean {
    return this.#underway > 0;
  }

  /** Whether the connection has ended under it. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Whether COMMIT would commit: no statement of the transaction has failed. */
  get canCommit(): boolean {
    return this.link.getTransactionStatus() === 'T';
  }

  /** Whether a statement of the transaction has failed, so that COMMIT would roll it back. */
  get hasFailed(): boolean {
    return this.link.getTransactionStatus() === 'E';
  }

  /** Rejects when the server ends the transaction because its client let it wait; never resolves. */
  timedOut(): Promise<never> {
    return new Promise((_, reject) => {
      this.#onTimeOut = reject;
    });
  }

  /** Ends a connection whose answer is overdue: the server is gone, and nothing has said so. */
  requireAnswer(now: number): void {
    const { readLimit } = this.#options;
    if (readLimit === undefined || this.isKept || !this.isBusy || now - this.#sentAt < readLimit) return;
    // A program that was busy with itself, or a long answer on a thin line: what has come since the last look counts.
    const { received } = this.link;
    if (this.#received !== received) {
      this.#received = received;
      return;
    }
    this.link.sever(`no answer for ${(readLimit / 1000).toFixed(1)} s`);
  }

  /** Takes no more statements. */
  end(): void {
    this.#ended = true;
  }

  /** The connection is somebody else's from now on. */
  leave(): void {
    this.link.off('error', this.#lose);
  }

  readonly #lose = (error: unknown): void => {
    this.#end ??= error;
    this.whole = false;
    const failure = fromPostgres(this.#end);
    if (failure.code === 'transaction_timed_out') this.#onTimeOut?.(failure);
    // Who waits for something else may never come back, but the place in the pool does.
    if (!this.isBusy && !this.isBack) void this.#options.giveBack(this);
  };
}
