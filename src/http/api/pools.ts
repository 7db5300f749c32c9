import { type Bounded, type Claire, claireOn } from '../../claire.js';
import { Database, type DatabaseOptions, type LoginRole, type PoolStats } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { Kept } from './kept.js';

/** What a login may take of the server beside the service that it is: all of it is within the login's own limit. */
const CONNECTIONS = 2;
/** The operator's login may have two: one is left for the command, whatever is sent over HTTP. */
const CONNECTIONS_OF_OPERATOR = 1;
/** The reader's may have three, and who reads by the command needs one of them: what is idle is there for him soon. */
const CONNECTIONS_OF_LOOKUP = 1;
const IDLE_MS = 250;
/** Their reads come as the reader, who may read what they may: a slow read never stands before a write, or a halt. */
const READ_AS_READER: ReadonlySet<LoginRole> = new Set(['claire_operator', 'claire']);
/** A request has ten seconds, whatever is left of these after each other: see its deadline. */
const CHECKOUT_MS = 5000;
const STATEMENT_MS = 8000;

export interface PoolOptions {
  /** Connection string of a book's login; resolves to none that may do more than that role. */
  url(role: LoginRole, book: string): Promise<string>;
  telling?: Pick<DatabaseOptions, 'onNotice' | 'onLost' | 'leakAfter'>;
}

/** A book as one of its roles sees it. */
export interface Door {
  database: Database;
  claire: Claire & Bounded;
}

/**
 * A pool for each login that requests come as, so that the database decides what each may do. A pool that nobody uses
 * holds no connection.
 */
export class Pools {
  readonly #options: PoolOptions;
  // What may not be opened may be allowed later.
  readonly #doors = new Kept<Door>();
  readonly #lookups = new Kept<Database>();
  readonly #stats: (() => PoolStats)[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  open(role: LoginRole, book: string): Promise<Door> {
    return this.#doors.get(`${role} ${book}`, async () => {
      const connections = role === 'claire_operator' ? CONNECTIONS_OF_OPERATOR : CONNECTIONS;
      const database = await this.#pool(role, book, { connections, name: role });
      return { database, claire: claireOn(database, book, 'http') };
    });
  }

  /** For a read of somebody with this role. */
  reading(role: LoginRole, book: string): Promise<Door> {
    return this.open(READ_AS_READER.has(role) ? 'claire_reader' : role, book);
  }

  /** For what every request and every stream waits for, and is answered at once: no read of anybody stands before it. */
  lookup(book: string): Promise<Database> {
    return this.#lookups.get(book, () =>
      this.#pool('claire_reader', book, { connections: CONNECTIONS_OF_LOOKUP, name: 'lookup' }),
    );
  }

  /** Whether requests can come as this role. */
  async mayActAs(role: LoginRole, book: string): Promise<boolean> {
    try {
      await this.open(role, book);
      return true;
    } catch (error) {
      if (error instanceof ClaireError && error.code === 'right_missing') return false;
      throw error;
    }
  }

  stats(): PoolStats[] {
    return this.#stats.map((stats) => stats());
  }

  async close(): Promise<void> {
    const doors = this.#doors.values().map(async (door) => (await door).claire.close());
    const lookups = this.#lookups.values().map(async (lookup) => (await lookup).close());
    await Promise.allSettled([...doors, ...lookups]);
  }

  async #pool(
    role: LoginRole,
    book: string,
    { connections, name }: { connections: number; name: string },
  ): Promise<Database> {
    const { url, telling } = this.#options;
    const database = new Database({
      databaseUrl: await url(role, book),
      applicationName: `claire http ${name}`,
      connections,
      idleAfter: IDLE_MS,
      checkoutTimeout: CHECKOUT_MS,
      statementTimeout: STATEMENT_MS,
      idleInTransactionTimeout: STATEMENT_MS,
      losslessJson: true,
      ...telling,
    });
    this.#stats.push(() => database.stats());
    return database;
  }
}
