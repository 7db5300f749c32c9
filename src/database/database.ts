import { setTimeout as sleep } from 'node:timers/promises';
import { ClaireError, isRetryable } from '../errors/index.js';
import { type Deadline, InTime } from './deadline.js';
import type { Notice } from './holders.js';
import { type CommitMark, fateOf, markCommit } from './lost-commit.js';
import { ConnectionPool } from './pool.js';
import type { PoolStats } from './pool-stats.js';
import { type Echo, isLost, type Origin, type Session } from './session.js';

/** Where statements go: a pool, or one transaction. */
export interface Queryable {
  /** Runs one statement and gives its rows. Throws ClaireError only. */
  query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]>;
}

export interface QueryOptions {
  /** False where the plan depends so much on the values that it must be made each time. */
  prepared?: boolean;
}

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readOnly?: boolean;
  /** How often the work is tried when it meets a serialization failure or a deadlock. Default 5. */
  attempts?: number;
}

export interface DatabaseOptions {
  databaseUrl: string;
  /** Shown by the server for each connection. */
  applicationName: string;
  /** Largest number of connections. Default 10. */
  connections?: number;
  /** How many of them stay when they are idle. Default 0. */
  baseConnections?: number;
  /** After how many milliseconds a connection beyond those is ended when it is idle. Default 5 s. */
  idleAfter?: number;
  /** How long a caller waits for a connection, in milliseconds, also while the server restarts. Default 30 s, as the seed has it. */
  checkoutTimeout?: number;
  /** After how many milliseconds a connection is replaced, less up to a tenth. Default an hour, as the seed has it. */
  recycleAfter?: number;
  /** How long a statement may take, in milliseconds; 0 for ever. A service's: 30 s; else the server's setting counts. */
  statementTimeout?: number;
  /** How long a transaction may wait for its client, in milliseconds. A service's: 30 s; else the server's setting counts. */
  idleInTransactionTimeout?: number;
  /** After how many milliseconds a connection that is out is reported; 0 for never. A service's: 60 s; else never. */
  leakAfter?: number;
  /** Told of connections that are out for too long. Default: a warning of the process. */
  onNotice?: (notice: Notice) => void;
  /** Told of connections that were lost while nobody had them. Default: nobody; the next caller gets another one. */
  onLost?: ((lost: { service: string; reason: string }) => void) | undefined;
  /** Whether a server that was there is waited for within the checkout when it is away. A service does; else not. */
  reconnects?: boolean;
  /** A pooler hands connections on between transactions: it is told of no time limits, and keeps no prepared statements. */
  pooler?: boolean;
  /**
   * Whether the server keeps statements that are used often prepared, which spares most of the time of a small read.
   * Default true; behind a pooler false: PgBouncer knows them from 1.21 on.
   */
  preparedStatements?: boolean;
  /**
   * Whether a number in a JSON column that a float cannot hold arrives as a LosslessNumber, which `toJson` writes as a
   * number again. Default false: as its decimal text.
   */
  losslessJson?: boolean;
  /** Told of each statement that was run, without its values. A service's: see CLAIRE_ECHO. */
  echo?: ((entry: Echo) => void) | undefined;
  /** Whether `echo` is told of values too. */
  echoValues?: boolean;
}

/** What a statement whose connection was lost may be: run again without harm, and if not, what to say of it. */
export type Repeatable = 'read' | 'write';

