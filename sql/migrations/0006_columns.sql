-- title: Exact numbers, exact profit, own ids for trades and events
-- version: 1.2
-- breaking: yes
-- transaction: no
-- locks: access exclusive for a moment on signals, orders, trades, risk_events; nothing is rewritten

-- Each change of a type below takes a scale away, or widens at the same scale: PostgreSQL rewrites nothing for it.
-- squawk-ignore-file changing-column-type

-- All that changes the columns of a table comes in one statement, id_wide for the next files included: whoever keeps a
-- prepared select * fails once with each such change.
-- Without a scale nothing is rounded on its way in: 0.855 stays 0.855, and a ninth decimal is refused by name. Taking a
-- scale away rewrites nothing, but under a CHECK it would read every row: each comes back without reading.
-- unless: (select format_type(atttypid, atttypmod) = 'numeric' from pg_attribute where attrelid = 'signals'::regclass and attname = 'price')
alter table signals
  drop constraint if exists signals_price_check,
  drop constraint if exists signals_confidence_check,
  alter column price type numeric,
  alter column confidence type numeric,
  add column if not exists id_wide bigint,
  add constraint signals_price_check check (price > 0) not valid,
  add constraint signals_confidence_check check (confidence >= 0 and confidence <= 1) not valid;

-- unless: (select format_type(atttypid, atttypmod) = 'numeric' from pg_attribute where attrelid = 'orders'::regclass and attname = 'quantity')
alter table orders
  drop constraint if exists orders_quantity_check,
  alter column quantity type numeric,
  alter column price type numeric,
  -- Market time of the order. Nullable: the seed's clients do not know the column.
  add column if not exists timestamp bigint,
  add column if not exists id_wide bigint,
  add constraint orders_quantity_check check (quantity > 0) not valid;

create or replace function profit_of(
  side text, quantity numeric, entry_price numeric, exit_price numeric, commission numeric,
  out pnl numeric, out pnl_pct numeric, out pnl_net numeric
)
language plpgsql immutable set search_path from current as $$
begin
  -- Values that a CHECK will refuse are left alone: an overflow or a division by zero would hide its name.
  if quantity > 0 and quantity < 1e12
    and entry_price > 0 and entry_price < 1e12
    and exit_price > 0 and exit_price < 1e12
  then
    pnl := round(quantity * (exit_price - entry_price) * case side when 'BUY' then 1 when 'SELL' then -1 end, 8);
    pnl_pct := round(
      (exit_price - entry_price) / entry_price * 100 * case side when 'BUY' then 1 when 'SELL' then -1 end, 4
    );
    if commission > -1e12 and commission < 1e12 then
      pnl_net := pnl - commission;
    end if;
  end if;
end;
$$;

-- unless: exists (select from pg_attribute where attrelid = 'trades'::regclass and attname = 'pnl_net')
begin;

alter table trades
  drop constraint if exists trades_quantity_check,
  drop constraint if exists trades_entry_price_check,
  drop constraint if exists trades_exit_price_check,
  alter column quantity type numeric,
  alter column entry_price type numeric,
  alter column exit_price type numeric,
  alter column commission type numeric,
  -- Quantity and prices stay below 10^12: the largest profit has 24 digits, the largest percentage 23.
  alter column pnl type numeric(38, 8),
  alter column pnl_pct type numeric(38, 4),
  add column pnl_net numeric(38, 8),
  add column if not exists trade_id varchar(50),
  add column if not exists id_wide bigint,
  add constraint trades_quantity_check check (quantity > 0) not valid,
  add constraint trades_entry_price_check check (entry_price > 0) not valid,
  add constraint trades_exit_price_check check (exit_price is null or exit_price > 0) not valid;

-- An update that touches neither what the profit follows from nor the profit leaves it as it is: old rows are moved
-- about while a database is brought forward, and no profit may change by that unseen.
create or replace function calculate_pnl() returns trigger
language plpgsql set search_path from current as $$
declare
  profit record;
begin
  if tg_op = 'UPDATE' and
    (new.status, new.side, new.quantity, new.entry_price, new.exit_price, new.pnl, new.pnl_pct)
    is not distinct from
    (old.status, old.side, old.quantity, old.entry_price, old.exit_price, old.pnl, old.pnl_pct)
  then
    if (new.commission, new.pnl_net) is distinct from (old.commission, old.pnl_net) then
      new.pnl_net := case
        when new.status = 'CLOSED' and new.commission > -1e12 and new.commission < 1e12 then new.pnl - new.commission
      end;
    end if;
    return new;
  end if;
  new.pnl := null;
  new.pnl_pct := null;
  new.pnl_net := null;
  if new.status = 'CLOSED' then
    profit := profit_of(new.side, new.quantity, new.entry_price, new.exit_price, new.commission);
    new.pnl := profit.pnl;
    new.pnl_pct := profit.pnl_pct;
    new.pnl_net := profit.pnl_net;
  end if;
  return new;
end;
$$;

commit;

-- unless: exists (select from pg_attribute where attrelid = 'risk_events'::regclass and attname = 'event_id')
alter table risk_events
  add column event_id varchar(50),
  add column if not exists id_wide bigint;

create unique index concurrently if not exists trades_trade_id_key on trades (trade_id);

alter table trades add constraint trades_trade_id_key unique using index trades_trade_id_key;

create unique index concurrently if not exists risk_events_event_id_key on risk_events (event_id);

alter table risk_events add constraint risk_events_event_id_key unique using index risk_events_event_id_key;

alter table materialized_view_refreshes alter column last_refresh set default timezone('UTC', now());
