import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { syntheticMarket } from '../services/index.js';
import type { ReplayInput } from './run-replay.js';
import { connectTo, type Place } from './session.js';

/** Its book is never `main`: rows of a demonstration must not meet real ones. */
export const DEMO_BOOK = 'demo';

export interface Demo {
  /** What the candles are, as a sentence. */
  origin: string;
  source: 'sp500' | 'synthetic';
  input: ReplayInput;
}

const DAYS = 5000;
const ORDER_SIZE = '2000';

/**
 * The seed's limits, but for one symbol with daily candles: two orders fill the exposure, and trading halts for a day at 2 %
 * of the balance, because nothing but a crash loses 5 % of it in the exits of one day.
 */
const LIMITS = {
  max_exposure: '5000',
  max_position: '4000',
  max_drawdown_pct: '-2',
  min_confidence: '0.2',
  breaker_halts: 'until_next_day',
};

/** Sets the limits that the demonstration shows; the same again changes nothing. */
export async function limitDemo(place: Place): Promise<void> {
  const claire = await connectTo(place, DEMO_BOOK, 'claire_operator');
  try {
    await claire.setCapital({ amount: '10000', reason: "the seed's balance" });
    await claire.setLimits({ changes: LIMITS, reason: "the seed's limits, for one symbol a day" });
  } finally {
    await claire.close();
  }
}

/** Twenty years of real candles where the package that has them is installed, else a market that says it is made up. */
export function demo(): Demo {
  const file = packagedCandles();
  if (file) {
    const origin = 'Daily candles of the S&P 500, 2000 to 2020, from the npm package vega-datasets.';
    return { origin, source: 'sp500', input: { files: [file], orderSize: ORDER_SIZE } };
  }
  const candles = syntheticMarket({ days: DAYS });
  return {
    origin:
      'The npm package vega-datasets is not installed, so the candles are SYNTHETIC: made up, of no market.',
    source: 'synthetic',
    input: { candles, total: candles.length * DAYS, orderSize: ORDER_SIZE },
  };
}

function packagedCandles(): string | undefined {
  try {
    // Its exports hide the data; beside the entry point it lies in the same place in every version.
    const file = fileURLToPath(new URL('../data/sp500-2000.csv', import.meta.resolve('vega-datasets')));
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
