import type { Big } from 'big.js';
import type { Decimal } from '../domain/decimal.js';
import type { RiskEventType } from '../domain/vocabulary.js';
import { exposureOf, type Holding, isOpposed } from './book-state.js';
import { bounded, decimal, exact, sum, text } from './decimals.js';
import type { Signal } from './signal-engine.js';

/** What the risk manager allows, in quote units. The names are those of the details of risk events. */
export interface RiskLimits {
  /** Open trades and PENDING openings over all symbols. */
  max_exposure: Decimal;
  /** The same for one symbol. */
  max_position: Decimal;
  /** Realized gross profit (`pnl`, as the seed's `daily_pnl`) of a market day (UTC) at which trading halts until the next; below 0. */
  max_drawdown: Decimal;
  /** Balance that the drawdown is told with. */
  balance: Decimal;
  /** Signals below it are rejected. */
  min_confidence: Decimal;
  /** Value of an opening order. */
  order_size: Decimal;
}

/** The seed's limits: exposure 5,000 and a drawdown of 5 % of 10,000; the others leave room for five orders. */
export const DEFAULT_LIMITS: RiskLimits = {
  max_exposure: '5000',
  max_position: '2500',
  max_drawdown: '-500',
  balance: '10000',
  min_confidence: '0.2',
  order_size: '1000',
};

/**
 * Limits for the demonstration on one symbol with daily candles: orders of 2,000 so that two fill the exposure, and a
 * halt at 2 % of the balance, because nothing but a crash loses 5 % of it in the exits of one day.
 */
export const DEMO_LIMITS: RiskLimits = {
  ...DEFAULT_LIMITS,
  max_position: '4000',
  max_drawdown: '-200',
  order_size: '2000',
};

/** What the risk manager makes of a signal. */
export type Judgement =
  | { decision: 'closing' | 'opening'; quantity: Decimal }
  | {
      decision: 'rejected';
      quantity: Decimal;
      reason: string;
      event_type: RiskEventType;
      details: Record<string, unknown>;
    };

const SMALLEST = '0.00000001';

/**
 * Judges a signal. What is held on the other side is closed as a whole, always: closing lessens risk. Else, in this
 * order: the halt of the day, the confidence, the exposure, the position of the symbol. The first that speaks decides.
 */
export function judge(
  signal: Signal,
  held: ReadonlyMap<string, Holding>,
  limits: RiskLimits,
  haltedBy: string | undefined,
): Judgement {
  const holding = held.get(signal.symbol);
  if (holding && isOpposed(holding, signal.side)) {
    return { decision: 'closing', quantity: text(holding.quantity.abs()) };
  }
  // Down, so that an order never exceeds its size.
  const size = decimal(limits.order_size).div(signal.price).round(8, 0);
  const quantity = size.gt(0) ? text(size) : SMALLEST;
  const rejected = (
    event_type: RiskEventType,
    reason: string,
    details: Record<string, unknown>,
  ): Judgement => ({
    decision: 'rejected',
    quantity,
    reason,
    event_type,
    details,
  });
  if (haltedBy) return rejected('signal_rejected', 'Trading is halted for the day', { halted_by: haltedBy });
  if (decimal(signal.confidence).lt(limits.min_confidence)) {
    return rejected('signal_rejected', 'Confidence too low', {
      confidence: exact(signal.confidence),
      min_confidence: exact(limits.min_confidence),
    });
  }
  if (!size.gt(0)) {
    return rejected('signal_rejected', 'The order size buys less than 0.00000001', {
      order_size: exact(limits.order_size),
      price: exact(signal.price),
    });
  }
  const notional = bounded(size.times(signal.price));
  return tooLarge(notional, holding, held, limits, rejected) ?? { decision: 'opening', quantity };
}

function tooLarge(
  notional: Big,
  holding: Holding | undefined,
  held: ReadonlyMap<string, Holding>,
  limits: RiskLimits,
  rejected: (type: RiskEventType, reason: string, details: Record<string, unknown>) => Judgement,
): Judgement | undefined {
  const exposure = sum([...held.values()].map(exposureOf));
  if (exposure.plus(notional).gt(limits.max_exposure)) {
    return rejected('exposure_limit_exceeded', 'Exposure limit exceeded', {
      current_exposure: exact(exposure),
      max_exposure: exact(limits.max_exposure),
      new_position: exact(notional),
    });
  }
  const position = holding ? exposureOf(holding) : decimal(0);
  if (position.plus(notional).gt(limits.max_position)) {
    return rejected('position_limit_exceeded', 'Position limit exceeded', {
      current_position: exact(position),
      max_position: exact(limits.max_position),
      new_position: exact(notional),
    });
  }
  return undefined;
}
