-- title: decide: a signal becomes a PENDING order, or a REJECTED one with its reason, in one transaction with the limits
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates functions

-- What people read as the reason of a refusal, by the limit that names it.
create or replace function refusal_of(broken text, fallback text) returns text
language sql immutable as $$
  select case broken
    when 'signal_from_future' then 'Signal from the future'
    when 'max_signal_age_ms' then 'Signal too old'
    when 'min_confidence' then 'Confidence too low'
    when 'order_too_small' then 'Order too small'
    when 'price_unknown' then 'No price is known'
    when 'max_order_size' then 'Order size limit exceeded'
    when 'max_exposure' then 'Exposure limit exceeded'
    when 'max_position' then 'Position limit exceeded'
    when 'max_open_trades' then 'Open trades limit exceeded'
    when 'max_orders_per_minute' then 'Orders per minute limit exceeded'
    else fallback
  end;
$$;

-- The seed's type of a limit; NULL where it has none of its own.
create or replace function event_type_of(broken text) returns text
language sql immutable as $$
  select case broken
    when 'max_exposure' then 'exposure_limit_exceeded'
    when 'max_position' then 'position_limit_exceeded'
    when 'max_drawdown' then 'daily_drawdown_exceeded'
  end;
$$;

-- Where Claire makes an order's id from its signal's: cutting a long one could make two the same, a hash does not.
create or replace function order_id_for(signal_id text) returns text
language sql immutable as $$
  select case when length(signal_id) <= 46 then 'ord-' || signal_id
    else left('ord-' || signal_id, 17) || '-' || left(encode(sha256(convert_to('ord-' || signal_id, 'UTF8')), 'hex'), 32)
  end;
$$;

-- The numbers of a refusal, under the names of the seed's examples.
create or replace function numbers_of(d decisions, l limits, breach jsonb) returns jsonb
language plpgsql stable set search_path from current as $$
declare
  numbers jsonb := '{}';
begin
  if 'max_drawdown' = any (d.broken) then
    numbers := numbers || coalesce(breach -> 'details', '{}');
  end if;
  if 'max_exposure' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_exposure', trim_scale(d.exposure), 'max_exposure', trim_scale(l.max_exposure),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_position' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_position', trim_scale(d.position), 'max_position', trim_scale(l.max_position),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_order_size' = any (d.broken) then
    numbers := numbers
      || jsonb_build_object('order_size', trim_scale(d.notional), 'max_order_size', trim_scale(l.max_order_size));
  end if;
  if 'max_open_trades' = any (d.broken) then
    numbers := numbers || jsonb_build_object('open_trades', d.open_trades, 'max_open_trades', l.max_open_trades);
  end if;
  if 'max_orders_per_minute' = any (d.broken) then
    numbers := numbers || jsonb_build_object('max_orders_per_minute', l.max_orders_per_minute);
  end if;
  -- What decide knows of the signal stands there already.
  numbers := numbers || coalesce(d.details, '{}');
  return case when cardinality(d.broken) > 1 then numbers || jsonb_build_object('broken', d.broken) else numbers end;
end;
$$;

-- Whether another opening order at this moment is one too many for its minute, before it or after it: of those recorded,
-- and those of this batch.
create or replace function is_minute_full(at bigint, accepted bigint[], most bigint) returns boolean
language sql stable set search_path from current as $$
  select count(*) >= most
  from (
    select from (
      select from decisions
      where decision in ('opening', 'direct') and not reduces and timestamp > at - 60000 and timestamp < at + 60000
      limit most
    ) as recorded
    union all
    select from unnest(accepted) as a (moment) where moment > at - 60000 and moment < at + 60000
  ) as orders;
$$;

