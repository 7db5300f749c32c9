import { EARLIEST } from '../domain/time.js';
import type { Claire } from '../index.js';
import { byPlace, MOST } from './book-state.js';

/** How far before the newest signal a look begins, and after how many looks one goes over all. */
const LATE_MS = 86_400_000;
const LOOKS = 150;

export interface LookOptions {
  /** Default 150: half a minute of looks that find nothing. */
  looks?: number;
  /** Signals of one look. Default 10,000, the most that a read gives. */
  most?: number;
}

type Found = Awaited<ReturnType<Claire['signals']>>[number];

/**
 * Looks for signals without an order, oldest market time first. Nearly all looks are at the newest market time only,
 * because a look at all grows with the record; one in many is, so that none is missed however late it came.
 */
export function undecidedSignals(
  claire: Pick<Claire, 'signals'>,
  { looks = LOOKS, most = MOST }: LookOptions = {},
): () => Promise<Found[]> {
  let newest = 0;
  let look = 0;
  return async () => {
    const isWhole = look++ % looks === 0;
    if (isWhole) newest = capped((await claire.signals({ limit: 1 }))[0]?.timestamp ?? 0);
    const found = await oldest(claire, isWhole ? {} : { since: Math.max(EARLIEST, newest - LATE_MS) }, most);
    // What a look over all left behind is found by the next one.
    if (isWhole && found.length === most) look = 0;
    for (const { timestamp } of found) newest = Math.max(newest, capped(timestamp));
    return found;
  };
}

/** A signal with a time that is far off must not take all others out of sight. */
const capped = (timestamp: number): number => Math.min(timestamp, Date.now());

/** Reads give the newest first: where there are more than one gives, the oldest are behind those. */
async function oldest(claire: Pick<Claire, 'signals'>, range: { since?: number }, most: number) {
  const read = (until?: number) =>
    claire.signals({ without_order: true, limit: most, ...range, ...(until === undefined ? {} : { until }) });
  let page = await read();
  while (page.length === most) {
    const before = await read(page.at(-1)!.timestamp);
    if (before.length === 0) break;
    page = before;
  }
  return page.sort(byPlace);
}
