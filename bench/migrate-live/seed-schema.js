/** The database that people made by hand: version 1.0 of the seed, and the seed's own way from there to 1.1. */

export const TABLES = ['signals', 'orders', 'trades', 'risk_events'];

/** 1.0: tables and keys only. */
export const VERSION_1_0 = [
  `CREATE TABLE signals (
    id SERIAL PRIMARY KEY,
    signal_id VARCHAR(50) UNIQUE NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,
    price NUMERIC(20, 8) NOT NULL,
    confidence NUMERIC(3, 2) NOT NULL,
    timestamp BIGINT NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT NOW()
  )`,
  `CREATE TABLE orders (
    id SERIAL PRIMARY KEY,
    order_id VARCHAR(50) UNIQUE NOT NULL,
    signal_id VARCHAR(50) REFERENCES signals(signal_id),
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,
    quantity NUMERIC(20, 8) NOT NULL,
    price NUMERIC(20, 8),
    status VARCHAR(20) NOT NULL,
    rejection_reason TEXT,
    created_at TIMESTAMP DEFAULT NOW(),
    updated_at TIMESTAMP DEFAULT NOW()
  )`,
  `CREATE TABLE trades (
    id SERIAL PRIMARY KEY,
    order_id VARCHAR(50) REFERENCES orders(order_id),
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,
    quantity NUMERIC(20, 8) NOT NULL,
    entry_price NUMERIC(20, 8) NOT NULL,
    entry_timestamp BIGINT NOT NULL,
    exit_price NUMERIC(20, 8),
    exit_timestamp BIGINT,
    status VARCHAR(20) NOT NULL,
    pnl NUMERIC(20, 8),
    pnl_pct NUMERIC(10, 4),
    commission NUMERIC(20, 8) DEFAULT 0.0,
    created_at TIMESTAMP DEFAULT NOW()
  )`,
  `CREATE TABLE risk_events (
    id SERIAL PRIMARY KEY,
    event_type VARCHAR(50) NOT NULL,
    signal_id VARCHAR(50),
    symbol VARCHAR(20),
    reason TEXT NOT NULL,
    details JSONB,
    timestamp BIGINT NOT NULL,
    created_at TIMESTAMP DEFAULT NOW()
  )`,
];

/** The seed's migration script, its excerpt completed to the whole of 1.1 in the same hand. */
export const SEED_MIGRATION = [
  'ALTER TABLE signals ADD CONSTRAINT signals_price_check CHECK (price > 0)',
  'ALTER TABLE signals ADD CONSTRAINT signals_confidence_check CHECK (confidence >= 0 AND confidence <= 1)',
  `ALTER TABLE signals ADD CONSTRAINT signals_side_check CHECK (side IN ('BUY', 'SELL'))`,
  'ALTER TABLE orders ADD CONSTRAINT orders_quantity_check CHECK (quantity > 0)',
  `ALTER TABLE orders ADD CONSTRAINT orders_status_check
    CHECK (status IN ('PENDING', 'FILLED', 'REJECTED', 'CANCELLED'))`,
  'ALTER TABLE trades ADD CONSTRAINT trades_quantity_check CHECK (quantity > 0)',
  'ALTER TABLE trades ADD CONSTRAINT trades_entry_price_check CHECK (entry_price > 0)',
  'ALTER TABLE trades ADD CONSTRAINT trades_exit_price_check CHECK (exit_price IS NULL OR exit_price > 0)',
  `ALTER TABLE trades ADD CONSTRAINT trades_status_check CHECK (status IN ('OPEN', 'CLOSED'))`,
  `ALTER TABLE risk_events ADD CONSTRAINT risk_events_type_check CHECK (event_type IN ('signal_rejected',
    'circuit_breaker_triggered', 'exposure_limit_exceeded', 'position_limit_exceeded', 'daily_drawdown_exceeded'))`,
  'CREATE INDEX CONCURRENTLY idx_signals_symbol_timestamp ON signals (symbol, timestamp DESC)',
  // Refused by every server (now() is not immutable). psql -f goes on after it, and so do we.
  `CREATE INDEX CONCURRENTLY idx_signals_recent ON signals (timestamp DESC)
    WHERE timestamp > EXTRACT(EPOCH FROM NOW() - INTERVAL '7 days') * 1000`,
  'CREATE INDEX CONCURRENTLY idx_orders_status_created ON orders (status, created_at DESC)',
  `CREATE INDEX CONCURRENTLY idx_trades_status_entry ON trades (status, entry_timestamp DESC) WHERE status = 'OPEN'`,
  'CREATE INDEX CONCURRENTLY idx_risk_events_jsonb ON risk_events USING GIN (details)',
  'CREATE INDEX CONCURRENTLY idx_risk_events_type_timestamp ON risk_events (event_type, timestamp DESC)',
  `CREATE OR REPLACE FUNCTION calculate_pnl() RETURNS TRIGGER AS $$
  BEGIN
    IF NEW.status = 'CLOSED' AND NEW.exit_price IS NOT NULL THEN
      IF NEW.side = 'BUY' THEN
        NEW.pnl = NEW.quantity * (NEW.exit_price - NEW.entry_price);
      ELSE
        NEW.pnl = NEW.quantity * (NEW.entry_price - NEW.exit_price);
      END IF;
      NEW.pnl_pct = (NEW.pnl / (NEW.quantity * NEW.entry_price)) * 100;
    END IF;
    RETURN NEW;
  END;
  $$ LANGUAGE plpgsql`,
  `CREATE TRIGGER trigger_calculate_pnl BEFORE INSERT OR UPDATE ON trades
    FOR EACH ROW EXECUTE FUNCTION calculate_pnl()`,
  `CREATE MATERIALIZED VIEW positions_realtime AS
    SELECT symbol, side, SUM(quantity) AS total_quantity, AVG(entry_price) AS avg_entry_price,
      COUNT(*) AS num_trades, SUM(quantity * entry_price) AS total_value_usd,
      MIN(entry_timestamp) AS first_entry, MAX(entry_timestamp) AS last_entry
    FROM trades WHERE status = 'OPEN' GROUP BY symbol, side`,
  'CREATE UNIQUE INDEX idx_positions_realtime_symbol_side ON positions_realtime (symbol, side)',
  'REFRESH MATERIALIZED VIEW CONCURRENTLY positions_realtime',
];

/** What makes a loaded 1.0 a hand-made 1.1, while nobody writes. */
export const VERSION_1_1 = SEED_MIGRATION.filter(
  (statement) => !/idx_signals_recent|^REFRESH/.test(statement),
).map((statement) => statement.replace(' CONCURRENTLY', ''));
