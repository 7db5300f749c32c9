import type { Decimal } from '../domain/decimal.js';
import type { Milliseconds } from '../domain/time.js';
import type { Side } from '../domain/vocabulary.js';
import type { Claire } from '../index.js';
import type { Candle } from './candles/index.js';
import { signalId } from './ids.js';
import { errorOf } from './outcomes.js';
import { MovingAverageCrossover, RelativeStrength, type Strategy } from './strategies/index.js';

/** A signal as the risk manager needs it. */
export interface Signal {
  signal_id: string;
  symbol: string;
  side: Side;
  /** Close of the candle. */
  price: Decimal;
  confidence: Decimal;
  /** Time of the candle. */
  timestamp: Milliseconds;
}

export interface RecordedSignal extends Signal {
  outcome: 'recorded' | 'already_recorded';
}

export interface SignalEngineOptions {
  /** New strategies for a symbol. Default: moving averages 1-50 and the relative strength index over 14. */
  strategies?: () => Strategy[];
}

/** Runs the strategies over candles and records what they say. Holds no more than the strategies' own memory. */
export class SignalEngine {
  readonly #claire: Pick<Claire, 'recordSignals'>;
  readonly #make: () => Strategy[];
  readonly #strategies = new Map<string, Strategy[]>();

  constructor(claire: Pick<Claire, 'recordSignals'>, options: SignalEngineOptions = {}) {
    this.#claire = claire;
    this.#make = options.strategies ?? (() => [new MovingAverageCrossover(), new RelativeStrength()]);
  }

  /**
   * Records the signals of one moment as one batch and gives them, in the order of the candles.
   * @throws ClaireError where a signal is refused, or id_conflict where another one stands under its id.
   */
  async onStep(candles: readonly Candle[]): Promise<RecordedSignal[]> {
    const found = candles.flatMap((candle) => this.#signals(candle));
    if (found.length === 0) return [];
    const outcomes = await this.#claire.recordSignals(found);
    return found.map(({ metadata: _, ...signal }, at) => {
      const outcome = outcomes[at]!;
      const error = errorOf('signal', outcome);
      if (error) throw error;
      return { ...signal, outcome: outcome.outcome as RecordedSignal['outcome'] };
    });
  }

  #signals(candle: Candle) {
    let strategies = this.#strategies.get(candle.symbol);
    if (!strategies) {
      strategies = this.#make();
      this.#strategies.set(candle.symbol, strategies);
    }
    return strategies.flatMap((strategy) => {
      const advice = strategy.next(candle);
      if (!advice) return [];
      const { symbol, close, timestamp } = candle;
      return [
        { signal_id: signalId(strategy.id, symbol, timestamp), symbol, price: close, timestamp, ...advice },
      ];
    });
  }
}
