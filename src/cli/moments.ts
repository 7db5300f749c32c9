const UNITS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What may stand where a command takes a moment of the past, for --help. */
export const MOMENTS =
  'A time is ISO 8601 with a zone, Unix milliseconds, or a duration back from now: 90m, 12h, 1d, 2w.';

/** What may stand where a command takes a length of time, for --help. */
export const DURATIONS = '30s, 10m, 12h, 1d or 2w';

/** A length of time in milliseconds; undefined where it is none. */
export function durationGiven(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(count) * UNITS[unit]!;
}

/** A duration back from now as Unix milliseconds; anything else as it was given, for its field to judge. */
export function momentGiven(text: string, now = Date.now()): string | number {
  const duration = durationGiven(text);
  return duration === undefined ? text : now - duration;
}
