/** A moment as Unix milliseconds, UTC. */
export type Milliseconds = number;

/** What may be given where a moment is wanted: Unix milliseconds, a Date, or ISO 8601 text with a zone. */
export type TimeInput = number | Date | string;

/** The times that the record accepts, as its CHECK constraints do: 1973-03-03 up to 5138-11-16. */
export const EARLIEST: Milliseconds = 1e11;
export const LATEST: Milliseconds = 1e14;

const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/;

/**
 * Brings a moment to Unix milliseconds. Seconds and microseconds are refused, not guessed: only the SQL door
 * turns seconds into milliseconds, for the seed's own clients.
 * @throws RangeError saying what was found.
 */
export function toMilliseconds(value: TimeInput): Milliseconds {
  const time = typeof value === 'number' ? value : value instanceof Date ? value.getTime() : fromText(value);
  if (!Number.isInteger(time))
    throw new RangeError(`a whole number of milliseconds is wanted, found ${String(value)}`);
  if (time >= EARLIEST && time < LATEST) return time;
  if (time >= 1e8 && time < EARLIEST)
    throw new RangeError(`${time} looks like seconds; milliseconds are wanted`);
  if (time >= LATEST && time < 1e17)
    throw new RangeError(`${time} looks like microseconds; milliseconds are wanted`);
  throw new RangeError(`${time} is outside ${EARLIEST} to ${LATEST} milliseconds`);
}

function fromText(value: string): number {
  const text = String(value);
  if (/^\d+$/.test(text)) return Number(text);
  if (!ISO.test(text))
    throw new RangeError(`milliseconds or an ISO time with a zone is wanted, found ${text.slice(0, 60)}`);
  const time = Date.parse(text);
  // Date.parse takes the 30th of February for the 1st of March.
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  if (new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day) {
    throw new RangeError(`there is no day ${text.slice(0, 10)}`);
  }
  return time;
}

/** The moment as ISO 8601, for people. */
export const toIso = (time: Milliseconds): string => new Date(time).toISOString();
