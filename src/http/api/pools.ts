import { type Bounded, type Claire, claireOn } from '../../claire.js';
import { Database, type DatabaseOptions, type LoginRole, type PoolStats } from '../../database/index.js';

/** What a login may take of the server beside the service that it is: all of it is within the login's own limit. */
const CONNECTIONS = 2;
/** Together they keep a request of one statement within its ten seconds. */
const CHECKOUT_MS = 2000;
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
  readonly #doors = new Map<string, Promise<Door>>();
  readonly #stats: (() => PoolStats)[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  open(role: LoginRole, book: string): Promise<Door> {
    const key = `${role} ${book}`;
    const known = this.#doors.get(key);
    if (known) return known;
    const door = this.#open(role, book);
    this.#doors.set(key, door);
    // What may not be opened may be allowed later.
    door.catch(() => this.#doors.delete(key));
    return door;
  }

  stats(): PoolStats[] {
    return this.#stats.map((stats) => stats());
  }

  async close(): Promise<void> {
    const doors = await Promise.allSettled(this.#doors.values());
    await Promise.all(doors.map((door) => door.status === 'fulfilled' && door.value.claire.close()));
  }

  async #open(role: LoginRole, book: string): Promise<Door> {
    const { url, telling } = this.#options;
    const database = new Database({
      databaseUrl: await url(role, book),
      applicationName: `claire http ${role}`,
      connections: CONNECTIONS,
      checkoutTimeout: CHECKOUT_MS,
      statementTimeout: STATEMENT_MS,
      idleInTransactionTimeout: STATEMENT_MS,
      losslessJson: true,
      ...telling,
    });
    this.#stats.push(() => database.stats());
    return { database, claire: claireOn(database, book, 'http') };
  }
}
