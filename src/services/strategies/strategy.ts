import type { Decimal } from '../../domain/decimal.js';
import type { Side } from '../../domain/vocabulary.js';
import type { Candle } from '../candles/index.js';

/** What a strategy has to say of a candle. */
export interface Advice {
  side: Side;
  /** 0 to 1, at most 4 decimals. */
  confidence: Decimal;
  /** What it was computed from, as decimal text. */
  metadata: Record<string, unknown>;
}

/** Looks at the candles of one symbol, one after another, and remembers no more of them than it needs. */
export interface Strategy {
  /** Short name with its parameters; the ids of its signals begin with it. At most 9 characters. */
  readonly id: string;
  next(candle: Candle): Advice | undefined;
}
