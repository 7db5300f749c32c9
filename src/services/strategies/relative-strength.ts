import type { Big } from 'big.js';
import type { Candle } from '../candles/index.js';
import { bounded, decimal, text } from '../decimals.js';
import type { Advice, Strategy } from './strategy.js';

/**
 * Mean reversion on the relative strength index: BUY when it rises back through 30, SELL when it falls back through 70;
 * silent on every other candle. Confidence is how far it had gone beyond the level, as a share of 15 points.
 * Index, smoothing, 14 periods and the levels 30 and 70: J. Welles Wilder, "New Concepts in Technical Trading
 * Systems", Trend Research, 1978.
 */
export class RelativeStrength implements Strategy {
  readonly id: string;
  readonly #periods: number;
  readonly #low: Big;
  readonly #high: Big;
  #close: string | undefined;
  #changes = 0;
  #gain: Big = decimal(0);
  #loss: Big = decimal(0);
  #index: Big | undefined;
  /** The outermost index since it left the levels; undefined between them. */
  #extreme: Big | undefined;

  constructor(periods = 14, low = 30, high = 70) {
    if (!(periods >= 2 && low > 0 && high > low && high < 100)) {
      throw new RangeError(`an index over ${periods} periods with levels ${low} and ${high} says nothing`);
    }
    this.id = `rsi${periods}`;
    this.#periods = periods;
    this.#low = decimal(low);
    this.#high = decimal(high);
  }

  /** The index after the last candle, 0 to 100; undefined before there are enough candles. */
  get index(): string | undefined {
    return this.#index && text(this.#index);
  }

  next(candle: Candle): Advice | undefined {
    this.#smooth(candle.close);
    if (this.#changes < this.#periods) return undefined;
    const before = this.#index;
    const total = this.#gain.plus(this.#loss);
    // 100 − 100 / (1 + gain / loss), without the division by a loss of 0. Where nothing moves nothing is strong.
    const index = total.eq(0) ? decimal(50) : bounded(this.#gain.times(100).div(total));
    this.#index = index;
    const advice = before && this.#crossing(before, index);
    this.#remember(index);
    return advice;
  }

  /** Wilder's smoothing: the first average is the mean of the first changes, then each weighs 1 / periods. */
  #smooth(close: string): void {
    const before = this.#close;
    this.#close = close;
    if (before === undefined) return;
    const change = decimal(close).minus(before);
    const gain = change.gt(0) ? change : decimal(0);
    const loss = change.lt(0) ? change.abs() : decimal(0);
    this.#changes++;
    if (this.#changes <= this.#periods) {
      this.#gain = this.#gain.plus(gain);
      this.#loss = this.#loss.plus(loss);
      if (this.#changes < this.#periods) return;
      this.#gain = bounded(this.#gain.div(this.#periods));
      this.#loss = bounded(this.#loss.div(this.#periods));
      return;
    }
    this.#gain = bounded(
      this.#gain
        .times(this.#periods - 1)
        .plus(gain)
        .div(this.#periods),
    );
    this.#loss = bounded(
      this.#loss
        .times(this.#periods - 1)
        .plus(loss)
        .div(this.#periods),
    );
  }

  #crossing(before: Big, index: Big): Advice | undefined {
    if (before.lt(this.#low) && index.gte(this.#low)) return this.#advice('BUY', this.#low, index);
    if (before.gt(this.#high) && index.lte(this.#high)) return this.#advice('SELL', this.#high, index);
    return undefined;
  }

  #advice(side: Advice['side'], level: Big, index: Big): Advice {
    const extreme = this.#extreme ?? level;
    const share = extreme.minus(level).abs().div(15).round(4, 0);
    return {
      side,
      confidence: text(share.gt(1) ? decimal(1) : share),
      metadata: {
        strategy: 'relative_strength',
        periods: this.#periods,
        level: Number(level),
        index: text(index.round(4)),
        extreme: text(extreme.round(4)),
      },
    };
  }

  #remember(index: Big): void {
    if (index.lt(this.#low)) {
      this.#extreme = this.#extreme?.lt(index) ? this.#extreme : index;
    } else if (index.gt(this.#high)) {
      this.#extreme = this.#extreme?.gt(index) ? this.#extreme : index;
    } else {
      this.#extreme = undefined;
    }
  }
}
