/** The words of the record. The database holds the same lists in its CHECK constraints. */
export const SIDES = ['BUY', 'SELL'] as const;
export type Side = (typeof SIDES)[number];

export const ORDER_STATES = ['PENDING', 'FILLED', 'REJECTED', 'CANCELLED'] as const;
export type OrderStatus = (typeof ORDER_STATES)[number];

export const TRADE_STATES = ['OPEN', 'CLOSED'] as const;
export type TradeStatus = (typeof TRADE_STATES)[number];

export const RISK_EVENT_TYPES = [
  'signal_rejected',
  'circuit_breaker_triggered',
  'exposure_limit_exceeded',
  'position_limit_exceeded',
  'daily_drawdown_exceeded',
] as const;
export type RiskEventType = (typeof RISK_EVENT_TYPES)[number];

export const opposite = (side: Side): Side => (side === 'BUY' ? 'SELL' : 'BUY');
