-- title: The seed's CHECK constraints
-- version: 1.1
-- breaking: yes
-- transaction: no
-- locks: access exclusive for a moment on signals, orders, trades, risk_events; old rows are read without it

alter table signals add constraint signals_price_check check (price > 0) not valid;

alter table signals
  add constraint signals_confidence_check check (confidence >= 0 and confidence <= 1) not valid;

alter table signals add constraint signals_side_check check (side in ('BUY', 'SELL')) not valid;

alter table orders add constraint orders_quantity_check check (quantity > 0) not valid;

alter table orders
  add constraint orders_status_check check (
    status in ('PENDING', 'FILLED', 'REJECTED', 'CANCELLED')
  ) not valid;

alter table trades add constraint trades_quantity_check check (quantity > 0) not valid;

alter table trades add constraint trades_entry_price_check check (entry_price > 0) not valid;

alter table trades
  add constraint trades_exit_price_check check (exit_price is null or exit_price > 0) not valid;

alter table trades add constraint trades_status_check check (status in ('OPEN', 'CLOSED')) not valid;

alter table risk_events
  add constraint risk_events_type_check check (
    event_type in (
      'signal_rejected',
      'circuit_breaker_triggered',
      'exposure_limit_exceeded',
      'position_limit_exceeded',
      'daily_drawdown_exceeded'
    )
  ) not valid;
