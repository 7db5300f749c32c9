import type { Decimal } from '../domain/decimal.js';
import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { errorOf } from './outcomes.js';
import type { Signal } from './signal-engine.js';

type Outcomes = Awaited<ReturnType<Claire['decideAll']>>;

export interface RiskOptions {
  /** Value of an opening order, in quote units. Default 1,000. */
  orderSize?: Decimal;
}

export interface Decision {
  signal_id: string;
  order_id: string;
  symbol: string;
  timestamp: Milliseconds;
  /** `decided`: its order stood there already, whoever placed it and whatever was wanted then. */
  decision: 'opening' | 'closing' | 'rejected' | 'decided';
}

/**
 * Turns signals into orders. What may be is decided by the database, by the limits of the book and in the transaction
 * that records the order, so a restart forgets nothing and two risk managers cannot pass a limit together.
 */
export class RiskManager {
  readonly #claire: Pick<Claire, 'decideAll' | 'orders'>;
  readonly #orderSize: Decimal;

  constructor(claire: Pick<Claire, 'decideAll' | 'orders'>, options: RiskOptions = {}) {
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
    const decisions: Decision[] = [];
    for (const [at, outcome] of outcomes.entries()) {
      const { signal_id, symbol, timestamp } = signals[at]!;
      const decision = await this.#decisionOf(outcome, signal_id);
      decisions.push({ signal_id, order_id: outcome.id, symbol, timestamp, decision });
    }
    return decisions;
  }

  async #decisionOf(outcome: Outcomes[number], signal_id: string): Promise<Decision['decision']> {
    if (outcome.outcome === 'already_recorded') return 'decided';
    if (outcome.outcome === 'recorded') return outcome.decision as Decision['decision'];
    // An order from before decisions were recorded, or one of another size: the signal has what it gets.
    const standing =
      outcome.outcome === 'conflict' ? await this.#claire.orders({ order_id: outcome.id }) : [];
    if (standing[0]?.signal_id === signal_id) return 'decided';
    throw errorOf('decision', outcome);
  }
}