/** A pool on one database. The only way to the server; every error that leaves it is a ClaireError. */
export class Database implements Queryable {
  readonly #pool: ConnectionPool;
  readonly #deadline: Deadline | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions | ConnectionPool, deadline?: Deadline) {
    this.#pool = options instanceof ConnectionPool ? options : new ConnectionPool(options);
    this.#deadline = deadline;
  }

  /**
   * The same pool for work that has to end: later no statement begins, and nothing is tried again or committed.
   * What it throws where that is so: ClaireError deadline_passed.
   */
  within(deadline: Deadline): Database {
    return new Database(this.#pool, deadline);
  }

  /** Runs one statement, which is a transaction of its own; tried again as `retry` does. */
  async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
    const run = async (session: Session): Promise<Row[]> => {
      // The session's own time limit would let it end too late: a transaction can be told another one.
      if (this.#deadline && this.#deadline.longest < this.#pool.statementTimeout)
        return this.#inTransaction(session, (t) => t.query<Row>(text, values, options), {}, {});
      return (await session.run(text, values, options)).rows;
    };
    return this.retry(() => this.#lend(run));
  }

  /**
   * The same pool for statements that may be run twice: a read, or a write that knows its rows by their ids. One whose
   * connection is lost is run once more, on another; so a write is found where it stands, and written where it does not.
   * @throws ClaireError write_unresolved where the second one tells nothing of the first.
   */
  repeating(kind: Repeatable): Queryable {
    return {
      query: async <Row>(text: string, values?: readonly unknown[], options?: QueryOptions) => {
        try {
          return await this.query<Row>(text, values, options);
        } catch (error) {
          if (!isLost(error)) throw error;
          return this.query<Row>(text, values, options).catch((again: unknown) => {
            throw kind === 'read' || isOfRows(again) ? again : unresolved(again);
          });
        }
      },
    };
  }

  /**
   * Runs `work` on one connection that nobody else uses meanwhile, for what outlives a transaction. It may take its time;
   * where it is `bounded`, it has to be back as any other, and a statement to be answered in its time.
   */
  async session<T>(
    work: (session: Queryable) => Promise<T>,
    { bounded = false }: { bounded?: boolean } = {},
  ): Promise<T> {
    const keep = async (session: Session) => {
      // Until the work has succeeded nobody knows what it left behind: the connection is not given to the next caller.
      session.whole = false;
      session.isKept = !bounded;
      const result = await work(session);
      session.whole = !session.hasEnded;
      return result;
    };
    return this.#pool.lend(keep, whoCalls(this.session));
  }

  /**
   * Runs `work` in a transaction and commits it; tried again as `retry` does, and once more where the connection was lost
   * and nothing of it stands. Where the answer to COMMIT was lost, the server is asked what became of it.
   * @throws ClaireError transaction_timed_out, write_unresolved
   */
  async transaction<T>(work: (t: Queryable) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const origin = whoCalls(this.transaction);
    const once = () => this.retry(() => this.#transact(work, options, origin), options.attempts);
    try {
      return await once();
    } catch (error) {
      if (!isLost(error)) throw error;
      return once();
    }
  }

  /**
   * Runs work that is one transaction, and again with a growing, jittered pause where the server rolled it back for a
   * serialization failure or a deadlock.
   */
  async retry<T>(work: () => Promise<T>, attempts = 5): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isRetryable(error) || attempt >= attempts) throw error;
        await sleep(2 ** attempt * 5 * (0.5 + Math.random()));
      }
    }
  }

  /** Whether a connection is open and nobody waits for it: what can wait takes no other. */
  get hasIdle(): boolean {
    return this.#pool.hasIdle;
  }

  /** What the pool does at this moment, and what it has counted since it was made; still there when it is closed. */
  stats(): PoolStats {
    return this.#pool.stats();
  }

  /** Takes no new work, waits for what is under way, and ends the connections. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.close();
    return this.#closing;
  }

  #lend<T>(work: (session: Session) => Promise<T>, origin?: Origin): Promise<T> {
    const deadline = this.#deadline;
    if (!deadline) return this.#pool.lend(work, origin);
    deadline.require();
    const inTime = (session: Session) => {
      // The checkout may have taken a while.
      deadline.require();
      return work(session);
    };
    return this.#pool.lend(inTime, origin);
  }

  #inTransaction<T>(
    session: Session,
    work: (t: Queryable) => Promise<T>,
    options: TransactionOptions,
    commit: Commit<T>,
  ): Promise<T> {
    const deadline = this.#deadline;
    if (!deadline) return inTransaction(session, work, options, commit);
    const inTime = async () => {
      const result = await work(new InTime(session, deadline, this.#pool.statementTimeout));
      // So that it is not committed.
      deadline.require();
      return result;
    };
    return inTransaction(session, inTime, options, commit);
  }

  async #transact<T>(
    work: (t: Queryable) => Promise<T>,
    options: TransactionOptions,
    origin: Origin,
  ): Promise<T> {
    const commit: Commit<T> = {};
    try {
      const run = (session: Session) => this.#inTransaction(session, work, options, commit);
      return await this.#lend(run, origin);
    } catch (error) {
      if (!isLost(error) || !commit.isSent) throw error;
      if (await this.#stands(commit.mark)) return commit.result as T;
      throw error;
    }
  }

  /** Whether a transaction whose COMMIT got no answer is recorded. */
  async #stands(mark: CommitMark | undefined): Promise<boolean> {
    // It has written nothing: what it read is as good as committed.
    if (!mark) return true;
    const until = performance.now() + this.#pool.checkoutTimeout;
    const fate = await fateOf(this.repeating('read'), mark, until).catch((error: unknown) => {
      throw unresolved(error);
    });
    if (fate === 'unknown') throw new ClaireError('write_unresolved');
    return fate === 'committed';
  }
}

