-- title: The seed's indexes; its idx_signals_recent cannot be executed (now() in a predicate) and comes in 1.2
-- version: 1.1
-- breaking: no
-- transaction: yes
-- locks: share on signals, orders, trades, risk_events while each index is built

create index idx_signals_symbol_timestamp on signals (symbol, timestamp desc);

create index idx_orders_status_created on orders (status, created_at desc);

create index idx_trades_status_entry on trades (status, entry_timestamp desc) where status = 'OPEN';

create index idx_risk_events_jsonb on risk_events using gin (details);

create index idx_risk_events_type_timestamp on risk_events (event_type, timestamp desc);
