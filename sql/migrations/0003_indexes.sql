-- title: The seed's indexes; its idx_signals_recent cannot be executed (now() in a predicate) and comes in 1.2
-- version: 1.1
-- breaking: no
-- transaction: no
-- locks: share update exclusive on signals, orders, trades, risk_events: nobody who writes waits

create index concurrently if not exists idx_signals_symbol_timestamp on signals (symbol, timestamp desc);

create index concurrently if not exists idx_orders_status_created on orders (status, created_at desc);

create index concurrently if not exists idx_trades_status_entry on trades (status, entry_timestamp desc) where status = 'OPEN';

create index concurrently if not exists idx_risk_events_jsonb on risk_events using gin (details);

create index concurrently if not exists idx_risk_events_type_timestamp on risk_events (event_type, timestamp desc);
