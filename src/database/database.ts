import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientBase, Pool, type QueryResult } from 'pg';
import { ClaireError, fromPostgres, isOfStatement, isRetryable } from '../errors/index.js';
import { typeParsers } from './codecs.js';
import { parseDatabaseUrl } from './connection-string.js';
import { StatementNames } from './statement-names.js';

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
  /** How long a caller waits for a connection. Default 30 s, as the seed has it. */
  checkoutTimeout?: number;
  /** False where connections are handed on between statements by a pooler that does not know prepared ones. */
  preparedStatements?: boolean;
}

/** A pool on one database. The only way to the server; every error that leaves it is a ClaireError. */
export class Database implements Queryable {
  readonly #pool: Pool;
  readonly #names: StatementNames | undefined;
  readonly #working = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    const address = parseDatabaseUrl(options.databaseUrl);
    this.#names = options.preparedStatements === false ? undefined : new StatementNames();
    this.#pool = new Pool({
      ...address,
      application_name: options.applicationName,
      max: options.connections ?? 10,
      connectionTimeoutMillis: options.checkoutTimeout ?? 30_000,
      idleTimeoutMillis: 10_000,
      maxLifetimeSeconds: 3600,
      keepAlive: true,
      types: typeParsers,
      Client: PromptClient,
    });
    // An idle connection that the server ends is replaced at the next query; without a listener it would end us.
    this.#pool.on('error', ignore);
  }

  /** Runs one statement, which is a transaction of its own; tried again as `retry` does. */
  async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
    return this.retry(() => this.#borrow(async (session) => (await session.run(text, values, options)).rows));
  }

  /** Runs `work` on one connection that nobody else uses meanwhile, for what outlives a transaction. */
  async session<T>(work: (session: Queryable) => Promise<T>): Promise<T> {
    return this.#borrow(async (session) => {
      // Until the work has succeeded nobody knows what it left behind: the connection is not given to the next caller.
      session.whole = false;
      const result = await work(session);
      session.whole = true;
      return result;
    });
  }

  /** Runs `work` in a transaction and commits it; tried again as `retry` does. */
  async transaction<T>(work: (t: Queryable) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const once = () => this.#borrow((session) => inTransaction(session, work, options));
    return this.retry(once, options.attempts);
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

  /** Takes no new work, waits for what is under way, and ends the connections. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#working).then(() => this.#pool.end());
    return this.#closing;
  }

  #borrow<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new ClaireError('claire_closed'));
    const borrowed = this.#use(work);
    this.#working.add(borrowed);
    const done = () => this.#working.delete(borrowed);
    borrowed.then(done, done);
    return borrowed;
  }

  async #use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw fromPostgres(error);
    });
    const session = new Session(client, this.#names);
    client.on('error', ignore);
    try {
      return await work(session);
    } finally {
      session.end();
      client.off('error', ignore);
      client.release(!session.whole);
    }
  }
}

const ignore = () => {};

/**
 * The server has the statement no more, or not as it is needed: a migration gave a column of its answer another type,
 * somebody discarded it, or a pooler handed us another server's connection.
 */
const isStale = (error: unknown): boolean => {
  const { code, routine } = error as { code?: string; routine?: string };
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery');
};
const STALE = 'The prepared statement is not on the server as it is needed.';

/**
 * Ends the connection where it could not log in. The driver leaves it half open when the password cannot be had, and
 * the server waits a minute for it, in a slot that somebody needs.
 */
class PromptClient extends Client {
  override connect(): Promise<Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): unknown {
    if (!callback) return super.connect();
    return super.connect((error: Error) => {
      if (error) (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      callback(error);
    });
  }
}

/** One connection while it is borrowed. Whoever keeps it longer is refused: it is somebody else's by then. */
class Session implements Queryable {
  readonly #client: ClientBase;
  readonly #names: StatementNames | undefined;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the next caller may have the connection. */
  whole = true;
  /** Whether a statement that fails takes others with it. */
  inTransaction = false;

  constructor(client: ClientBase, names: StatementNames | undefined) {
    this.#client = client;
    this.#names = names;
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
    const name = values && prepared ? this.#names?.nameOf(text) : undefined;
    try {
      return await this.#send(text, values, name);
    } catch (error) {
      if (name !== undefined && isStale(error)) {
        this.#names!.renew(text);
        if (!this.inTransaction) return this.run(text, values, { prepared: false });
        throw new ClaireError('transaction_conflict', { found: STALE, cause: error });
      }
      if (!isOfStatement(error)) this.whole = false;
      throw fromPostgres(error);
    }
  }

  #send(text: string, values: readonly unknown[] | undefined, name: string | undefined) {
    const query = { text, ...(values && { values: [...values] }), ...(name && { name }) };
    // One after another: the ROLLBACK of a transaction waits for the statement that its failing work left under way.
    const answer = this.#last.then(() => this.#client.query(query));
    this.#last = answer.catch(ignore);
    return answer;
  }

  end(): void {
    this.#ended = true;
  }
}

async function inTransaction<T>(
  session: Session,
  work: (t: Queryable) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const mode = `isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
  session.inTransaction = true;
  try {
    await session.run(`begin ${mode}`);
    const result = await work(session);
    // What `work` left behind un-awaited must not run after the end, where each statement would commit on its own.
    session.end();
    // A statement that failed and whose error was swallowed by `work` turns COMMIT into ROLLBACK, without an error.
    if ((await session.run('commit')).command !== 'COMMIT') throw new ClaireError('transaction_lost');
    return result;
  } catch (error) {
    session.end();
    await session.run('rollback').catch(() => {
      session.whole = false;
    });
    throw error;
  }
}
