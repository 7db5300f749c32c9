const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

/** Each with the age from which on the next one is plainer. */
const UNITS: readonly [name: string, ms: number, until: number][] = [
  ['s', SECOND, 2 * MINUTE],
  ['min', MINUTE, 2 * HOUR],
  ['h', HOUR, 2 * DAY],
  ['d', DAY, 2 * YEAR],
  ['years', YEAR, Number.POSITIVE_INFINITY],
];

/** `45 s`, `3 min`, `5 h`: one unit, because an age is read at a glance. */
export function span(ms: number): string {
  const [name, unit] = UNITS.find(([, , until]) => ms < until) ?? UNITS[UNITS.length - 1]!;
  return `${Math.max(0, Math.floor(ms / unit))} ${name}`;
}

export const ago = (at_ms: number, now: number): string => `${span(now - at_ms)} ago`;

/** UTC, as everything in the record; to the millisecond where it is not a whole second. */
export const stamp = (at_ms: number): string =>
  new Date(at_ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/(\.000)?Z$/, '');
export const day = (at_ms: number): string => new Date(at_ms).toISOString().slice(0, 10);
export const clock = (at_ms: number): string => new Date(at_ms).toISOString().slice(11, 19);
/** A day alone where the moment is one: candles of a day carry midnight. */
export const moment = (at_ms: number): string => (at_ms % DAY === 0 ? day(at_ms) : stamp(at_ms).slice(0, 19));

/** `2024-01-31` as Unix milliseconds; undefined for what is no day. */
export function dayGiven(text: string | undefined): number | undefined {
  const at_ms = /^\d{4}-\d{2}-\d{2}$/.test(text ?? '') ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(at_ms) ? undefined : at_ms;
}

/** When the day began that it is in `zone`, as Unix milliseconds. */
export function beginOfDay(now: number, zone: string): number {
  const local = (at_ms: number): number => {
    const parts = new Intl.DateTimeFormat('en-CA', {
      ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit' },
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
    }).formatToParts(at_ms);
    const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  };
  const midnight = Math.floor(local(now) / DAY) * DAY;
  // Once more with the offset of midnight itself: clocks may have been changed since.
  const guess = midnight - (local(now) - Math.floor(now / SECOND) * SECOND);
  return midnight - (local(guess) - guess);
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];
export function bytes(n: number): string {
  const step = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(n, 1)) / 3)));
  const value = n / 1000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${SIZES[step]}`;
}