/** The error of a write of which one try may stand in the record, and of which the next told nothing. */
const unresolved = (error: unknown): ClaireError =>
  new ClaireError('write_unresolved', { found: (error as Error).message, cause: error });

/** Whether an error speaks of the rows: a law refuses them, or they are there. What else goes wrong says nothing of them. */
const isOfRows = (error: unknown): boolean =>
  error instanceof ClaireError &&
  ([409, 422].includes(error.status) || /^(23|P0)/.test(String(error.details?.sqlstate)));

/** Calls of the caller's own come after some of ours. */
const FRAMES = 25;

/** The stack above a function. The frames cost some microseconds, their text is made where somebody reads it. */
function whoCalls(above: (...never: never[]) => unknown): Origin {
  const { stackTraceLimit } = Error;
  const origin: Origin = {};
  Error.stackTraceLimit = FRAMES;
  Error.captureStackTrace(origin, above);
  Error.stackTraceLimit = stackTraceLimit;
  return origin;
}

/** How far a transaction came. */
interface Commit<T> {
  isSent?: boolean;
  mark?: CommitMark | undefined;
  result?: T;
}

async function inTransaction<T>(
  session: Session,
  work: (t: Queryable) => Promise<T>,
  options: TransactionOptions,
  commit: Commit<T>,
): Promise<T> {
  const mode = `isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
  session.inTransaction = true;
  try {
    await session.run(`begin ${mode}`);
    // The server ends one that leaves it waiting: whoever waits for the result is told, even where `work` never ends.
    const result = await Promise.race([work(session), session.timedOut()]);
    // Not left to COMMIT: where the answer is lost, nobody could tell its ROLLBACK from a transaction that wrote nothing.
    if (session.hasFailed) throw new ClaireError('transaction_lost');
    if (!options.readOnly && session.canCommit) commit.mark = await markCommit(session);
    // What `work` left behind un-awaited must not run after the end, where each statement would commit on its own.
    session.end();
    commit.result = result;
    commit.isSent = true;
    // A statement that failed and whose error was swallowed by `work` turns COMMIT into ROLLBACK, without an error.
    if ((await session.run('commit')).command !== 'COMMIT') throw new ClaireError('transaction_lost');
    return result;
  } catch (error) {
    session.end();
    if (!isLost(error)) {
      await session.run('rollback').catch(() => {
        session.whole = false;
      });
    }
    throw error;
  }
}
