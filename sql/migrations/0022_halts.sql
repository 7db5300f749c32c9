-- title: The circuit breaker: trips in the transaction that breaks the limit, or by hand, and holds until it is resumed
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates functions

-- The bounds of the day in a zone. Where clocks are set back over midnight the hour that comes twice is of the day before.
create or replace function market_day(at bigint, zone text, out day_from bigint, out day_until bigint)
language sql stable as $$
  select
    floor(extract(epoch from timezone(zone, case when is_early then local_day - interval '1 day' else local_day end)) * 1000)::bigint,
    floor(extract(epoch from timezone(zone, case when is_early then local_day else local_day + interval '1 day' end)) * 1000)::bigint
  from date_trunc('day', timezone(zone, to_timestamp(at / 1000.0))) as local_day,
    lateral (select timezone(zone, local_day) > to_timestamp(at / 1000.0) as is_early) as e;
$$;

-- Gross profit of the trades that ended after one moment and up to another.
create or replace function profit_between(after_time bigint, up_to bigint) returns numeric
language sql stable set search_path from current as $$
  select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
  where status = 'CLOSED' and exit_timestamp > after_time and exit_timestamp <= up_to;
$$;

-- Brings the profit of the day and of 24 hours to a moment, reading only what came in or fell out since. What was known
-- later on the same day counts: the record's clock does not go back within a day. Whoever keeps it holds the risk row.
create or replace function risk_at(r risk, l limits, at bigint) returns risk
language plpgsql stable set search_path from current as $$
declare
  window_ms constant bigint := 86400000;
  bounds record;
  gained numeric;
  fallen_out numeric;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 then
    return r;
  end if;
  if r.profit_at is null or at < r.day_from or at >= r.day_until then
    bounds := market_day(at, l.time_zone);
    r.day_from := bounds.day_from;
    r.day_until := bounds.day_until;
    r.day_pnl := profit_between(r.day_from - 1, at);
    r.window_pnl := profit_between(at - window_ms, at);
    r.profit_at := at;
  elsif at > r.profit_at then
    -- Not by the function: its call would take longer than the sum, for each decision under the lock.
    select
      (select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
       where status = 'CLOSED' and exit_timestamp > r.profit_at and exit_timestamp <= at),
      (select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
       where status = 'CLOSED' and exit_timestamp > r.profit_at - window_ms and exit_timestamp <= at - window_ms)
    into gained, fallen_out;
    r.day_pnl := r.day_pnl + gained;
    r.window_pnl := r.window_pnl + gained - fallen_out;
    r.profit_at := at;
  end if;
  return r;
end;
$$;

-- What is broken of the drawdown, as {"reason", "details"}; NULL where nothing is. Up to the limit is within it.
create or replace function drawdown_breach(r risk, l limits) returns jsonb
language plpgsql stable set search_path from current as $$
declare
  balance numeric;
  lowest numeric;
  told text;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 then
    return null;
  end if;
  balance := balance_of(r.day_from);
  lowest := greatest(l.max_drawdown, l.max_drawdown_pct * balance / 100);
  if r.day_pnl < lowest or r.window_pnl < lowest then
    null;
  elsif l.max_drawdown_pct is not null and balance is null then
    -- Not known to be kept; nothing to trip the breaker by.
    return '{"reason": "No capital is recorded for this day", "details": {}}';
  else
    return null;
  end if;
  told := coalesce(trim_scale(round(lowest / balance * 100, 2)) || '%', trim_scale(lowest)::text);
  return jsonb_build_object(
    'reason', case when r.day_pnl < lowest then 'Daily drawdown exceeded ' else 'Drawdown of 24 hours exceeded ' end || told,
    'details', case when r.day_pnl < lowest then jsonb_build_object('daily_pnl', trim_scale(r.day_pnl))
      else jsonb_build_object('rolling_pnl', trim_scale(r.window_pnl)) end
      || jsonb_strip_nulls(jsonb_build_object('max_drawdown', trim_scale(lowest), 'balance', trim_scale(balance)))
  );
end;
$$;

-- The halt in force at a moment; NULL where there is none.
create or replace function halt_at(g halt_gate, at bigint) returns halts
language sql stable set search_path from current as $$
  select * from halts where id = g.halt_id and (until is null or until > at);
$$;

-- What stands over the limit at a moment and was not resumed from.
create or replace function standing_breach(g halt_gate, r risk, l limits, at bigint) returns jsonb
language plpgsql stable set search_path from current as $$
begin
  return case when not coalesce(at >= g.despite_from and at < g.despite_until, false) then drawdown_breach(r, l) end;
end;
$$;

create or replace function refuse_time_to_come(at bigint) returns void
language plpgsql set search_path from current as $$
begin
  if at > now_ms() + 60000 then
    raise exception '% is still to come', at
      using errcode = 'check_violation', constraint = 'risk_time_to_come';
  end if;
end;
$$;

-- Writes a halt with its events, in the transaction of the caller, who holds the risk row; gives its id.
create or replace function record_halt(
  why_halted text, caused_by text, at bigint, until_time bigint, numbers jsonb
) returns bigint
language plpgsql set search_path from current as $$
declare
  written bigint;
begin
  insert into halts (action, cause, reason, timestamp, until, details)
  values ('halt', caused_by, why_halted, at, until_time, numbers)
  returning id into written;
  insert into risk_events (event_id, event_type, reason, details, timestamp)
  -- By the count and not by the id, which is another one where a transaction before was rolled back.
  select 'evt-' || md5(event_type || at || ' ' || (select count(*) from halts)), event_type, why_halted, numbers, at
  from (values (1, 'daily_drawdown_exceeded'), (2, 'circuit_breaker_triggered')) as events (place, event_type)
  where event_type = 'circuit_breaker_triggered' or caused_by = 'drawdown'
  order by place;
  return written;