-- What stands against an opening order by itself and beside what is held, in the order of precedence.
create or replace function limits_broken(d decisions, l limits) returns text[]
language sql immutable as $$
  select array_remove(array[
    case when d.quantity = 0 then 'order_too_small' end,
    case when d.price is null and num_nonnulls(l.max_exposure, l.max_position, l.max_order_size) > 0 then 'price_unknown' end,
    case when d.notional > l.max_order_size then 'max_order_size' end,
    case when d.exposure + d.notional > l.max_exposure then 'max_exposure' end,
    case when d.position + d.notional > l.max_position then 'max_position' end,
    case when d.open_trades >= l.max_open_trades then 'max_open_trades' end
  ], null);
$$;

-- What is held: of the book, and of each wanted symbol, at its place of the arrays.
create or replace function held_exposure(
  wanted text[],
  out gross numeric, out num_trades bigint,
  out symbols text[], out notionals numeric[], out longs numeric[], out shorts numeric[],
  out closing_buys numeric[], out closing_sells numeric[], out max_positions numeric[], out max_order_sizes numeric[],
  out are_unsound boolean[]
)
language plpgsql stable set search_path from current as $$
begin
  select
    sum(s.notional), sum(s.num_trades),
    array_agg(s.symbol), array_agg(s.notional), array_agg(s.long), array_agg(s.short),
    array_agg(s.closing_buy), array_agg(s.closing_sell), array_agg(o.max_position), array_agg(o.max_order_size),
    array_agg(not is_amount(coalesce(o.max_position, 1)) or not is_amount(coalesce(o.max_order_size, 1)))
  into gross, num_trades, symbols, notionals, longs, shorts, closing_buys, closing_sells, max_positions, max_order_sizes,
    are_unsound
  from (
    select p.symbol, sum(p.notional) as notional, sum(p.num_trades) as num_trades,
      coalesce(sum(p.quantity) filter (where p.side = 'BUY'), 0) as long,
      coalesce(sum(p.quantity) filter (where p.side = 'SELL'), 0) as short,
      coalesce(sum(p.closing) filter (where p.side = 'BUY'), 0) as closing_buy,
      coalesce(sum(p.closing) filter (where p.side = 'SELL'), 0) as closing_sell
    from (
      -- The symbols that nobody asked for are one.
      select case when e.symbol = any (wanted) then e.symbol end as symbol,
        e.side, e.quantity, e.notional, e.num_trades, e.closing
      from exposure_parts as e
      union all
      select w, 'BUY', 0, 0, 0, 0 from unnest(wanted) as w
    ) as p
    group by p.symbol
  ) as s
  left join lateral (
    select x.max_position, x.max_order_size from limits as x
    where x.symbol = s.symbol order by x.version desc limit 1
  ) as o on true;
end;
$$;

-- Decides orders one after another, each seeing the ones before it. A candidate comes with what is known of it: what was
-- asked, its price, what its signal breaks, `closing` as its decision where it may close all that is open on the other
-- side, and `direct` where the order stands already. Only for who holds the risk row is it sure that nothing comes between.
create or replace function judge_orders(candidates decisions[], r risk, g halt_gate, l limits) returns decisions[]
language plpgsql stable set search_path from current as $$
declare
  problem text;
  is_minute_limited constant boolean := l.max_orders_per_minute is not null;
  judged decisions[] := '{}';
  held record;
  d decisions;
  of_symbol limits := l;
  moment bigint;
  breach jsonb;
  halted halts;
  at integer;
  closable numeric;
  accepted bigint[] := '{}';
