import { setTimeout as wait } from 'node:timers/promises';

/** What the upkeep knows of time; tests bring their own. */
export interface Clock {
  /** Milliseconds since some moment; only differences count. */
  now(): number;
  /** Resolves after this many milliseconds, or at once when the signal is aborted. Never rejects. */
  sleep(duration_ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (duration_ms, signal) => wait(duration_ms, undefined, { signal }).catch(() => {}),
};
