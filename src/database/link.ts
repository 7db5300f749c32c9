import type { Socket } from 'node:net';
import { Client, type ClientConfig, type PoolClient } from 'pg';

/** How long the server may take to let one connection in; a wait for the next try is better than one for a dead address. */
const CONNECT_MS = 5000;
const LIFETIME_MS = 3_600_000;

export interface LinkConfig extends ClientConfig {
  /** Milliseconds within which the server lets the connection in. The driver's own limit is that of the queue, too. */
  connectWithin?: number | undefined;
  /** After how many milliseconds it is replaced, less up to a tenth. Default: the seed's hour. */
  recycleAfter?: number | undefined;
}

/** One connection to the server, with what the pool has to know of it. */
export class Link extends Client {
  readonly #diesAt: number;
  /** When it last answered. */
  lastUsed = performance.now();

  readonly #connectWithin: number;

  constructor(config: LinkConfig = {}) {
    super(config);
    this.#connectWithin = config.connectWithin ?? CONNECT_MS;
    // So that connections made together do not end together.
    this.#diesAt = performance.now() + (config.recycleAfter ?? LIFETIME_MS) * (1 - Math.random() / 10);
    // Between the pool's own listener and that of a borrower there is none, while it is tried or rolled back: an end
    // that the server announces there would be an exception that nobody catches.
    this.on('error', () => {});
  }

  get isOld(): boolean {
    return performance.now() > this.#diesAt;
  }

  override connect(): Promise<Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): unknown {
    if (!callback) return super.connect();
    const timer = setTimeout(() => {
      this.#socket.destroy(
        new Error(`Connection terminated: not let in within ${this.#connectWithin / 1000} s`),
      );
    }, this.#connectWithin);
    return super.connect((error: Error) => {
      clearTimeout(timer);
      // The driver leaves it half open when the password cannot be had, and the server waits a minute for it, in a slot
      // that somebody needs.
      if (error) this.#socket.destroy();
      callback(error);
    });
  }

  /** Runs a statement of the pool's own, whose answer is waited for so many milliseconds and no longer. */
  async ask(text: string, limit: number): Promise<void> {
    await this.query({ text, query_timeout: limit } as { text: string });
  }

  /** How many bytes have come on it. */
  get received(): number {
    return this.#socket.bytesRead;
  }

  /** Ends it without a farewell, for which a dead peer would be waited for. */
  sever(why?: string): void {
    this.#socket.destroy(why === undefined ? undefined : new Error(`Connection terminated: ${why}`));
  }

  get #socket(): Socket {
    return (this as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}

export type PooledLink = Link & Pick<PoolClient, 'release'>;
