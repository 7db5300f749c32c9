import { Big } from 'big.js';

/**
 * Profit computed apart: the filled orders in the order of their signals, each at the open of the next recorded candle
 * of its symbol; an order against what is held closes it, any other adds to it.
 */
export async function profitOfFills(sql: (text: string, book: string) => Promise<unknown[]>, book: string) {
  const fills = (await sql(
    `select o.symbol, o.side, o.quantity::text, c.open::text as price
     from orders o
     join lateral (
       select open from candles c where c.symbol = o.symbol and c.timestamp > o.timestamp order by timestamp limit 1
     ) as c on true
     where o.status = 'FILLED' order by o.timestamp, o.id`,
    book,
  )) as { symbol: string; side: string; quantity: string; price: string }[];
  let total = new Big(0);
  const lots = new Map<string, typeof fills>();
  for (const fill of fills) {
    const held = lots.get(fill.symbol) ?? [];
    if (held.length === 0 || held[0]!.side === fill.side) {
      lots.set(fill.symbol, [...held, fill]);
      continue;
    }
    for (const lot of held) {
      const gain = new Big(fill.price).minus(lot.price).times(lot.quantity);
      total = total.plus((lot.side === 'BUY' ? gain : gain.times(-1)).round(8));
    }
    lots.delete(fill.symbol);
  }
  return total.toFixed();
}
