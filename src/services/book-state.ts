import type { Big } from 'big.js';
import { opposite, type Side } from '../domain/vocabulary.js';
import type { Claire, Verbs } from '../index.js';
import { bounded, decimal, sum } from './decimals.js';

export type Order = Awaited<ReturnType<Claire['orders']>>[number];
type Position = Awaited<ReturnType<Claire['positions']>>[number];

/** A PENDING order that will open a trade, with its value in quote units. */
export interface Opening {
  order: Order;
  notional: Big;
}

/** What stands of a symbol, and what will once every PENDING order is filled. */
export interface Holding {
  /** Value of the open trades at entry prices. */
  gross: Big;
  /** Quantity once all is filled: above 0 long, below 0 short. */
  quantity: Big;
  openings: Opening[];
  /** How many of the last openings no later order closes. */
  unclosed: number;
}

/** The most rows that a read gives. */
export const MOST = 10_000;

/** Orders in the order in which they were placed; the row's id decides within one moment. */
export const byPlace = (a: Order, b: Order): number =>
  (a.timestamp ?? 0) - (b.timestamp ?? 0) || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

const signed = (side: Side, quantity: Big | string): Big =>
  side === 'BUY' ? decimal(quantity) : decimal(quantity).times(-1);

/**
 * Reads open trades and PENDING orders as of one moment: in two snapshots an order that is just being filled would
 * count twice, or not at all.
 */
export function readHoldings(claire: Claire, unpriced: string): Promise<Map<string, Holding>> {
  return claire.transaction(
    async (t) => {
      const positions = await t.positions({ limit: MOST });
      const pending = await t.orders({ status: 'PENDING', limit: MOST });
      const prices = new Map<string, string>();
      for (const { signal_id, price } of pending) {
        if (signal_id === null || price !== null || prices.has(signal_id)) continue;
        const [signal] = await t.signals({ signal_id, limit: 1 });
        if (signal) prices.set(signal_id, signal.price);
      }
      return holdings(positions, pending.sort(byPlace), (order) => {
        // A MARKET order has no price of its own: its signal's is the last one known when it was placed.
        const price = order.price ?? (order.signal_id === null ? undefined : prices.get(order.signal_id));
        return price === undefined ? decimal(unpriced) : bounded(decimal(order.quantity).times(price));
      });
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

/** Follows the PENDING orders, in the order in which they will be filled. */
export function holdings(
  positions: readonly Position[],
  pending: readonly Order[],
  notionalOf: (order: Order) => Big,
): Map<string, Holding> {
  const found = new Map<string, Holding>();
  const of = (symbol: string): Holding => {
    const holding = found.get(symbol) ?? {
      gross: decimal(0),
      quantity: decimal(0),
      openings: [],
      unclosed: 0,
    };
    found.set(symbol, holding);
    return holding;
  };
  for (const { symbol, side, total_quantity, total_value_usd } of positions) {
    const holding = of(symbol);
    holding.gross = holding.gross.plus(total_value_usd);
    holding.quantity = holding.quantity.plus(signed(side, total_quantity));
  }
  for (const order of pending) {
    const holding = of(order.symbol);
    const closes = isOpposed(holding, order.side);
    holding.quantity = holding.quantity.plus(signed(order.side, order.quantity));
    if (closes) {
      holding.unclosed = 0;
    } else {
      holding.openings.push({ order, notional: notionalOf(order) });
      holding.unclosed++;
    }
  }
  return found;
}

/** Whether an order of this side would close what is held. */
export const isOpposed = (holding: Holding, side: Side): boolean =>
  side === 'BUY' ? holding.quantity.lt(0) : holding.quantity.gt(0);

/** Value of the open trades and of the openings that are PENDING. */
export const exposureOf = (holding: Holding): Big =>
  holding.gross.plus(sum(holding.openings.map(({ notional }) => notional)));

/** The open trades that an order would close. */
export const openTradesAgainst = (t: Verbs, order: Pick<Order, 'symbol' | 'side'>) =>
  t.trades({ symbol: order.symbol, side: opposite(order.side), status: 'OPEN', limit: MOST });
