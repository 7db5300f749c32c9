-- title: 64-bit ids, exact numbers, own ids for trades and events, UTC by law
-- version: 1.2
-- breaking: yes
-- transaction: yes
-- locks: access exclusive on signals, orders, trades, risk_events; id to bigint rewrites each

-- The view names columns whose types change; 0010 brings it back.
drop materialized view positions_realtime;

alter table signals
  alter column id type bigint,
  -- Without a scale nothing is rounded on its way in: 0.855 stays 0.855, and a ninth decimal is refused by name.
  alter column price type numeric,
  alter column confidence type numeric,
  alter column created_at set default timezone('UTC', now());

alter sequence signals_id_seq as bigint;

alter table orders
  alter column id type bigint,
  alter column quantity type numeric,
  alter column price type numeric,
  alter column created_at set default timezone('UTC', now()),
  alter column updated_at set default timezone('UTC', now()),
  -- Market time of the order. Nullable: the seed's clients do not know the column.
  add column timestamp bigint;

alter sequence orders_id_seq as bigint;

alter table trades
  alter column id type bigint,
  alter column quantity type numeric,
  alter column entry_price type numeric,
  alter column exit_price type numeric,
  alter column commission type numeric,
  -- Quantity and prices stay below 10^12: the largest profit has 24 digits, the largest percentage 23.
  alter column pnl type numeric(38, 8),
  alter column pnl_pct type numeric(38, 4),
  alter column created_at set default timezone('UTC', now()),
  add column pnl_net numeric(38, 8),
  add column trade_id varchar(50) constraint trades_trade_id_key unique;

alter sequence trades_id_seq as bigint;

alter table risk_events
  alter column id type bigint,
  alter column created_at set default timezone('UTC', now()),
  add column event_id varchar(50) constraint risk_events_event_id_key unique;

alter sequence risk_events_id_seq as bigint;

alter table materialized_view_refreshes
  alter column last_refresh set default timezone('UTC', now());
