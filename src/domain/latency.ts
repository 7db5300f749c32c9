/**
 * Upper bounds of the classes by which the library counts how long its calls take, in milliseconds; what takes longer than
 * the last is counted in one class more. Steps of about 1.6: a quantile is known to a quarter of its value, whether a
 * call takes a network's round trip or waits for a lock until its time is over.
 */
export const LATENCY_BUCKETS_MS: readonly number[] = [
  0.25, 0.5, 1, 1.5, 2.5, 4, 6, 10, 15, 25, 40, 60, 100, 150, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

/** As many classes as there are, none of which holds anything. */
export const noCalls = (): number[] => new Array(LATENCY_BUCKETS_MS.length + 1).fill(0);

/** In which class a call is counted. */
export function bucketOf(took_ms: number): number {
  const at = LATENCY_BUCKETS_MS.findIndex((bound) => took_ms <= bound);
  return at < 0 ? LATENCY_BUCKETS_MS.length : at;
}

/**
 * The time that a fraction of the calls took at most, in milliseconds; null where there were none. Inside of a class
 * calls are taken to lie evenly; those beyond the last bound are told as that bound.
 */
export function quantileOf(buckets: readonly number[], fraction: number): number | null {
  const wanted = fraction * buckets.reduce((total, calls) => total + calls, 0);
  if (wanted === 0) return null;
  let before = 0;
  for (const [at, upper] of LATENCY_BUCKETS_MS.entries()) {
    const calls = buckets[at] ?? 0;
    if (before + calls >= wanted) {
      const lower = LATENCY_BUCKETS_MS[at - 1] ?? 0;
      return lower + ((upper - lower) * (wanted - before)) / calls;
    }
    before += calls;
  }
  return LATENCY_BUCKETS_MS.at(-1)!;
}
