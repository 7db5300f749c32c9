-- title: An order agrees with its signal and a trade with its order; the indexes that follow the chain
-- version: 1.2
-- breaking: yes
-- transaction: yes
-- locks: share row exclusive on orders, trades; share on signals, risk_events while indexes are built

create index idx_orders_signal_id on orders (signal_id);

create index idx_trades_order_id on trades (order_id);

create index idx_signals_recent on signals (timestamp desc);

drop index idx_risk_events_jsonb;

create index idx_risk_events_jsonb on risk_events using gin (details jsonb_path_ops);

-- Symbols and sides never change, so this needs no lock. A trade whose order was cancelled or rejected meanwhile is
-- not refused: a fill is a fact, and claire verify reports it.
create function orders_agree_with_signals() returns trigger
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

create function trades_agree_with_orders() returns trigger
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

create trigger orders_agree_insert after insert on orders
referencing new table as new_rows
for each statement execute function orders_agree_with_signals();

create trigger trades_agree_insert after insert on trades
referencing new table as new_rows
for each statement execute function trades_agree_with_orders();
