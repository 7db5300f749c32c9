import type { Decimal } from '../domain/decimal.js';
import type { Milliseconds } from '../domain/time.js';
import { type Claire, ClaireError } from '../index.js';
import { byPlace, MOST, type Order, openTradesAgainst } from './book-state.js';
import type { Candle, Step } from './candles/index.js';
import { decimal, sum, text } from './decimals.js';
import { tradeId } from './ids.js';
import { requireRecorded } from './outcomes.js';

type OpenTrade = Awaited<ReturnType<typeof openTradesAgainst>>[number];

export interface ExecutionOptions {
  /** Commission of a leg as a share of its notional. Default 0.001. */
  commissionRate?: Decimal;
}

/** What became of orders: counts. */
export interface Fills {
  /** Orders that were filled. */
  filled: number;
  /** Orders that were not as the record said when they were placed. */
  rejected: number;
  opened: number;
  closed: number;
}

const noFills = (): Fills => ({ filled: 0, rejected: 0, opened: 0, closed: 0 });

/**
 * Fills PENDING orders at the open of the next candle of their symbol. An order that was decided to close does so with
 * all open trades against it, or is rejected where they are not its quantity any more; any other opens a trade. The trade
 * and the state of the order move in one transaction. A limit order waits for an open that is no worse than its price; an
 * order without a market time has no next candle and is left alone.
 */
export class ExecutionService {
  readonly #claire: Claire;
  readonly #rate: Decimal;
  /** Symbols with PENDING orders, each with the earliest time: only a hint that spares a query a candle. */
  readonly #pending = new Map<string, Milliseconds>();

  constructor(claire: Claire, options: ExecutionOptions = {}) {
    this.#claire = claire;
    this.#rate = options.commissionRate ?? '0.001';
  }

  /** Finds out which symbols have PENDING orders from before. */
  async start(): Promise<void> {
    for (const order of await this.#claire.orders({ status: 'PENDING', limit: MOST })) this.watch(order);
  }

  /** Says that an order was placed. */
  watch(order: { symbol: string; timestamp: Milliseconds | null }): void {
    if (order.timestamp === null) return;
    this.#pending.set(
      order.symbol,
      Math.min(order.timestamp, this.#pending.get(order.symbol) ?? order.timestamp),
    );
  }

  /** Fills what is PENDING for the candles of one moment. @throws ClaireError where the record refuses a fill. */
  async onStep(step: Step): Promise<Fills> {
    const fills = noFills();
    for (const candle of step.candles) {
      const since = this.#pending.get(candle.symbol);
      if (since === undefined || since >= candle.timestamp) continue;
      this.#pending.delete(candle.symbol);
      const pending = await this.#claire.orders({ symbol: candle.symbol, status: 'PENDING', limit: MOST });
      for (const order of pending.sort(byPlace)) {
        if (!(await this.fill(order, candle, fills))) this.watch(order);
      }
    }
    return fills;
  }

  /** Fills what is PENDING from the candles in the record: for a process of its own. */
  async onRecord(): Promise<Fills> {
    const fills = noFills();
    const pending = await this.#claire.orders({ status: 'PENDING', limit: MOST });
    const due: { order: Order; candle: Candle }[] = [];
    for (const order of pending.sort(byPlace)) {
      if (order.timestamp === null) continue;
      const candle = await this.#firstFor(order, order.timestamp);
      if (candle) due.push({ order, candle });
    }
    due.sort((a, b) => a.candle.timestamp - b.candle.timestamp || byPlace(a.order, b.order));
    for (const { order, candle } of due) await this.fill(order, candle, fills);
    return fills;
  }

  /** The first recorded candle after a moment at whose open the order is filled. */
  async #firstFor(order: Order, after: Milliseconds): Promise<Candle | undefined> {
    // The very next one fills a MARKET order; a limit order may wait for many.
    const limit = order.price === null ? 1 : 1000;
    for (let since = after + 1; ; ) {
      const page = await this.#claire.candles({ symbol: order.symbol, since, limit });
      const found = page.find((candle) => !isWorse(order, candle));
      if (found || page.length < limit) return found;
      since = page.at(-1)!.timestamp + 1;
    }
  }

  /** Fills one order at the open of a candle; false where it has to wait for another. */
  async fill(order: Order, candle: Candle, fills: Fills): Promise<boolean> {
    if (order.timestamp === null || order.timestamp >= candle.timestamp || isWorse(order, candle))
      return false;
    try {
      await this.#fill(order, candle, fills);
    } catch (error) {
      // Somebody moved the order between our reading and our filling it; the transaction left nothing behind.
      if (!(error instanceof ClaireError && error.code === 'order_final')) throw error;
    }
    return true;
  }

  async #fill(order: Order, candle: Candle, fills: Fills): Promise<void> {
    const reduces = await this.#reduces(order);
    const against: OpenTrade[] = reduces ? await openTradesAgainst(this.#claire, order) : [];
    if (!reduces) {
      await this.#open(order, candle);
      fills.opened++;
    } else if (sum(against.map(({ quantity }) => quantity)).eq(order.quantity)) {
      await this.#close(order, candle, against);
      fills.closed += against.length;
    } else {
      const reason = `The open trades against it are not its ${order.quantity}`;
      await this.#claire.rejectOrder({ order_id: order.order_id, reason });
      fills.rejected++;
      return;
    }
    fills.filled++;
  }

  /** Whether it was placed to close: what was decided stays, whatever was opened or closed since. */
  async #reduces({ order_id }: Order): Promise<boolean> {
    const [decision] = await this.#claire.decisions({ order_id, limit: 1 });
    return decision?.reduces ?? false;
  }

  #open({ order_id, symbol, side, quantity }: Order, candle: Candle) {
    const trade = { trade_id: tradeId(order_id), order_id, symbol, side, quantity };
    return this.#claire.transaction(async (t) => {
      // The order first: its row is the lock that two execution services meet on.
      await t.fillOrder({ order_id });
      await t.openTrade({ ...trade, entry_price: candle.open, entry_timestamp: candle.timestamp });
    });
  }

  #close({ order_id }: Order, candle: Candle, trades: OpenTrade[]) {
    const closes = trades.map((trade) => ({
      ...(trade.trade_id === null ? { order_id: trade.order_id } : { trade_id: trade.trade_id }),
      exit_price: candle.open,
      exit_timestamp: candle.timestamp,
      commission: commissionOf(trade.quantity, trade.entry_price, candle.open, this.#rate),
    }));
    return this.#claire.transaction(async (t) => {
      await t.fillOrder({ order_id });
      requireRecorded('trade', await t.closeTrades(closes));
    });
  }
}

/** Commission of entry and exit together, rounded once to the 8 decimals of the record. */
export function commissionOf(quantity: Decimal, entry: Decimal, exit: Decimal, rate: Decimal): Decimal {
  return text(decimal(entry).plus(exit).times(quantity).times(rate).round(8));
}

function isWorse({ price, side }: Order, { open }: Candle): boolean {
  if (price === null) return false;
  return side === 'BUY' ? decimal(open).gt(price) : decimal(open).lt(price);
}
