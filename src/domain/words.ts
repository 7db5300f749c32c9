/** `12,345`. By hand: a number that is asked for its text in a language reads all of Intl, 40 ms. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 row`, `2 rows`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`;

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A size as people read it, in powers of 1000. */
export function bytesText(bytes: number): string {
  let size = bytes;
  let at = 0;
  for (; size >= 1000 && at < SIZES.length - 1; at++) size /= 1000;
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[at]}`;
}

/** Long times to the minute, short ones to the second. */
export function secondsText(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
