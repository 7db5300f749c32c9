-- title: What follows from orders, fills and closes is followed; the triggers of all that
-- version: 1.3
-- breaking: yes
-- transaction: no
-- locks: share row exclusive on orders and trades for a moment

-- Where a drawdown is limited, who closes takes the risk row before any trade: taken after, two who close the same trades
-- would meet in a ring.
create or replace function lock_risk() returns void
language plpgsql security definer set search_path from current as $$
begin
  if (
    select num_nonnulls(max_drawdown, max_drawdown_pct) > 0
    from limits where symbol is null order by version desc limit 1
  ) then
    perform from risk for update;
  end if;
end;
$$;

revoke execute on function lock_risk() from public;

create or replace function lock_risk_of_trades() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  perform lock_risk();
  return null;
end;
$$;

-- A fill is a fact and never refused. One of more than was reserved for it may break a limit: then that is told.
create or replace function tell_overrun(
  wanted text[], opened numeric[], at bigint, filled_order text, filled_trades text
) returns void
language plpgsql security definer set search_path from current as $$
declare
  l constant limits := book_limits();
  held record;
  of_symbol integer;
  total numeric;
  largest numeric;
  of_order constant jsonb := jsonb_strip_nulls(jsonb_build_object('order_id', filled_order));
begin
  held := held_exposure(wanted);
  if held.gross > l.max_exposure then
    insert into risk_events (event_id, event_type, symbol, reason, details, timestamp)
    select 'evt-' || md5('exposure' || filled_trades), 'exposure_limit_exceeded',
      case cardinality(wanted) when 1 then wanted[1] end, 'Exposure limit exceeded by a fill',
      jsonb_build_object('current_exposure', trim_scale(held.gross - sum(x)), 'max_exposure', trim_scale(l.max_exposure),
        'new_position', trim_scale(sum(x))) || of_order, at
    from unnest(opened) as x;
  end if;
  for place in 1..cardinality(wanted) loop
    of_symbol := array_position(held.symbols, wanted[place]);
    total := held.notionals[of_symbol];
    largest := coalesce(held.max_positions[of_symbol], l.max_position);
    if total > largest then
      insert into risk_events (event_id, event_type, symbol, reason, details, timestamp)
      values (
        'evt-' || md5('position' || wanted[place] || filled_trades), 'position_limit_exceeded', wanted[place],
        'Position limit exceeded by a fill',
        jsonb_build_object('current_position', trim_scale(total - opened[place]), 'max_position', trim_scale(largest),
          'new_position', trim_scale(opened[place])) || of_order, at
      );
    end if;
  end loop;
end;
$$;

revoke execute on function tell_overrun(text[], numeric[], bigint, text, text) from public;

create or replace function follow_trades() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  ended bigint[];
  amounts numeric[];
  seen record;
  moved_orders text[];
  filled record;
