import { bucketOf, noCalls } from '../domain/latency.js';

/** A pool at one moment, and what it has counted since it was made. */
export interface PoolStats extends Counted {
  /** As the server shows its connections. */
  service: string;
  largest: number;
  in_use: number;
  idle: number;
  waiting: number;
}

interface Counted {
  /** Connections that were lent, by how long they were waited for; see LATENCY_BUCKETS_MS. */
  checkouts: { calls: number; total_ms: number; buckets: number[] };
  /** Callers who got none in time, or met a server that is away. */
  failed_checkouts: number;
  /** Connections that were out for longer than they should be. */
  leaks: number;
  /** Connections that the other side ended while they were idle, or that did not answer when they were tried. */
  lost: number;
}

/** What a pool counts. */
export class PoolCounts {
  readonly #counted: Counted = {
    checkouts: { calls: 0, total_ms: 0, buckets: noCalls() },
    failed_checkouts: 0,
    leaks: 0,
    lost: 0,
  };

  /** Counts a checkout when it ends. */
  async checkout<T>(work: (since: number) => Promise<T>): Promise<T> {
    const since = performance.now();
    const { checkouts } = this.#counted;
    try {
      const link = await work(since);
      const waited_ms = performance.now() - since;
      checkouts.calls++;
      checkouts.total_ms += waited_ms;
      checkouts.buckets[bucketOf(waited_ms)]!++;
      return link;
    } catch (error) {
      this.#counted.failed_checkouts++;
      throw error;
    }
  }

  add(what: 'leaks' | 'lost'): void {
    this.#counted[what]++;
  }

  /** A copy of all. */
  snapshot(): Counted {
    return structuredClone(this.#counted);
  }
}
