import type { Decimal } from '../../domain/decimal.js';
import type { Milliseconds } from '../../domain/time.js';

/** Prices and volume of one symbol over one span of time; `timestamp` is the start of the span. */
export interface Candle {
  symbol: string;
  timestamp: Milliseconds;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
}

/** All candles of one moment, by symbol. */
export interface Step {
  timestamp: Milliseconds;
  candles: Candle[];
}
