-- title: decide: a signal becomes a PENDING order, or a REJECTED one with its reason, in one transaction with the limits
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates functions

-- What a signal breaks by itself, at a moment.
create or replace function signal_broken(s signals, at bigint, l limits) returns text[]
language sql immutable as $$
  select array_remove(array[
    case when s.timestamp > at + 5000 then 'signal_from_future' end,
    case when s.timestamp < at - l.max_signal_age_ms then 'max_signal_age_ms' end,
    case when s.confidence < l.min_confidence then 'min_confidence' end
  ], null);
$$;

create or replace function signal_numbers(s signals, at bigint, l limits) returns jsonb
language sql immutable as $$
  select case when s.confidence < l.min_confidence then jsonb_build_object(
      'confidence', trim_scale(s.confidence), 'min_confidence', trim_scale(l.min_confidence)) else '{}' end
    || case when s.timestamp > at + 5000 or s.timestamp < at - l.max_signal_age_ms then jsonb_build_object(
      'signal_age_ms', at - s.timestamp, 'max_signal_age_ms', l.max_signal_age_ms) else '{}' end;
$$;

-- What an order is valued at: a limit to sell may be filled far above it.
create or replace function price_of(side text, limit_price numeric, last_price numeric) returns numeric
language sql immutable as $$
  select case side when 'SELL' then greatest(limit_price, last_price) else coalesce(limit_price, last_price) end;
$$;

-- Signals as candidates for judge_orders, with what is asked of them and what they break by themselves.
create or replace function candidates_of(
  order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], ats bigint[],
  closes_opposed boolean[], l limits
) returns decisions[]
language plpgsql stable set search_path from current as $$
declare
  moment constant bigint := now_ms();
begin
  return array(
    select row(
      i.order_id, i.signal_id, s.symbol, s.side, case when i.closes_opposed then 'closing' else 'opening' end, false,
      i.at, 0, price_of(s.side, i.price, s.price), 0, null, signal_broken(s, i.at, l), signal_numbers(s, i.at, l),
      null, null, null, null, null, i.quantity, i.notional, i.price, null, null, session_user,
      timezone('UTC', now())
    )::decisions
    from (
      select o.order_id, o.signal_id, o.quantity, o.notional, o.price, o.closes_opposed, o.place,
        coalesce(o.at, moment) as at
      from unnest(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed) with ordinality
        as o (order_id, signal_id, quantity, notional, price, at, closes_opposed, place)
    ) as i
    join signals as s on s.signal_id = i.signal_id
    order by i.place
  );
end;
$$;

-- A transaction that reads an older moment would decide by it.
create or replace function refuse_older_moment() returns void
language plpgsql set search_path from current as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the transaction is %', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction', constraint = 'decide_reads_committed',
        hint = 'Decide in a transaction of READ COMMITTED, which is the default.';
  end if;
end;
$$;

-- Decides recorded signals, in order. What was decided before under an order's id is answered as it was then. One row an
-- order, in any order: `outcome` is recorded, already_recorded, conflict (`differing` says in what) or signal_unknown.
create or replace function decide_orders(
  order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], ats bigint[],
  closes_opposed boolean[]
) returns table (place bigint, outcome text, differing text[], decided decisions)
language plpgsql security definer set search_path from current
-- Of the arrays the planner knows no more for looking at them, and planning takes longer than all that is done.
set plan_cache_mode to force_generic_plan as $$
declare
  r risk;
  g halt_gate;
  l limits;
  candidates decisions[];
  judged decisions[];
  newest bigint;
  taken text[];
begin
  perform refuse_older_moment();
  if num_nonnulls(variadic ats) > 0 then
    perform refuse_time_to_come((select max(at) from unnest(ats) as at));
  end if;
  -- What can be read before the lock is, so that others wait for less.
  select * into l from limits where symbol is null order by version desc limit 1;
  candidates := candidates_of(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed, l);
  update risk set decided = risk.decided + 1 returning * into r;
  select gate.halt_id, gate.despite_from, gate.despite_until,
    (select max(x.version) from limits as x where x.symbol is null),
    array(
      select o.order_id from orders as o where o.order_id = any (order_ids)
      union all
      -- In quarantine an order keeps its decision.
      select d.order_id from decisions as d where d.order_id = any (order_ids)
    )
  into g.halt_id, g.despite_from, g.despite_until, newest, taken
  from halt_gate as gate for share;
  if l.version is distinct from newest then
    select * into l from limits where symbol is null order by version desc limit 1;
    candidates := candidates_of(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed, l);
  end if;
  if cardinality(taken) > 0 then
    candidates := array(select c from unnest(candidates) as c where c.order_id <> all (taken));
  end if;
  -- The profit that everybody goes on from moves on once a minute, not with each decision; back to an earlier day, as a
  -- replay begins.
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) > 0 and limits_problem(l) is null
    and (
      r.profit_at is null or candidates[1].timestamp > r.profit_at + 60000 or candidates[1].timestamp < r.day_from
    )
  then
    r := risk_at(r, l, candidates[1].timestamp);
    update risk set
      (profit_at, day_from, day_until, day_pnl, window_pnl) =
      (r.profit_at, r.day_from, r.day_until, r.day_pnl, r.window_pnl);
  end if;
  -- What has changed is moved into the totals where it is found, so that nobody reads it twice.
  if exists (select from reservation_changes) then
    perform sum_reservations();
  end if;
  judged := judge_orders(candidates, r, g, l);
  if cardinality(judged) = 1 and cardinality(order_ids) = 1 then
    place := 1;
    outcome := 'recorded';
    differing := '{}';
    decided := judged[1];
    perform place_decided(decided);
    return next;
    return;
  end if;
  insert into decisions select j.* from unnest(judged) as j;
  insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp)
  select j.order_id, j.signal_id, j.symbol, j.side, j.quantity, j.asked_price,
    case j.decision when 'rejected' then 'REJECTED' else 'PENDING' end, j.reason, j.timestamp
  from unnest(judged) as j;
  perform follow_decisions(judged);
  return query
  select i.place, 'recorded', '{}'::text[], j
  from unnest(judged) as j join unnest(order_ids) with ordinality as i (order_id, place) on i.order_id = j.order_id;
  if cardinality(candidates) < cardinality(order_ids) then
    return query select * from answers_of(order_ids, signal_ids, quantities, notionals, prices, candidates);
  end if;