begin
  held := held_exposure(array(select distinct c.symbol from unnest(candidates) as c));
  foreach d in array candidates loop
    at := array_position(held.symbols, d.symbol);
    problem := coalesce(limits_problem(l), case when held.are_unsound[at] then d.symbol end);
    -- Where both sides are open, closing one makes the net position larger: that is for who asks to close, and means it.
    closable := case d.side when 'BUY' then held.shorts[at] - held.closing_buys[at]
      else held.longs[at] - held.closing_sells[at] end
      - case when d.decision = 'closing' then 0 when d.side = 'BUY' then held.longs[at] else held.shorts[at] end;
    d.quantity := case when d.decision = 'closing' and closable > 0 then closable
      else coalesce(d.asked_quantity, trunc(d.asked_notional / d.price, 8)) end;
    d.notional := d.quantity * d.price;
    d.exposure := held.gross;
    d.position := held.notionals[at];
    d.open_trades := held.num_trades;
    d.limits_version := l.version;
    d.reduces := d.quantity > 0 and d.quantity <= closable;
    if d.reduces then
      d.broken := '{}';
    else
      -- A batch is of few moments, mostly of one.
      if d.timestamp is distinct from moment then
        moment := d.timestamp;
        if problem is null then
          r := risk_at(r, l, moment);
          breach := standing_breach(g, r, l, moment);
        end if;
        halted := case when g.halt_id is not null then halt_at(g, moment) end;
      end if;
      d.daily_pnl := case when r.profit_at is not null then r.day_pnl end;
      of_symbol.max_position := coalesce(held.max_positions[at], l.max_position);
      of_symbol.max_order_size := coalesce(held.max_order_sizes[at], l.max_order_size);
      -- In the order of precedence: the first one names the reason.
      d.broken := array_remove(array[
          case when problem is not null then 'limits_unreadable' end,
          case when halted.id is not null then 'halted' end,
          case when breach is not null then 'max_drawdown' end
        ], null) || d.broken || limits_broken(d, of_symbol);
      if is_minute_limited and is_minute_full(d.timestamp, accepted, l.max_orders_per_minute) then
        d.broken := d.broken || 'max_orders_per_minute'::text;
      end if;
    end if;
    if cardinality(d.broken) > 0 then
      d.reason := refusal_of(d.broken[1], case d.broken[1]
        when 'limits_unreadable' then 'The limits cannot be read: ' || problem
        when 'halted' then 'Trading is halted: ' || halted.reason
        else breach ->> 'reason' end);
      d.details := numbers_of(d, of_symbol, breach);
    else
      d.details := null;
    end if;
    if d.decision <> 'direct' then
      d.decision := case when cardinality(d.broken) > 0 then 'rejected' when d.reduces then 'closing' else 'opening' end;
      d.reserved_quantity := case when d.decision = 'rejected' then 0 else d.quantity end;
    end if;
    if d.decision = 'rejected' then
      -- An order has a quantity, also one that buys nothing.
      d.quantity := greatest(d.quantity, 0.00000001);
    elsif not d.reduces then
      held.gross := held.gross + coalesce(d.notional, 0);
      held.notionals[at] := d.position + coalesce(d.notional, 0);
      held.num_trades := held.num_trades + 1;
      if is_minute_limited then accepted := accepted || d.timestamp; end if;
    elsif d.side = 'BUY' then
      held.closing_buys[at] := held.closing_buys[at] + d.quantity;
    else
      held.closing_sells[at] := held.closing_sells[at] + d.quantity;
    end if;
    judged := judged || d;
  end loop;
  return judged;
end;
$$;

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
set plan_cache_mode to force_generic_plan
-- A plan that was made while the tables were empty would go on reading all of them when they are not.
set enable_seqscan to off as $$
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
  perform refuse_time_to_come((select max(at) from unnest(ats) as at));
  -- What can be read before the lock is, so that others wait for less.
  select * into l from limits where symbol is null order by version desc limit 1;
  candidates := candidates_of(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed, l);
  update risk set decided = risk.decided + 1 returning * into r;
  select * into g from halt_gate for share;
  select (select max(x.version) from limits as x where x.symbol is null),
    array(
      select o.order_id from orders as o where o.order_id = any (order_ids)
      union all
      -- In quarantine an order keeps its decision.
      select d.order_id from decisions as d where d.order_id = any (order_ids)
    )
  into newest, taken;
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
