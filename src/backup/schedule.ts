import { newestOf, type Origin } from './coverage.js';
import type { Listed } from './repository.js';
import type { Kind } from './side-file.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Minutes after midnight UTC of `03:00`; undefined where it is no time of day. */
export function timeOfDay(text: string): number | undefined {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return minutes === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}

/** The last moment, now included, at which it was that time of day. */
export function lastDue(now: number, minutes: number): number {
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const today = midnight + minutes * MINUTE_MS;
  return today <= now ? today : today - DAY_MS;
}

/**
 * Whether a backup is wanted now: since the time of day came round none was taken. One that was missed while nobody was
 * there is wanted as soon as somebody is, and a book that was made since then waits for its first time.
 */
export function isDue(
  listed: readonly Listed[],
  origin: Origin,
  { kind, minutes, now, madeAt }: { kind: Kind; minutes: number; now: number; madeAt: number },
): boolean {
  const last = newestOf(listed, origin, kind, now)?.side?.taken_ms ?? madeAt;
  return last < lastDue(now, minutes);
}
