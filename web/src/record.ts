/** Rows as the API answers them. Decimals are text, times Unix milliseconds. */
export type Side = 'BUY' | 'SELL';

export interface Position {
  symbol: string;
  side: Side;
  total_quantity: string;
  avg_entry_price: string | null;
  num_trades: number;
  total_value_usd: string;
  first_entry: number | null;
  last_entry: number | null;
}

export interface Signal {
  signal_id: string;
  symbol: string;
  side: Side;
  price: string;
  confidence: string;
  timestamp: number;
  metadata: Record<string, unknown> | null;
}

export interface Order {
  order_id: string;
  signal_id: string | null;
  symbol: string;
  side: Side;
  quantity: string;
  price: string | null;
  status: string;
  rejection_reason: string | null;
  timestamp: number | null;
  created_at: number;
  updated_at: number;
}

export interface Trade {
  id: string;
  trade_id: string | null;
  order_id: string | null;
  symbol: string;
  side: Side;
  quantity: string;
  entry_price: string;
  entry_timestamp: number;
  exit_price: string | null;
  exit_timestamp: number | null;
  status: string;
  pnl: string | null;
  pnl_pct: string | null;
  pnl_net: string | null;
  commission: string | null;
}

export interface RiskEvent {
  id: string;
  event_id: string | null;
  event_type: string;
  signal_id: string | null;
  symbol: string | null;
  reason: string;
  details: Record<string, unknown> | null;
  timestamp: number;
  created_at: number;
}

export interface Halt {
  id: string;
  action: 'halt' | 'resume';
  cause: 'hand' | 'drawdown';
  reason: string;
  actor: string;
  timestamp: number;
  until: number | null;
  despite_limit: boolean;
  created_at: number;
}

export interface RiskState {
  halted: boolean;
  halt: Halt | null;
  exposure: string;
  reserved: string;
  open_trades: number;
  limits_version: number;
}

export interface Exposure {
  symbol: string;
  long: string;
  short: string;
  gross: string;
  net: string;
}

export interface Limits {
  version: number;
  symbol: string | null;
  max_exposure: string | null;
  max_position: string | null;
  max_order_size: string | null;
  max_open_trades: number | null;
  max_orders_per_minute: number | null;
  max_drawdown: string | null;
  max_drawdown_pct: string | null;
  min_confidence: string | null;
  max_signal_age_ms: number | null;
  time_zone: string | null;
  enforce_halts: string | null;
  enforce_limits: string | null;
  breaker_halts: string | null;
  reason: string;
  actor: string;
  created_at: number;
}

export interface Capital {
  version: number;
  amount: string;
  since: number | null;
  reason: string;
  actor: string;
  created_at: number;
}

export interface Profit {
  closed_trades: number;
  pnl: string;
  pnl_net: string;
  commission: string;
  commission_unknown: number;
}

export interface Candle {
  symbol: string;
  timestamp: number;
  open: string;
  high: string;
  low: string;
  close: string;
}

export interface NotTraded {
  reason: string;
  signals: number;
  first: number;
  last: number;
  newest: string[];
}

export interface Me {
  name: string;
  role: string;
  may_write: boolean;
  token: boolean;
}

export interface Decision {
  decision: 'opening' | 'closing' | 'rejected' | 'direct';
  timestamp: number;
  price: string | null;
  notional: string | null;
  reason: string | null;
  broken: string[];
  details: Record<string, unknown> | null;
  exposure: string | null;
  position: string | null;
  open_trades: number | null;
  daily_pnl: string | null;
  actor: string;
  limits: Partial<Limits> | null;
  symbol_limits: Partial<Limits> | null;
}

export interface ChainOrder extends Omit<Order, 'updated_at'> {
  decision: Decision | null;
  history: { from: string | null; to: string; reason: string | null; actor: string; at: number }[];
  trades: Trade[];
}

export interface Chain {
  signal: (Signal & { created_at: number }) | null;
  orders: ChainOrder[];
  trades: Trade[];
  risk_events: Pick<RiskEvent, 'event_id' | 'event_type' | 'reason' | 'details' | 'timestamp'>[];
}

export interface Share extends Profit {
  wins: number;
  losses: number;
  /** From 0 to 1. */
  win_rate: string | null;
  profit_factor: string | null;
}

/** What the closed trades of a span brought. */
export interface Performance extends Share {
  average_win: string | null;
  average_loss: string | null;
  largest_win: string | null;
  largest_loss: string | null;
  /** Largest fall of the gross profit below its highest before. */
  drawdown: string;
  drawdown_pct: string | null;
  drawdown_from: number | null;
  drawdown_until: number | null;
  time_zone: string;
  equity: { at: number; pnl: string; pnl_net: string; drawdown: string }[];
  daily: { day: string; closed_trades: number; pnl: string; pnl_net: string }[];
  by_symbol: (Share & { symbol: string })[];
}

export interface Diagnosis {
  check: string;
  question: string;
  threshold: string;
  result: 'ok' | 'warn' | 'fail' | 'skipped';
  sentence: string;
  remedy: { fix: string[] } | { command: string } | { decide: string } | null;
}

export interface Doctor {
  at_ms: number;
  book: string;
  server_version_num: number;
  counts: Record<Diagnosis['result'], number>;
  checks: Diagnosis[];
}

export interface Connections {
  budget: { limit: number; connections: number; over: boolean };
  roles: { role: string; connections: number; expected: { base: number; most: number } }[];
  missing: string[];
}

export interface Backup {
  name: string;
  /** Why it cannot be read. */
  problem: string | null;
  kind?: string;
  taken_ms?: number;
  bytes?: number;
  rows?: number;
  verified: { ok: boolean } | null;
}

export interface Backups {
  directory: string;
  verified: { name: string; taken_ms: number; bytes: number } | null;
  failure: { at_ms: number; action: string; error?: string } | null;
  backups: Backup[];
}

export interface OperationUse {
  operation: string;
  calls: number;
  calls_per_second: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface Step {
  from_ms: number;
  calls: number;
  p95_ms: number | null;
}

export interface Queries {
  since_ms: number;
  sampled: { since_ms: number | null; last_ms: number | null; missing: string | null };
  operations: OperationUse[];
  /** Of the one operation that was asked for. */
  steps: Step[];
}

export interface Horizon {
  table_name: string;
  keep_seconds: number | null;
}

export interface RetentionRun {
  id: string;
  table_name: string;
  outcome: string;
  removed: number;
  ended_at: number;
}
