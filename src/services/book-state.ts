import { opposite } from '../domain/vocabulary.js';
import type { Claire, Verbs } from '../index.js';

export type Order = Awaited<ReturnType<Claire['orders']>>[number];

/** The most rows that a read gives. */
export const MOST = 10_000;

interface Placed {
  timestamp: number | null;
  id: string;
}

/** Orders or signals in the order of the market; the row's id decides within one moment. */
export const byPlace = (a: Placed, b: Placed): number =>
  (a.timestamp ?? 0) - (b.timestamp ?? 0) || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

/** The open trades that an order would close. */
export const openTradesAgainst = (t: Verbs, order: Pick<Order, 'symbol' | 'side'>) =>
  t.trades({ symbol: order.symbol, side: opposite(order.side), status: 'OPEN', limit: MOST });
