import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type PoolClient } from 'pg';
import { ClaireError, fromPostgres, isRetryable } from '../errors/index.js';
import { typeParsers } from './codecs.js';
import { parseDatabaseUrl } from './connection-string.js';

/** Where statements go: a pool, or one transaction. */
export interface Queryable {
  /** Runs one statement and gives its rows. Throws ClaireError only. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
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
}

/** A pool on one database. The only way to the server; every error that leaves it is a ClaireError. */
export class Database implements Queryable {
  readonly #pool: Pool;
  #closed = false;

  constructor(options: DatabaseOptions) {
    const address = parseDatabaseUrl(options.databaseUrl);
    this.#pool = new Pool({
      ...address,
      application_name: options.applicationName,
      max: options.connections ?? 10,
      connectionTimeoutMillis: options.checkoutTimeout ?? 30_000,
      idleTimeoutMillis: 10_000,
      maxLifetimeSeconds: 3600,
      keepAlive: true,
      types: typeParsers,
    });
    // An idle connection that the server ends is replaced at the next query; without a listener it would end us.
    this.#pool.on('error', () => {});
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    if (this.#closed) throw new ClaireError('claire_closed');
    try {
      return (await this.#pool.query(text, values as unknown[])).rows;
    } catch (error) {
      throw fromPostgres(error);
    }
  }

  /** Runs `work` on one connection that nobody else uses meanwhile, for what outlives a transaction. */
  async session<T>(work: (session: Queryable) => Promise<T>): Promise<T> {
    const session = await this.#borrow();
    let whole = false;
    try {
      const result = await work(session);
      whole = true;
      return result;
    } finally {
      // After a failure the state of the connection is not known: it is not given to the next caller.
      session.giveBack(whole);
    }
  }

  /** Runs `work` in a transaction and commits it; tried again as `retry` does. */
  async transaction<T>(work: (t: Queryable) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.retry(async () => inTransaction(await this.#borrow(), work, options), options.attempts);
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

  async #borrow(): Promise<Session> {
    if (this.#closed) throw new ClaireError('claire_closed');
    try {
      return new Session(await this.#pool.connect());
    } catch (error) {
      throw fromPostgres(error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }
}

const ignore = () => {};

class Session implements Queryable {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
    client.on('error', ignore);
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    return (await this.run(text, values)).rows;
  }

  async run(text: string, values?: readonly unknown[]) {
    try {
      return await this.#client.query(text, values as unknown[]);
    } catch (error) {
      throw fromPostgres(error);
    }
  }

  giveBack(whole: boolean): void {
    this.#client.off('error', ignore);
    this.#client.release(!whole);
  }
}

async function inTransaction<T>(
  session: Session,
  work: (t: Queryable) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const mode = `isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
  let whole = false;
  try {
    await session.query(`begin ${mode}`);
    const result = await work(session);
    // A statement that failed and whose error was swallowed by `work` turns COMMIT into ROLLBACK, without an error.
    if ((await session.run('commit')).command !== 'COMMIT') throw new ClaireError('transaction_lost');
    whole = true;
    return result;
  } catch (error) {
    whole = await session.query('rollback').then(
      () => true,
      () => false,
    );
    throw error;
  } finally {
    session.giveBack(whole);
  }
}
