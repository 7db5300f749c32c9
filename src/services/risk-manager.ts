import type { Decimal } from '../domain/decimal.js';
import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { errorOf } from './outcomes.js';
import type { Signal } from './signal-engine.js';

export interface RiskOptions {
  /** Value of an opening order, in quote units. Default 1,000. */
  orderSize?: Decimal;
}

export interface Decision {
  signal_id: string;
  order_id: string;
  symbol: string;
  timestamp: Milliseconds;
  /** `decided`: its order stood there already. */
  decision: 'opening' | 'closing' | 'rejected' | 'decided';
}

/**
 * Turns signals into orders. What may be is decided by the database, by the limits of the book and in the transaction
 * that records the order, so a restart forgets nothing and two risk managers cannot pass a limit together.
 */
export class RiskManager {
  readonly #claire: Pick<Claire, 'decideAll'>;
  readonly #orderSize: Decimal;

  constructor(claire: Pick<Claire, 'decideAll'>, options: RiskOptions = {}) {
    this.#claire = claire;
    this.#orderSize = options.orderSize ?? '1000';
  }

  /**
   * Decides signals in the order given, each once and at its own market time. One against a position closes all of it.
   * @throws ClaireError where the record refuses a decision.
   */
  async decide(signals: readonly Signal[]): Promise<Decision[]> {
    if (signals.length === 0) return [];
    const outcomes = await this.#claire.decideAll(
      signals.map(({ signal_id, timestamp }) => ({
        signal_id,
        notional: this.#orderSize,
        at: timestamp,
        close_opposed: true,
      })),
    );
    return outcomes.map((outcome, at) => {
      if (outcome.outcome !== 'recorded' && outcome.outcome !== 'already_recorded') {
        throw errorOf('decision', outcome);
      }
      const { signal_id, symbol, timestamp } = signals[at]!;
      const { order_id, decision } = outcome;
      const isNew = outcome.outcome === 'recorded' && decision !== 'direct';
      return { signal_id, order_id, symbol, timestamp, decision: isNew ? decision : 'decided' };
    });
  }
}
