import { fitting } from '../domain/ids.js';
import type { Milliseconds } from '../domain/time.js';

/**
 * Ids derive from the input, so the same candles make the same rows and a second replay finds them all there.
 * The longest of Claire's own: `ord-` + strategy 9 + symbol 20 + time 14 + separators = 49 of 50 characters.
 */
export const signalId = (strategy: string, symbol: string, time: Milliseconds): string =>
  fitting(`${strategy}-${symbol}-${time}`);

export const tradeId = (order: string): string => fitting(`trd-${order.replace(/^ord-/, '')}`);
