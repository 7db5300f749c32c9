-- title: An order agrees with its signal and a trade with its order; the indexes that follow the chain
-- version: 1.2
-- breaking: yes
-- transaction: no
-- locks: share row exclusive on orders and trades for a moment, access exclusive on risk_events while an index is renamed

create index concurrently if not exists idx_orders_signal_id on orders (signal_id);

-- Somebody may have made one with a fixed day in its predicate, since the seed's cannot be made.
-- unless: pg_get_indexdef(to_regclass('idx_signals_recent')) not like '% WHERE %'
drop index concurrently if exists idx_signals_recent;

create index concurrently if not exists idx_signals_recent on signals (timestamp desc);

-- The new one is there before the seed's goes, so that no search ever reads the whole table.
-- unless: pg_get_indexdef(to_regclass('idx_risk_events_jsonb')) like '%jsonb_path_ops%'
create index concurrently if not exists idx_risk_events_jsonb_path on risk_events using gin (details jsonb_path_ops);

-- unless: pg_get_indexdef(to_regclass('idx_risk_events_jsonb')) like '%jsonb_path_ops%'
begin;

lock table risk_events in access exclusive mode;

-- CONCURRENTLY is not for transactions, and in two steps there would be a moment without the name. The lock is held.
-- squawk-ignore require-concurrent-index-deletion
drop index if exists idx_risk_events_jsonb;

alter index idx_risk_events_jsonb_path rename to idx_risk_events_jsonb;

commit;

-- Symbols and sides never change, so this needs no lock. A trade whose order was cancelled or rejected meanwhile is
-- not refused: a fill is a fact, and claire verify reports it.
create or replace function orders_agree_with_signals() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  wrong record;
begin
  select n.order_id, n.symbol, s.signal_id, s.symbol as signal_symbol into wrong
  from new_rows as n join signals as s on s.signal_id = n.signal_id
  where s.symbol <> n.symbol
  limit 1;
  if found then
    raise exception 'order % is for %, its signal % for %',
      wrong.order_id, wrong.symbol, wrong.signal_id, wrong.signal_symbol
      using errcode = 'check_violation', constraint = 'orders_agree_with_signals', table = 'orders';
  end if;
  return null;
end;
$$;

create or replace function trades_agree_with_orders() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  wrong record;
begin
  select n.trade_id, n.symbol, n.side, o.order_id, o.symbol as order_symbol, o.side as order_side into wrong
  from new_rows as n join orders as o on o.order_id = n.order_id
  where o.symbol <> n.symbol or o.side <> n.side
  limit 1;
  if found then
    raise exception 'trade % is % %, its order % is % %',
      coalesce(wrong.trade_id, ''), wrong.side, wrong.symbol,
      wrong.order_id, wrong.order_side, wrong.order_symbol
      using errcode = 'check_violation', constraint = 'trades_agree_with_orders', table = 'trades';
  end if;
  return null;
end;
$$;

create or replace trigger orders_agree_insert after insert on orders
referencing new table as new_rows
for each statement execute function orders_agree_with_signals();

create or replace trigger trades_agree_insert after insert on trades
referencing new table as new_rows
for each statement execute function trades_agree_with_orders();
