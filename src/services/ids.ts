import { createHash } from 'node:crypto';
import type { Milliseconds } from '../domain/time.js';

/**
 * Ids derive from the input, so the same candles make the same rows and a second replay finds them all there.
 * The longest of Claire's own: `ord-` + strategy 9 + symbol 20 + time 14 + separators = 49 of 50 characters.
 */
const LONGEST = 50;

export const signalId = (strategy: string, symbol: string, time: Milliseconds): string =>
  fitting(`${strategy}-${symbol}-${time}`);

export const orderId = (signal: string): string => fitting(`ord-${signal}`);

export const tradeId = (order: string): string => fitting(`trd-${order.replace(/^ord-/, '')}`);

export const eventId = (about: string): string => fitting(`evt-${about}`);

/** The market day, UTC: `2018-04-04`. */
export const dayOf = (time: Milliseconds): string => new Date(time).toISOString().slice(0, 10);

export const startOfDay = (time: Milliseconds): Milliseconds => time - (time % 86_400_000);

/** Ids given by others may be long already; cutting could make two the same, a hash does not. */
function fitting(id: string): string {
  if (id.length <= LONGEST) return id;
  return `${id.slice(0, 17)}-${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}
