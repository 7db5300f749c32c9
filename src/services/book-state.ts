import { opposite } from '../domain/vocabulary.js';
import type { Claire, Verbs } from '../index.js';

export type Order = Awaited<ReturnType<Claire['orders']>>[number];

/** The most rows that a read gives. */
export const MOST = 10_000;

/** Orders in the order in which they were placed; the row's id decides within one moment. */
export const byPlace = (a: Order, b: Order): number =>
  (a.timestamp ?? 0) - (b.timestamp ?? 0) || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

/** The open trades that an order would close. */
export const openTradesAgainst = (t: Verbs, order: Pick<Order, 'symbol' | 'side'>) =>
  t.trades({ symbol: order.symbol, side: opposite(order.side), status: 'OPEN', limit: MOST });
