import { type Caller, get, type Rows } from './api.js';
import type { Trade } from './record.js';
import { type Store, store } from './store.js';
import { type Held, order, type TradeFilters, withMoved, withNext, withTop } from './trade-pages.js';

const PAGE = 500;

export interface TradeList {
  held: Store<Held | undefined>;
  /** Reads what is newest anew; what was read further down stays. @throws ApiError */
  readTop(caller: Caller): Promise<Held>;
  /** Reads the next page. @throws ApiError */
  readOn(caller: Caller): Promise<Held>;
  /** What the stream told is so in every page that is here. */
  moved(trades: readonly Trade[]): void;
  /** The stream left something out: the next reading of the top begins the list anew. */
  forget(): void;
}

/** The list of one question, read page after page and kept true meanwhile. */
export function tradeList(filters: TradeFilters): TradeList {
  const held = store<Held | undefined>(undefined);
  /** What moved while pages are being read: it may be newer than they are. */
  let meanwhile: Trade[] = [];
  let underWay = 0;
  let isForgotten = false;
  /** The next page, for all who want it meanwhile: a scroll tells of its end many times. */
  let onward: Promise<Held> | undefined;

  const page = (caller: Caller, cursor?: string): Promise<Rows<Trade>> =>
    get(caller, '/v1/trades', { ...filters, limit: PAGE, cursor });

  /** What was read is put into what is held by then. */
  async function reading(from: Promise<Held>, put: (read: Held) => Held): Promise<Held> {
    underWay++;
    try {
      const after = withMoved(put(await from), meanwhile, filters);
      held.set(after);
      return after;
    } finally {
      if (--underWay === 0) meanwhile = [];
    }
  }

  /** A page, or as many as it takes to meet what is held: more may have come than a page has. */
  async function top(caller: Caller, first: Trade | undefined): Promise<Held> {
    let { rows, next } = await page(caller);
    while (first && next !== null && order(rows.at(-1)!, first) < 0) {
      const more = await page(caller, next);
      rows = rows.concat(more.rows);
      next = more.next;
    }
    return { rows, next };
  }

  return {
    held,
    readTop(caller) {
      const isNew = isForgotten;
      return reading(top(caller, isNew ? undefined : held.get()?.rows[0]), (read) => {
        const before = isNew ? undefined : held.get();
        if (isNew) isForgotten = false;
        return before ? withTop(before, read) : read;
      });
    },
    async readOn(caller) {
      const before = held.get();
      if (!before || before.next === null) return { rows: [], next: null };
      const cursor = before.next;
      onward ??= reading(page(caller, cursor), (read) => withNext(held.get()!, cursor, read)).finally(() => {
        onward = undefined;
      });
      return onward;
    },
    moved(trades) {
      if (underWay > 0) meanwhile.push(...trades);
      const before = held.get();
      if (before) held.set(withMoved(before, trades, filters));
    },
    forget() {
      isForgotten = true;
    },
  };
}
