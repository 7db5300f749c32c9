import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { readHoldings } from './book-state.js';
import type { Step } from './candles/index.js';
import { guardDrawdown, haltAt } from './drawdown.js';
import { eventId, orderId } from './ids.js';
import { DEFAULT_LIMITS, judge, type RiskLimits } from './limits.js';
import type { Signal } from './signal-engine.js';

export interface Decision {
  signal_id: string;
  order_id: string;
  symbol: string;
  timestamp: Milliseconds;
  /** `decided`: its order stood there already. */
  decision: 'opening' | 'closing' | 'rejected' | 'decided';
}

/**
 * Turns signals into orders within limits. What is held, what is PENDING, the day's profit and the halt are read from
 * the record for every decision, so a restart forgets nothing and a decision that was made is not made again.
 */
export class RiskManager {
  readonly #claire: Claire;
  readonly #limits: RiskLimits;
  /** Times of the last closes that were there when their symbol came up first: a halt may be missing behind them. */
  readonly #due = new Set<Milliseconds>();
  readonly #seen = new Set<string>();

  constructor(claire: Claire, limits: Partial<RiskLimits> = {}) {
    this.#claire = claire;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Decides signals in the order given, each once. @throws ClaireError where the record refuses a decision. */
  async decide(signals: readonly Signal[]): Promise<Decision[]> {
    const decisions: Decision[] = [];
    for (const signal of signals) decisions.push(await this.#decide(signal));
    return decisions;
  }

  /**
   * Looks at the day's profit where trades were closed at this moment. After a restart also at the moment of the last
   * close of each symbol: the run before may have ended between the close and the halt.
   */
  async onStep(step: Step, closed: number): Promise<void> {
    for (const { symbol } of step.candles) {
      if (this.#seen.has(symbol)) continue;
      this.#seen.add(symbol);
      const [last] = await this.#claire.trades({ symbol, status: 'CLOSED', limit: 1 });
      if (last?.exit_timestamp) this.#due.add(last.exit_timestamp);
    }
    if (this.#due.delete(step.timestamp) || closed > 0) await this.checkDrawdown(step.timestamp);
  }

  /** Halts the market day where its realized profit is at or below the limit. Gives the orders it cancelled. */
  async checkDrawdown(at: Milliseconds): Promise<string[]> {
    return (await guardDrawdown(this.#claire, this.#limits, at))?.cancelled ?? [];
  }

  async #decide(signal: Signal): Promise<Decision> {
    const { signal_id, symbol, side, timestamp } = signal;
    const order_id = orderId(signal_id);
    const known = { signal_id, order_id, symbol, timestamp };
    const [made] = await this.#claire.orders({ order_id, limit: 1 });
    if (made) return { ...known, decision: 'decided' };
    await this.checkDrawdown(timestamp);
    const held = await readHoldings(this.#claire, this.#limits.order_size);
    const judgement = judge(signal, held, this.#limits, await haltAt(this.#claire, this.#limits, timestamp));
    const order = { order_id, signal_id, symbol, side, quantity: judgement.quantity, timestamp };
    if (judgement.decision === 'rejected') {
      const { reason, details, event_type } = judgement;
      await this.#claire.transaction(async (t) => {
        await t.placeOrder({ ...order, status: 'REJECTED', rejection_reason: reason });
        await t.recordRiskEvent({
          event_id: eventId(signal_id),
          event_type,
          signal_id,
          symbol,
          reason,
          details,
          timestamp,
        });
      });
    } else {
      await this.#claire.placeOrder(order);
    }
    return { ...known, decision: judgement.decision };
  }
}
