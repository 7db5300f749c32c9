-- title: The database holds the door: orders that nobody asked for are judged too, fills and closes are followed
-- version: 1.3
-- breaking: yes
-- transaction: no
-- locks: share row exclusive on orders and trades for a moment

-- Orders that came without decide, as candidates for judge_orders. A time that is still to come would pass a halt that ends.
create or replace function direct_candidate(
  order_id text, signal_id text, symbol text, side text, quantity numeric, price numeric, at bigint, moment bigint, l limits
) returns decisions
language plpgsql stable set search_path from current as $$
declare
  s signals;
  d decisions;
begin
  select * into s from signals as x where x.signal_id = direct_candidate.signal_id;
  d.order_id := order_id;
  d.signal_id := signal_id;
  d.symbol := symbol;
  d.side := side;
  d.decision := 'direct';
  d.timestamp := least(usable_time(at, moment), moment);
  d.asked_quantity := quantity;
  d.asked_price := price;
  d.price := price_of(side, price, coalesce(s.price, (
    select x.price from signals as x where x.symbol = direct_candidate.symbol order by x.timestamp desc limit 1
  )));
  d.broken := coalesce(signal_broken(s, d.timestamp, l), '{}');
  d.details := coalesce(signal_numbers(s, d.timestamp, l), '{}');
  d.quantity := quantity;
  d.notional := quantity * d.price;
  d.reduces := false;
  d.actor := session_user;
  d.created_at := timezone('UTC', now());
  return d;
end;
$$;

-- Where nothing is limited nothing is judged: only whether an order can do anything but close, for what it reserves.
create or replace function unjudged(candidates decisions[]) returns decisions[]
language plpgsql stable set search_path from current as $$
begin
  return array(
    select jsonb_populate_record(c, jsonb_build_object('reduces', c.quantity <= coalesce((
      select sum(case when p.side = c.side then -p.quantity else p.quantity end) from (
        select side, quantity from position_totals where symbol = c.symbol
        union all
        select side, quantity from position_changes where symbol = c.symbol
        union all
        select c.side, closing from reservation_totals where symbol = c.symbol and side = c.side
      ) as p
    ), 0)))
    from unnest(candidates) as c
  );
end;
$$;

-- Orders that came without decide are recorded with what stands against them. Halted, one that increases risk is
-- refused; over a limit it is refused or told, as the limits say. AFTER the statement: a duplicate that was ignored never
-- comes here.
create or replace function hold_the_door() returns trigger
language plpgsql security definer set search_path from current set enable_seqscan to off as $$
declare
  moment constant bigint := now_ms();
  candidates decisions[];
  l limits;
  r risk;
  g halt_gate;
  broken decisions;
begin
  insert into order_history (order_id, to_status, reason)
  select n.order_id, n.status, n.rejection_reason from new_rows as n
  where not exists (select from decisions as d where d.order_id = n.order_id offset 0)
  order by n.id;
  -- What decide placed needs no second look; this is asked first because it is cheap.
  if not found then
    insert into reservation_changes (order_id)
    select d.order_id from new_rows as n join decisions as d on d.order_id = n.order_id
    -- Back from quarantine.
    where n.status = 'PENDING' and d.decision <> 'rejected' and d.reserved_quantity is distinct from n.quantity;
    return null;
  end if;
  l := book_limits();
  select * into g from halt_gate;
  -- Where it is refused it must be sure; where it is only told nobody waits for it.
  if l.enforce_limits = 'on' or (halt_at(g, moment)).id is not null then
    perform refuse_older_moment();
    update risk set decided = decided + 1;
  end if;
  select * into g from halt_gate for share;
  select * into r from risk;
  candidates := array(
    select direct_candidate(n.order_id, n.signal_id, n.symbol, n.side, n.quantity, n.price, n.timestamp, moment, l)
    from new_rows as n
    where n.status = 'PENDING' and not exists (select from decisions as d where d.order_id = n.order_id offset 0)
    order by n.id
  );
  if cardinality(candidates) = 0 then
    return null;
  end if;
  if g.halt_id is null and not is_anything_limited(l) then
    candidates := unjudged(candidates);
  else
    candidates := judge_orders(candidates, r, g, l);
  end if;
  insert into decisions select j.* from unnest(candidates) as j;
  insert into reservation_changes (order_id) select j.order_id from unnest(candidates) as j;
  for broken in select j.* from unnest(candidates) as j where cardinality(j.broken) > 0 loop
    perform answer_direct_order(broken, l);
  end loop;
  return null;
end;
$$;

create or replace function is_anything_limited(l limits) returns boolean
language plpgsql stable set search_path from current as $$
begin
  return limits_problem(l) is not null
    or l.enforce_limits <> 'off' and (
      num_nonnulls(
        l.max_exposure, l.max_position, l.max_order_size, l.max_open_trades, l.max_orders_per_minute, l.max_drawdown,
        l.max_drawdown_pct, l.min_confidence, l.max_signal_age_ms
      ) > 0
      or exists (select from limits where symbol is not null)
    );
end;
$$;

create or replace function answer_direct_order(d decisions, l limits) returns void
language plpgsql set search_path from current as $$
declare
  is_halted constant boolean := 'halted' = any (d.broken);
  over constant text[] := array_remove(d.broken, 'halted');
