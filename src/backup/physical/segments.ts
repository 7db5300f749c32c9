/** A place in the server's log, as PostgreSQL writes it: `0/3000028`. */
export function lsnOf(text: string): bigint {
  const [high, low] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** A file of the log: 24 hexadecimal digits that say timeline and number. */
export interface Segment {
  timeline: number;
  number: bigint;
}

const perFile = (segmentBytes: number): bigint => (1n << 32n) / BigInt(segmentBytes);

/** The file in which a place lies. */
export const segmentAt = (lsn: string | bigint, segmentBytes: number): bigint =>
  (typeof lsn === 'bigint' ? lsn : lsnOf(lsn)) / BigInt(segmentBytes);

/** The file in which the last byte before a place lies. */
export const segmentBefore = (lsn: string, segmentBytes: number): bigint =>
  segmentAt(lsnOf(lsn) - 1n, segmentBytes);

const hex = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, '0');

export const segmentName = ({ timeline, number }: Segment, segmentBytes: number): string =>
  hex(BigInt(timeline)) + hex(number / perFile(segmentBytes)) + hex(number % perFile(segmentBytes));

export const isSegmentName = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

export function parseSegmentName(name: string, segmentBytes: number): Segment {
  const part = (index: number) => BigInt(`0x${name.slice(index * 8, index * 8 + 8)}`);
  return { timeline: Number(part(0)), number: part(1) * perFile(segmentBytes) + part(2) };
}
