-- title: Four indexes ascend and end with the id, so that rows of one moment need no sorting
-- version: 1.3
-- breaking: no
-- transaction: no
-- locks: access exclusive on orders, trades, risk_events for a moment, while an index takes the name of another

-- Each new one is there before the old one goes, so that no read is ever without. Only the names change hands under the
-- lock: dropped concurrently and then renamed, there would be a moment without the name.
-- squawk-ignore-file require-concurrent-index-deletion

-- unless: pg_get_indexdef(to_regclass('idx_orders_status_created')) like '%, id)%'
create index concurrently if not exists idx_orders_status_created_id on orders (status, created_at, id);

-- unless: pg_get_indexdef(to_regclass('idx_orders_status_created')) like '%, id)%'
begin;

lock table orders in access exclusive mode;

drop index if exists idx_orders_status_created;

alter index idx_orders_status_created_id rename to idx_orders_status_created;

commit;

-- unless: pg_get_indexdef(to_regclass('idx_trades_status_entry')) like '%, id)%'
create index concurrently if not exists idx_trades_status_entry_id on trades (status, entry_timestamp, id) where status = 'OPEN';

-- unless: pg_get_indexdef(to_regclass('idx_trades_status_entry')) like '%, id)%'
begin;

lock table trades in access exclusive mode;

drop index if exists idx_trades_status_entry;

alter index idx_trades_status_entry_id rename to idx_trades_status_entry;

commit;

-- unless: pg_get_indexdef(to_regclass('idx_trades_symbol_side_entry')) like '%, id)%'
create index concurrently if not exists idx_trades_symbol_side_entry_id on trades (symbol, side, entry_timestamp, id) where status = 'OPEN';

-- unless: pg_get_indexdef(to_regclass('idx_trades_symbol_side_entry')) like '%, id)%'
begin;

lock table trades in access exclusive mode;

drop index if exists idx_trades_symbol_side_entry;

alter index idx_trades_symbol_side_entry_id rename to idx_trades_symbol_side_entry;

commit;

-- unless: pg_get_indexdef(to_regclass('idx_risk_events_type_timestamp')) like '%, id)%'
create index concurrently if not exists idx_risk_events_type_timestamp_id on risk_events (event_type, timestamp, id);

-- unless: pg_get_indexdef(to_regclass('idx_risk_events_type_timestamp')) like '%, id)%'
begin;

lock table risk_events in access exclusive mode;

drop index if exists idx_risk_events_type_timestamp;

alter index idx_risk_events_type_timestamp_id rename to idx_risk_events_type_timestamp;

commit;
