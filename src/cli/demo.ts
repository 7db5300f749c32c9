import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEMO_LIMITS, syntheticMarket } from '../services/index.js';
import type { ReplayInput } from './run-replay.js';

/** Its book is never `main`: rows of a demonstration must not meet real ones. */
export const DEMO_BOOK = 'demo';

export interface Demo {
  /** What the candles are, as a sentence. */
  origin: string;
  source: 'sp500' | 'synthetic';
  input: ReplayInput;
}

const DAYS = 5000;

/** Twenty years of real candles where the package that has them is installed, else a market that says it is made up. */
export function demo(): Demo {
  const file = packagedCandles();
  if (file) {
    const origin = 'Daily candles of the S&P 500, 2000 to 2020, from the npm package vega-datasets.';
    return { origin, source: 'sp500', input: { files: [file], limits: DEMO_LIMITS } };
  }
  const candles = syntheticMarket({ days: DAYS });
  return {
    origin:
      'The npm package vega-datasets is not installed, so the candles are SYNTHETIC: made up, of no market.',
    source: 'synthetic',
    input: { candles, total: candles.length * DAYS, limits: DEMO_LIMITS },
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