begin
  if tg_op = 'INSERT' then
    -- Most fills are of nothing but this: asked first, because everybody who opens a trade pays for it.
    select bool_or(n.status = 'CLOSED') as is_closed, bool_or(n.status = 'OPEN') as is_open,
      bool_or(n.order_id is not null) as is_ordered
    into seen from new_rows as n;
    if seen.is_closed then
      select array_agg(n.exit_timestamp), array_agg(n.pnl) into ended, amounts
      from new_rows as n where n.status = 'CLOSED';
    end if;
    if seen.is_ordered then
      insert into reservation_changes (order_id)
      select d.order_id from new_rows as n
      -- Order by order (offset 0 keeps it so): decisions is long, and a plan once made for a batch would read all of it.
      cross join lateral (select * from decisions as x where x.order_id = n.order_id offset 0) as d
      where d.reserved_quantity is distinct from 0;
    end if;
    if seen.is_open and (
      (select num_nonnulls(max_exposure, max_position) > 0
       from limits where symbol is null order by version desc limit 1)
      or exists (select from limits where symbol is not null)
    ) then
      -- One order in nearly all cases; of a batch it is not told which one it was.
      select array_agg(symbol) as symbols, array_agg(notional) as opened, max(entered) as entered,
        case when min(order_id) = max(last_order) then min(order_id) end as order_id,
        string_agg(names, ' ') as names, bool_or(notional > released) as is_more
      into filled
      from (
        select n.symbol, sum(n.quantity * n.entry_price) as notional, max(n.entry_timestamp) as entered,
          min(n.order_id) as order_id, max(n.order_id) as last_order,
          string_agg(coalesce(n.trade_id, n.id::text), ' ') as names,
          coalesce(sum(least(n.quantity, coalesce(d.reserved_quantity, 0)) * d.price) filter (where not d.reduces), 0) as released
        from new_rows as n
        left join lateral (select * from decisions as x where x.order_id = n.order_id offset 0) as d on true
        where n.status = 'OPEN'
        group by n.symbol
      ) as s;
      if filled.is_more then
        perform tell_overrun(filled.symbols, filled.opened, filled.entered, filled.order_id, filled.names);
      end if;
    end if;
  elsif tg_op = 'UPDATE' then
    select array_agg(at), array_agg(amount) into ended, amounts
    from (
      select o.exit_timestamp as at, -o.pnl as amount
      from old_rows as o join new_rows as n on n.id = o.id
      where o.status = 'CLOSED' and (o.status, o.pnl, o.exit_timestamp) is distinct from (n.status, n.pnl, n.exit_timestamp)
      union all
      select n.exit_timestamp, n.pnl
      from old_rows as o join new_rows as n on n.id = o.id
      where n.status = 'CLOSED' and (o.status, o.pnl, o.exit_timestamp) is distinct from (n.status, n.pnl, n.exit_timestamp)
    ) as moved;
    -- Of a corrected trade the order may reserve again.
    moved_orders := array(
      select unnest(array[o.order_id, n.order_id]) from old_rows as o join new_rows as n on n.id = o.id
      where (o.order_id, o.quantity) is distinct from (n.order_id, n.quantity)
    );
    if cardinality(moved_orders) > 0 then
      insert into reservation_changes (order_id)
      select d.order_id from decisions as d where d.order_id = any (moved_orders);
    end if;
  else
    select array_agg(o.exit_timestamp), array_agg(-o.pnl) into ended, amounts
    from old_rows as o where o.status = 'CLOSED';
    insert into reservation_changes (order_id)
    select d.order_id from decisions as d where d.order_id = any (array(select o.order_id from old_rows as o));
  end if;
  if ended is not null then
    perform follow_profit(ended, amounts);
  end if;
  return null;
end;
$$;

create or replace trigger orders_door_insert after insert on orders
referencing new table as new_rows
for each statement execute function hold_the_door();

create or replace trigger orders_follow_update after update on orders
referencing old table as old_rows new table as new_rows
for each statement execute function follow_orders();

create or replace trigger orders_follow_delete after delete on orders
referencing old table as old_rows
for each statement execute function follow_orders();

create or replace trigger trades_lock_risk before update or delete on trades
for each statement execute function lock_risk_of_trades();

create or replace trigger trades_risk_insert after insert on trades
referencing new table as new_rows
for each statement execute function follow_trades();

create or replace trigger trades_risk_update after update on trades
referencing old table as old_rows new table as new_rows
for each statement execute function follow_trades();

create or replace trigger trades_risk_delete after delete on trades
referencing old table as old_rows
for each statement execute function follow_trades();

-- Orders that wait already reserve from now on. The triggers stand, so none is missed; those that they have seen are there.
create or replace function record_waiting_orders() returns void
language plpgsql set search_path from current as $$
begin
  insert into decisions (order_id, signal_id, symbol, side, decision, reduces, timestamp, quantity, price, notional, actor)
  select o.order_id, o.signal_id, o.symbol, o.side, 'direct',
    -- In turn, as if each had been judged when it came.
    coalesce(sum(o.quantity) over (partition by o.symbol, o.side order by o.id) <= (
      select sum(t.quantity) from trades as t where t.symbol = o.symbol and t.side <> o.side and t.status = 'OPEN'
    ), false),
    usable_time(o.timestamp, case when isfinite(o.created_at) then usable_time(as_ms(o.created_at), now_ms()) else now_ms() end),
    o.quantity, p.price, o.quantity * p.price, 'from before 1.3'
  from orders as o
  left join signals as s on s.signal_id = o.signal_id
  cross join lateral (
    select price_of(o.side, o.price, coalesce(s.price, (
      select x.price from signals as x where x.symbol = o.symbol order by x.timestamp desc limit 1
    ))) as price
  ) as p
  where o.status = 'PENDING'
  on conflict do nothing;
  insert into reservation_changes (order_id)
  select order_id from decisions where reserved_quantity is null;
end;
$$;

revoke execute on function record_waiting_orders() from public;

select record_waiting_orders();

-- A trigger fires without asking for a right; whoever has it can hang the function on a table of his own, and feed it.
revoke execute on function append_position_changes() from public;

revoke execute on function orders_agree_with_signals() from public;

revoke execute on function trades_agree_with_orders() from public;

revoke execute on function hold_the_door() from public;

revoke execute on function follow_orders() from public;

revoke execute on function follow_trades() from public;

revoke execute on function lock_risk_of_trades() from public;
