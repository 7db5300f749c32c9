import type { Trade } from './record.js';

/** Trades from the newest entry down to the last that was read, without a hole. */
export interface Held {
  rows: readonly Trade[];
  /** Cursor of what comes after; null at the end of all. */
  next: string | null;
}

export interface TradeFilters {
  symbol?: string | undefined;
  side?: string | undefined;
  status?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
}

/** As the API orders them: newest entry first, of one moment the one that was recorded last. Below 0: `a` comes first. */
export const order = (a: Trade, b: Trade): number =>
  b.entry_timestamp - a.entry_timestamp || (a.id === b.id ? 0 : BigInt(a.id) < BigInt(b.id) ? 1 : -1);

/** `top` is all that there is down to its last; what was held after that stays. */
export function withTop(before: Held, top: Held): Held {
  const last = top.rows.at(-1);
  if (last === undefined || top.next === null) return top;
  const rest = before.rows.filter((trade) => order(trade, last) > 0);
  return rest.length === 0 ? top : { rows: [...top.rows, ...rest], next: before.next };
}

/** The page after `cursor`; where that is not the end any more another reading was further. */
export function withNext(before: Held, cursor: string, { rows, next }: Held): Held {
  if (before.next !== cursor) return before;
  const last = before.rows.at(-1);
  return { rows: [...before.rows, ...rows.filter((trade) => !last || order(trade, last) > 0)], next };
}

/** What is newer than all that is held is left to the next reading of the top: that leaves no hole. */
export function withMoved(before: Held, moved: readonly Trade[], filters: TradeFilters): Held {
  if (moved.length === 0) return before;
  const news = new Map(moved.map((trade) => [trade.id, trade]));
  const known = new Set(before.rows.map(({ id }) => id));
  const [first, last] = [before.rows[0], before.rows.at(-1)];
  const isWithin = (trade: Trade): boolean =>
    first !== undefined && order(trade, first) > 0 && (before.next === null || order(trade, last!) < 0);
  const added = [...news.values()].filter((trade) => !known.has(trade.id) && isWithin(trade));
  const rows = before.rows.map((trade) => news.get(trade.id) ?? trade).concat(added);
  if (added.length > 0) rows.sort(order);
  return { rows: rows.filter((trade) => !news.has(trade.id) || fits(trade, filters)), next: before.next };
}

const fits = (trade: Trade, { symbol, side, status, since, until }: TradeFilters): boolean =>
  (!symbol || trade.symbol === symbol) &&
  (!side || trade.side === side) &&
  (!status || trade.status === status) &&
  (since === undefined || trade.entry_timestamp >= since) &&
  (until === undefined || trade.entry_timestamp < until);
