import { bucketOf, noCalls } from '../domain/latency.js';
import { ClaireError, type ErrorCode } from '../errors/index.js';

/** How the calls of one operation went, seen from the caller: from the call to its result, waiting for a connection included. */
export interface OperationTimings {
  /** All that have ended, those with an error too. */
  calls: number;
  /** Of these, how many ended with which error. */
  errors: Partial<Record<ErrorCode | 'other', number>>;
  total_ms: number;
  /** Calls by how long they took: up to each bound of LATENCY_BUCKETS_MS, and longer than the last. */
  buckets: number[];
}

export interface TimingsSnapshot {
  /** Unix milliseconds. */
  since_ms: number;
  /** Of the operations that were called. */
  operations: Record<string, OperationTimings>;
}

/** Counts calls by operation since it was made. */
export class Timings {
  readonly #since_ms = Date.now();
  readonly #operations = new Map<string, OperationTimings>();

  /** Counts a call when it ends; the promise is left as it is. */
  watch<T>(operation: string, call: Promise<T>): Promise<T> {
    const begun = performance.now();
    call.then(
      () => this.#count(operation, performance.now() - begun),
      (error: unknown) => {
        const { errors } = this.#count(operation, performance.now() - begun);
        const code = error instanceof ClaireError ? error.code : 'other';
        errors[code] = (errors[code] ?? 0) + 1;
      },
    );
    return call;
  }

  /** All of it so far, a copy. */
  snapshot(): TimingsSnapshot {
    return { since_ms: this.#since_ms, operations: structuredClone(Object.fromEntries(this.#operations)) };
  }

  #count(operation: string, took_ms: number): OperationTimings {
    let counted = this.#operations.get(operation);
    if (!counted) {
      counted = { calls: 0, errors: {}, total_ms: 0, buckets: noCalls() };
      this.#operations.set(operation, counted);
    }
    counted.calls++;
    counted.total_ms += took_ms;
    counted.buckets[bucketOf(took_ms)]!++;
    return counted;
  }
}

/** What happened between two snapshots, without the operations that were not called. */
export function changeBetween(
  before: TimingsSnapshot['operations'],
  after: TimingsSnapshot['operations'],
): TimingsSnapshot['operations'] {
  return Object.fromEntries(
    Object.entries(after)
      .filter(([name, { calls }]) => calls > (before[name]?.calls ?? 0))
      .map(([name, now]) => [name, less(now, before[name])]),
  );
}

function less(now: OperationTimings, then: OperationTimings | undefined): OperationTimings {
  if (!then) return now;
  const errors = (Object.entries(now.errors) as [ErrorCode, number][])
    .map(([code, count]) => [code, count - (then.errors[code] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return {
    calls: now.calls - then.calls,
    errors: Object.fromEntries(errors),
    total_ms: now.total_ms - then.total_ms,
    buckets: now.buckets.map((calls, at) => calls - then.buckets[at]!),
  };
}