end;
$$;

revoke execute on function record_halt(text, text, bigint, bigint, jsonb) from public;

-- Halts trading by hand: from its commit on no order increases risk. Already halted so: the halt in force. Cancels nothing.
create or replace function halt_trading(
  why text, at bigint default null, until_time bigint default null
) returns bigint
language plpgsql security definer set search_path from current
-- An order that was brought in and is not committed cannot be told from one that never will be; that it is so must be
-- said, and not waited for.
set lock_timeout to '10s' as $$
declare
  moment constant bigint := coalesce(at, now_ms());
  g halt_gate;
  present halts;
begin
  perform refuse_time_to_come(moment);
  select * into g from halt_gate for update;
  present := halt_at(g, moment);
  if present.id is not null and (present.until is null or present.until >= until_time) then
    return present.id;
  end if;
  g.halt_id := record_halt(why, 'hand', moment, until_time, jsonb_build_object('actor', session_user));
  update halt_gate set halt_id = g.halt_id;
  return g.halt_id;
end;
$$;

revoke execute on function halt_trading(text, bigint, bigint) from public;

-- Gives the id of the row; NULL where nothing was halted. Refused while the drawdown is over its limit, unless despite:
-- then the rest of that day does not halt again.
create or replace function resume_trading(
  why text, despite boolean default false, at bigint default null
) returns bigint
language plpgsql security definer set search_path from current set lock_timeout to '10s' as $$
declare
  moment constant bigint := coalesce(at, now_ms());
  l constant limits := book_limits();
  g halt_gate;
  r risk;
  breach jsonb;
  written bigint;
begin
  perform refuse_time_to_come(moment);
  select * into g from halt_gate for update;
  if (halt_at(g, moment)).id is null then
    return null;
  end if;
  select * into r from risk;
  -- What is known later counts: else any earlier day would do.
  r := risk_at(r, l, greatest(moment, r.profit_at));
  breach := drawdown_breach(r, l);
  if breach is not null and not despite then
    raise exception '%: %', breach ->> 'reason', breach ->> 'details'
      using errcode = 'check_violation', constraint = 'halts_limit_still_broken', table = 'halts';
  end if;
  insert into halts (action, cause, reason, timestamp, despite_limit, details)
  values ('resume', 'hand', why, moment, breach is not null, breach -> 'details')
  returning id into written;
  update halt_gate set
    halt_id = null,
    despite_from = case when breach is not null then r.day_from end,
    despite_until = case when breach is not null then r.day_until end;
  return written;
end;
$$;

revoke execute on function resume_trading(text, boolean, bigint) from public;

-- Trips the breaker where the drawdown is over its limit at a moment, by the sums of r, whose row the caller holds. A halt
-- that ends before this one would is no reason not to.
create or replace function trip_breaker(r risk, l limits, at bigint) returns void
language plpgsql set search_path from current as $$
declare
  ends constant bigint := case l.breaker_halts when 'until_next_day' then r.day_until end;
  breach jsonb;
  g halt_gate;
  present halts;
begin
  breach := drawdown_breach(r, l);
  if breach is null or breach -> 'details' = '{}' then
    return;
  end if;
  select * into g from halt_gate for update;
  present := halt_at(g, at);
  if standing_breach(g, r, l, at) is null or present.id is not null and (present.until is null or present.until >= ends) then
    return;
  end if;
  update halt_gate set halt_id = record_halt(breach ->> 'reason', 'drawdown', at, ends, breach -> 'details');
end;
$$;

revoke execute on function trip_breaker(risk, limits, bigint) from public;

-- What trades that ended, or were corrected, add to the profit of the day; trips the breaker where that is over the
-- limit, at the first moment at which it is. A close of a day before the record's counts within its 24 hours only.
create or replace function follow_profit(ended bigint[], amounts numeric[]) returns void
language plpgsql security definer set search_path from current as $$
declare
  l constant limits := book_limits();
  r risk;
  moment bigint;
  added record;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 or limits_problem(l) is not null then
    return;
  end if;
  select * into r from risk for update;
  if r.profit_at is not null then
    select coalesce(sum(amount) filter (where at >= r.day_from), 0) as day_pnl,
      coalesce(sum(amount) filter (where at > r.profit_at - 86400000), 0) as window_pnl
    into added
    from unnest(ended, amounts) as e (at, amount)
    -- Later ones are read from the trades below, where they stand already.
    where at <= r.profit_at and amount <> 'NaN';
    r.day_pnl := r.day_pnl + added.day_pnl;
    r.window_pnl := r.window_pnl + added.window_pnl;
    if exists (
      select from unnest(ended) as e (at) where at < r.day_from and at > r.profit_at - 86400000
    ) then
      perform trip_breaker(r, l, r.profit_at);
    end if;
  end if;
  for moment in select distinct at from unnest(ended) as e (at)
    -- A time that is still to come is a slip of somebody's clock, and must not move the record's.
    where (r.profit_at is null or at >= r.day_from) and at <= now_ms() + 60000
    order by at
  loop
    r := risk_at(r, l, moment);
    perform trip_breaker(r, l, moment);
  end loop;
  update risk set
    (profit_at, day_from, day_until, day_pnl, window_pnl) =
    (r.profit_at, r.day_from, r.day_until, r.day_pnl, r.window_pnl);
end;
$$;

revoke execute on function follow_profit(bigint[], numeric[]) from public;