end;
$$;

revoke execute on function decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[]) from public;

-- What decide_orders does of many, for one: a table of one row has 26 columns to set up, for each statement that reads it,
-- and most decisions come alone, while others wait for the lock.
create or replace function place_decided(d decisions) returns void
language plpgsql set search_path from current as $$
begin
  insert into decisions select d.*;
  insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp)
  values (
    d.order_id, d.signal_id, d.symbol, d.side, d.quantity, d.asked_price,
    case d.decision when 'rejected' then 'REJECTED' else 'PENDING' end, d.reason, d.timestamp
  );
  if d.decision <> 'rejected' then
    update reservation_totals as t set
      closing = t.closing + case when d.reduces then d.quantity else 0 end,
      notional = t.notional + case when d.reduces then 0 else coalesce(d.notional, 0) end,
      num_orders = t.num_orders + (not d.reduces)::int
    where t.symbol = d.symbol and t.side = d.side;
    if found then
      return;
    end if;
  end if;
  perform follow_decisions(array[d]);
end;
$$;

revoke execute on function place_decided(decisions) from public;

-- The events of what was rejected, and what the others reserve.
create or replace function follow_decisions(judged decisions[]) returns void
language plpgsql set search_path from current as $$
declare
  d decisions;
  num_rejected integer := 0;
begin
  foreach d in array judged loop
    num_rejected := num_rejected + (d.decision = 'rejected')::int;
  end loop;
  if num_rejected > 0 then
    -- Two where the limit that names the reason has a type of its own: one is of the signal, as in the seed's example,
    -- one of the limit.
    insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp)
    select 'evt-' || md5(e.event_type || j.order_id), e.event_type, j.signal_id, j.symbol, j.reason, j.details, j.timestamp
    from unnest(judged) as j
    cross join lateral (values ('signal_rejected'), (event_type_of(j.broken[1]))) as e (event_type)
    where j.decision = 'rejected' and e.event_type is not null;
  end if;
  if num_rejected < cardinality(judged) then
    insert into reservation_totals as t (symbol, side, closing, notional, num_orders)
    select j.symbol, j.side,
      coalesce(sum(j.quantity) filter (where j.reduces), 0),
      coalesce(sum(j.notional) filter (where not j.reduces), 0),
      count(*) filter (where not j.reduces)
    from unnest(judged) as j
    where j.decision <> 'rejected'
    group by j.symbol, j.side
    order by j.symbol, j.side
    on conflict (symbol, side) do update set
      closing = t.closing + excluded.closing,
      notional = t.notional + excluded.notional,
      num_orders = t.num_orders + excluded.num_orders;
  end if;
end;
$$;

revoke execute on function follow_decisions(decisions[]) from public;

-- What decide answers to what it did not decide just now.
create or replace function answers_of(
  order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], fresh decisions[]
) returns table (place bigint, outcome text, differing text[], decided decisions)
language plpgsql stable set search_path from current as $$
begin
  return query
  select i.place,
    case when s.signal_id is null then 'signal_unknown'
      when cardinality(x.differing) > 0 then 'conflict'
      else 'already_recorded' end,
    x.differing, d
  from unnest(order_ids, signal_ids, quantities, notionals, prices) with ordinality
    as i (order_id, signal_id, quantity, notional, price, place)
  left join signals as s on s.signal_id = i.signal_id
  -- An order that was placed without decide was not decided.
  left join decisions as d on d.order_id = i.order_id and d.decision <> 'direct'
  cross join lateral (
    select case when d.order_id is null then array['order_id'] else array_remove(array[
      case when d.signal_id is distinct from i.signal_id then 'signal_id' end,
      case when d.asked_quantity is distinct from i.quantity then 'quantity' end,
      case when d.asked_notional is distinct from i.notional then 'notional' end,
      case when d.asked_price is distinct from i.price then 'price' end
    ], null) end as differing
  ) as x
  where i.order_id not in (select f.order_id from unnest(fresh) as f);
end;
$$;

-- One signal, for clients that speak plain SQL: select * from decide('sig_123', 0.02);
create or replace function decide(
  wanted_signal text, wanted_quantity numeric, wanted_order text default null, limit_price numeric default null,
  at bigint default null
) returns decisions
language plpgsql set search_path from current as $$
declare
  answer record;
begin
  select * into answer from decide_orders(
    array[coalesce(wanted_order, order_id_for(wanted_signal))], array[wanted_signal], array[wanted_quantity],
    array[null::numeric], array[limit_price], array[at], array[false]
  );
  if answer.outcome = 'signal_unknown' then
    raise exception 'there is no signal %', wanted_signal
      using errcode = 'foreign_key_violation', constraint = 'orders_signal_id_fkey', table = 'orders';
  elsif answer.outcome = 'conflict' then
    raise exception 'something else was decided under this order id: % differ', array_to_string(answer.differing, ', ')
      using errcode = 'unique_violation', constraint = 'orders_order_id_key', table = 'orders';
  end if;
  return answer.decided;
end;
$$;

revoke execute on function decide(text, numeric, text, numeric, bigint) from public;
