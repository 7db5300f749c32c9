-- title: The database holds the door: orders that nobody asked for are judged too
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates functions

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
language plpgsql security definer set search_path from current as $$
declare
  moment constant bigint := now_ms();
  candidates decisions[];
  l limits;
  r risk;
  g halt_gate;
  broken decisions;
  known record;
begin
  -- What decide placed needs no second look; this is asked first because it is cheap.
  select count(*) filter (where d.order_id is null) as num_fresh,
    count(*) filter (where d.order_id is null and n.status = 'PENDING') as num_waiting,
    array_agg(d.order_id) filter (
      where n.status = 'PENDING' and d.decision <> 'rejected' and d.reserved_quantity is distinct from n.quantity
    ) as returned
  into known
  from new_rows as n
  left join lateral (
    select x.order_id, x.decision, x.reserved_quantity from decisions as x where x.order_id = n.order_id offset 0
  ) as d on true;
  if known.returned is not null then
    -- Back from quarantine.
    insert into reservation_changes (order_id) select unnest(known.returned);
  end if;
  if known.num_fresh = 0 then
    return null;
  end if;
  insert into order_history (order_id, to_status, reason)
  select n.order_id, n.status, n.rejection_reason from new_rows as n
  where not exists (select from decisions as d where d.order_id = n.order_id offset 0)
  order by n.id;
  if known.num_waiting = 0 then
    -- Refused, filled or cancelled: facts.
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
  if g.halt_id is null and not is_anything_limited(l) then
    candidates := unjudged(candidates);
  else
    -- Each judgement looks up what was not summed yet: of thousands in one transaction that would be all, for each.
    if (select count(*) > 100 from (select from reservation_changes limit 101) as c) then
      update risk set decided = decided + 1;
      perform sum_reservations();
    end if;
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
    select d.order_id from decisions as d
    where d.order_id = any (array(select o.order_id from old_rows as o)) and d.reserved_quantity is distinct from 0;
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
      where d.order_id = n.order_id and (d.reserved_quantity is distinct from 0 or n.status = 'PENDING') offset 0
    );
  return null;
end;
$$;
