import type { Big } from 'big.js';
import type { Candle } from '../candles/index.js';
import { bounded, decimal, text } from '../decimals.js';
import type { Advice, Strategy } from './strategy.js';

/** The band in which the source calls a crossing undecided; the distance at which this strategy is sure. */
const BAND = '0.01';

/**
 * Moving-average crossover: BUY when the average of the last `short` closes rises above that of the last `long`, SELL
 * when it falls below; silent on every other candle. Confidence is the distance of the averages as a share of 1 % of
 * the long one. Rule 1-50 and the 1 % band are those of W. Brock, J. Lakonishok and B. LeBaron, "Simple Technical
 * Trading Rules and the Stochastic Properties of Stock Returns", Journal of Finance 47(5), 1992.
 */
export class MovingAverageCrossover implements Strategy {
  readonly id: string;
  readonly #short: Average;
  readonly #long: Average;
  #above: boolean | undefined;

  constructor(short = 1, long = 50) {
    if (!(short >= 1 && long > short))
      throw new RangeError(`averages over ${short} and ${long} candles cannot cross`);
    this.id = `mac${short}x${long}`;
    this.#short = new Average(short);
    this.#long = new Average(long);
  }

  next(candle: Candle): Advice | undefined {
    const short = this.#short.next(candle.close);
    const long = this.#long.next(candle.close);
    if (!short || !long || short.eq(long)) return undefined;
    const above = short.gt(long);
    const before = this.#above;
    this.#above = above;
    // The first comparison is a state, not a crossing.
    if (before === undefined || before === above) return undefined;
    const distance = bounded(short.minus(long).abs().div(long));
    const share = distance.div(BAND).round(4, 0);
    return {
      side: above ? 'BUY' : 'SELL',
      confidence: text(share.gt(1) ? decimal(1) : share),
      metadata: {
        strategy: 'moving_average_crossover',
        short: this.#short.length,
        long: this.#long.length,
        short_average: text(short),
        long_average: text(long),
      },
    };
  }
}

/** Average of the last closes. The sum is exact, so it cannot drift however long the series is. */
class Average {
  readonly length: number;
  readonly #window: string[] = [];
  #at = 0;
  #sum: Big = decimal(0);

  constructor(length: number) {
    this.length = length;
  }

  next(close: string): Big | undefined {
    const leaving = this.#window[this.#at];
    this.#window[this.#at] = close;
    this.#at = (this.#at + 1) % this.length;
    this.#sum = this.#sum.plus(close).minus(leaving ?? 0);
    return this.#window.length < this.length ? undefined : bounded(this.#sum.div(this.length));
  }
}
