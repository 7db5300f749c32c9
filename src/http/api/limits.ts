import { ClaireError } from '../../errors/index.js';

export interface RateOptions {
  /** Requests a second that anybody may send for ever. */
  perSecond: number;
  /** Requests that may come at once after a pause. */
  burst: number;
}

export const RATE: RateOptions = { perSecond: 100, burst: 200 };

/** So many callers are remembered; of those whose buckets are full nothing has to be. */
const MOST_CALLERS = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/** A bucket of requests for each caller, which fills again with time. */
export class Rates {
  readonly #options: RateOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateOptions = RATE) {
    this.#options = options;
  }

  /** @throws ClaireError http_rate_limited */
  take(caller: string, now = performance.now()): void {
    const { perSecond, burst } = this.#options;
    const bucket = this.#buckets.get(caller) ?? { left: burst, at: now };
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    if (!this.#buckets.has(caller) && this.#buckets.size >= MOST_CALLERS) this.#forget(now);
    this.#buckets.set(caller, bucket);
    if (bucket.left < 1) {
      const seconds = Math.ceil((1 - bucket.left) / perSecond);
      throw new ClaireError('http_rate_limited', {
        found: `${perSecond} requests a second are allowed, ${burst} at once.`,
        details: { retry_after_seconds: seconds },
      });
    }
    bucket.left -= 1;
  }

  #forget(now: number): void {
    const { perSecond, burst } = this.#options;
    const full_ms = (burst / perSecond) * 1000;
    for (const [caller, { at }] of this.#buckets) if (now - at > full_ms) this.#buckets.delete(caller);
  }
}

/** More than that would wait for connections, and nobody waits for the last of them: who comes then is told so at once. */
export const MOST_UNDER_WAY = 64;

/** Requests that are being worked on. */
export class UnderWay {
  readonly #most: number;
  #count = 0;

  constructor(most = MOST_UNDER_WAY) {
    this.#most = most;
  }

  /** @throws ClaireError http_overloaded */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count >= this.#most) {
      const found = `${this.#count} requests are being worked on.`;
      throw new ClaireError('http_overloaded', { found, details: { retry_after_seconds: 1 } });
    }
    this.#count++;
    try {
      return await work();
    } finally {
      this.#count--;
    }
  }
}