begin
  if is_halted and l.enforce_halts = 'on' then
    raise exception 'order %: %', d.order_id, d.reason
      using errcode = 'check_violation', constraint = 'orders_wait_while_halted', table = 'orders';
  end if;
  -- Limits that cannot be read are not known to be kept.
  if cardinality(over) > 0 and coalesce(l.enforce_limits, 'on') = 'on'
    or 'limits_unreadable' = any (over) and l.enforce_limits = 'warn'
  then
    raise exception 'order %: %, %', d.order_id, refusal_of(over[1], d.reason), d.details
      using errcode = 'check_violation', constraint = 'orders_within_limits', table = 'orders';
  end if;
  insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp)
  select 'evt-' || md5(told.event_type || d.order_id), told.event_type, d.signal_id, d.symbol,
    'Order accepted by plain SQL: ' || refusal_of(told.broken, d.reason),
    d.details || jsonb_build_object('order_id', d.order_id), d.timestamp
  from (
    select distinct on (1) coalesce(
      event_type_of(b.broken), case b.broken when 'halted' then 'circuit_breaker_triggered' else 'position_limit_exceeded' end
    ) as event_type, b.broken
    from unnest(d.broken) with ordinality as b (broken, place)
    where case b.broken when 'halted' then l.enforce_halts else l.enforce_limits end = 'warn'
    order by 1, b.place
  ) as told;
end;
$$;

revoke execute on function answer_direct_order(decisions, limits) from public;

create or replace function follow_orders() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if tg_op = 'DELETE' then
    insert into reservation_changes (order_id)
    select o.order_id from old_rows as o join decisions as d on d.order_id = o.order_id
    where d.reserved_quantity is distinct from 0;
    return null;
  end if;
  if exists (
    select from new_rows as n join old_rows as o on o.id = n.id where n.status = 'PENDING' and o.status <> 'PENDING'
  ) then
    raise exception 'an order that was decided does not become PENDING again'
      using errcode = 'check_violation', constraint = 'orders_final_state', table = 'orders',
        hint = 'Place another order, which is decided by the limits.';
  end if;
  insert into order_history (order_id, from_status, to_status, reason)
  select n.order_id, o.status, n.status, n.rejection_reason
  from new_rows as n join old_rows as o on o.id = n.id
  where n.status <> o.status
  order by n.id;
  insert into reservation_changes (order_id)
  select n.order_id
  from new_rows as n join old_rows as o on o.id = n.id
  where (n.status, n.quantity) is distinct from (o.status, o.quantity)
    and exists (
      select from decisions as d
      where d.order_id = n.order_id and (d.reserved_quantity is distinct from 0 or n.status = 'PENDING')
    );
  return null;
end;
$$;

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
create or replace function tell_overrun(wanted text[], opened numeric[], at bigint, filled_order text) returns void
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
    select 'evt-' || gen_random_uuid(), 'exposure_limit_exceeded', case cardinality(wanted) when 1 then wanted[1] end,
      'Exposure limit exceeded by a fill',
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
      values ('evt-' || gen_random_uuid(), 'position_limit_exceeded', wanted[place], 'Position limit exceeded by a fill',
        jsonb_build_object('current_position', trim_scale(total - opened[place]), 'max_position', trim_scale(largest),
          'new_position', trim_scale(opened[place])) || of_order, at);
    end if;
  end loop;
end;
$$;

revoke execute on function tell_overrun(text[], numeric[], bigint, text) from public;

create or replace function follow_trades() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  ended bigint[];
  amounts numeric[];
  filled record;
begin
  if tg_op = 'INSERT' then
    select array_agg(n.exit_timestamp) filter (where n.status = 'CLOSED'),
      array_agg(n.pnl) filter (where n.status = 'CLOSED')
    into ended, amounts from new_rows as n;
    insert into reservation_changes (order_id)
    select d.order_id from new_rows as n join decisions as d on d.order_id = n.order_id
    where d.reserved_quantity is distinct from 0;
    -- One order in nearly all cases; of a batch it is not told which one it was.
    select array_agg(symbol) as symbols, array_agg(notional) as opened, max(entered) as entered,
      case when min(order_id) = max(last_order) then min(order_id) end as order_id,
      bool_or(notional > released) as is_more
    into filled
    from (
      select n.symbol, sum(n.quantity * n.entry_price) as notional, max(n.entry_timestamp) as entered,
        min(n.order_id) as order_id, max(n.order_id) as last_order,
        coalesce(sum(least(n.quantity, coalesce(d.reserved_quantity, 0)) * d.price) filter (where not d.reduces), 0) as released
      from new_rows as n left join decisions as d on d.order_id = n.order_id
      where n.status = 'OPEN'
      group by n.symbol
    ) as s;
    if filled.is_more and exists (
      select from limits where num_nonnulls(max_exposure, max_position) > 0
    ) then
      perform tell_overrun(filled.symbols, filled.opened, filled.entered, filled.order_id);
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
    insert into reservation_changes (order_id)
    select d.order_id
    from old_rows as o join new_rows as n on n.id = o.id
    join decisions as d on d.order_id in (o.order_id, n.order_id)
    where (o.order_id, o.quantity) is distinct from (n.order_id, n.quantity);
  else
    select array_agg(o.exit_timestamp), array_agg(-o.pnl) into ended, amounts
    from old_rows as o where o.status = 'CLOSED';
    insert into reservation_changes (order_id)
    select d.order_id from old_rows as o join decisions as d on d.order_id = o.order_id;
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
