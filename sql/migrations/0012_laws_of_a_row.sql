-- title: What cannot be true of one row is refused by name
-- version: 1.2
-- breaking: yes
-- transaction: no
-- locks: access exclusive for a moment on signals, orders, trades, risk_events; old rows are read without it

-- PostgreSQL sorts NaN above every number, so "below 10^12" refuses NaN and infinity with the same comparison.
-- unless: exists (select from pg_constraint where conrelid = 'signals'::regclass and conname = 'signals_created_at_check')
alter table signals
  drop constraint if exists signals_price_check,
  add constraint signals_price_check check (price > 0 and price < 1e12) not valid,
  add constraint signals_price_decimals_check check (price = round(price, 8) and scale(price) <= 32) not valid,
  add constraint signals_timestamp_check check (timestamp >= 1e11::bigint and timestamp < 1e14::bigint) not valid,
  add constraint signals_signal_id_check check (btrim(signal_id, e' \t\n\r') <> '') not valid,
  add constraint signals_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')) not valid,
  add constraint signals_created_at_check check (created_at is not null and isfinite(created_at)) not valid;

-- unless: exists (select from pg_constraint where conrelid = 'orders'::regclass and conname = 'orders_updated_at_check')
alter table orders
  drop constraint if exists orders_quantity_check,
  add constraint orders_quantity_check check (quantity > 0 and quantity < 1e12) not valid,
  add constraint orders_quantity_decimals_check check (quantity = round(quantity, 8) and scale(quantity) <= 32) not valid,
  add constraint orders_price_check check (price > 0 and price < 1e12) not valid,
  add constraint orders_price_decimals_check check (price = round(price, 8) and scale(price) <= 32) not valid,
  add constraint orders_side_check check (side in ('BUY', 'SELL')) not valid,
  add constraint orders_timestamp_check check (timestamp >= 1e11::bigint and timestamp < 1e14::bigint) not valid,
  add constraint orders_order_id_check check (btrim(order_id, e' \t\n\r') <> '') not valid,
  add constraint orders_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')) not valid,
  add constraint orders_rejection_reason_check check (
    status <> 'REJECTED' or coalesce(btrim(rejection_reason, e' \t\n\r'), '') <> ''
  ) not valid,
  add constraint orders_created_at_check check (created_at is not null and isfinite(created_at)) not valid,
  add constraint orders_updated_at_check check (updated_at is not null and isfinite(updated_at)) not valid;

-- unless: exists (select from pg_constraint where conrelid = 'trades'::regclass and conname = 'trades_created_at_check')
alter table trades
  drop constraint if exists trades_quantity_check,
  drop constraint if exists trades_entry_price_check,
  drop constraint if exists trades_exit_price_check,
  add constraint trades_quantity_check check (quantity > 0 and quantity < 1e12) not valid,
  add constraint trades_quantity_decimals_check check (quantity = round(quantity, 8) and scale(quantity) <= 32) not valid,
  add constraint trades_entry_price_check check (entry_price > 0 and entry_price < 1e12) not valid,
  add constraint trades_entry_price_decimals_check check (entry_price = round(entry_price, 8) and scale(entry_price) <= 32) not valid,
  add constraint trades_exit_price_check check (exit_price > 0 and exit_price < 1e12) not valid,
  add constraint trades_exit_price_decimals_check check (exit_price = round(exit_price, 8) and scale(exit_price) <= 32) not valid,
  add constraint trades_commission_check check (commission > -1e12 and commission < 1e12) not valid,
  add constraint trades_commission_decimals_check check (commission = round(commission, 8) and scale(commission) <= 32) not valid,
  add constraint trades_side_check check (side in ('BUY', 'SELL')) not valid,
  add constraint trades_entry_timestamp_check check (
    entry_timestamp >= 1e11::bigint and entry_timestamp < 1e14::bigint
  ) not valid,
  add constraint trades_exit_timestamp_check check (
    exit_timestamp >= entry_timestamp and exit_timestamp < 1e14::bigint
  ) not valid,
  add constraint trades_closed_check check (
    case status
      when 'CLOSED' then exit_price is not null and exit_timestamp is not null
      else exit_price is null and exit_timestamp is null
    end
  ) not valid,
  add constraint trades_trade_id_check check (btrim(trade_id, e' \t\n\r') <> '') not valid,
  add constraint trades_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')) not valid,
  add constraint trades_created_at_check check (created_at is not null and isfinite(created_at)) not valid;

-- unless: exists (select from pg_constraint where conrelid = 'risk_events'::regclass and conname = 'risk_events_created_at_check')
alter table risk_events
  add constraint risk_events_timestamp_check check (
    timestamp >= 1e11::bigint and timestamp < 1e14::bigint
  ) not valid,
  add constraint risk_events_event_id_check check (btrim(event_id, e' \t\n\r') <> '') not valid,
  add constraint risk_events_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')) not valid,
  add constraint risk_events_reason_check check (btrim(reason, e' \t\n\r') <> '') not valid,
  add constraint risk_events_created_at_check check (created_at is not null and isfinite(created_at)) not valid;
