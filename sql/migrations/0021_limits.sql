-- title: Limits, capital and halts are rows: versioned, with who changed them and why
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates tables and functions

-- NULL passes, as in a CHECK: it is no limit. PostgreSQL sorts NaN above every number, so "below 10^15" refuses it.
create or replace function is_amount(amount numeric) returns boolean
language sql immutable as $$
  select amount > 0 and amount < 1e15;
$$;

create or replace function is_loss(amount numeric) returns boolean
language sql immutable as $$
  select amount < 0 and amount > -1e15;
$$;

create or replace function is_loss_percent(percent numeric) returns boolean
language sql immutable as $$
  select percent < 0 and percent >= -100;
$$;

create or replace function is_least_confidence(confidence numeric) returns boolean
language sql immutable as $$
  select confidence > 0 and confidence <= 1;
$$;

create or replace function is_number_of(things bigint) returns boolean
language sql immutable as $$
  select things > 0;
$$;

-- A row is the whole set of its scope (the book, or one symbol), valid from its version until the next of that scope.
create table if not exists limits (
  version bigserial primary key,
  -- NULL: the book.
  symbol varchar(20) constraint limits_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')),
  max_exposure numeric constraint limits_max_exposure_check check (is_amount(max_exposure)),
  max_position numeric constraint limits_max_position_check check (is_amount(max_position)),
  max_order_size numeric constraint limits_max_order_size_check check (is_amount(max_order_size)),
  max_open_trades bigint constraint limits_max_open_trades_check check (is_number_of(max_open_trades)),
  max_orders_per_minute bigint
    constraint limits_max_orders_per_minute_check check (is_number_of(max_orders_per_minute)),
  max_drawdown numeric constraint limits_max_drawdown_check check (is_loss(max_drawdown)),
  max_drawdown_pct numeric constraint limits_max_drawdown_pct_check check (is_loss_percent(max_drawdown_pct)),
  min_confidence numeric constraint limits_min_confidence_check check (is_least_confidence(min_confidence)),
  max_signal_age_ms bigint constraint limits_max_signal_age_ms_check check (is_number_of(max_signal_age_ms)),
  -- Where a day begins.
  time_zone text,
  -- What becomes of orders that come by plain SQL, from clients that did not ask: on refuses, warn records a risk event.
  enforce_halts text constraint limits_enforce_halts_check check (enforce_halts in ('on', 'warn', 'off')),
  enforce_limits text constraint limits_enforce_limits_check check (enforce_limits in ('on', 'warn', 'off')),
  -- How long the circuit breaker halts when it trips by itself.
  breaker_halts text
    constraint limits_breaker_halts_check check (breaker_halts in ('until_resumed', 'until_next_day')),
  reason text not null constraint limits_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  created_at timestamp not null default timezone('UTC', now()),
  constraint limits_scope_check check (
    case when symbol is null then num_nulls(time_zone, enforce_halts, enforce_limits, breaker_halts) = 0
    else num_nonnulls(
      max_exposure, max_open_trades, max_orders_per_minute, max_drawdown, max_drawdown_pct, min_confidence,
      max_signal_age_ms, time_zone, enforce_halts, enforce_limits, breaker_halts
    ) = 0 end
  )
);

-- Nobody has written to the tables that are made here.
-- squawk-ignore-file require-concurrent-index-creation
create index if not exists idx_limits_symbol_version on limits (symbol, version);

create or replace view limits_in_force as
select * from limits as l
where not exists (
  select from limits as newer where newer.symbol is not distinct from l.symbol and newer.version > l.version
);

-- The first limit of a row that makes no sense, past every CHECK: who decides by it must fail closed.
create or replace function limits_problem(l limits) returns text
language sql immutable as $$
  select case
    when l.version is null then 'no limits are recorded'
    when not is_amount(l.max_exposure) then 'max_exposure'
    when not is_amount(l.max_position) then 'max_position'
    when not is_amount(l.max_order_size) then 'max_order_size'
    when not is_number_of(l.max_open_trades) then 'max_open_trades'
    when not is_number_of(l.max_orders_per_minute) then 'max_orders_per_minute'
    when not is_loss(l.max_drawdown) then 'max_drawdown'
    when not is_loss_percent(l.max_drawdown_pct) then 'max_drawdown_pct'
    when not is_least_confidence(l.min_confidence) then 'min_confidence'
    when not is_number_of(l.max_signal_age_ms) then 'max_signal_age_ms'
    when l.time_zone is null then 'time_zone'
  end;
$$;

-- What the percentage of a drawdown is of. A row holds from its market time on, without one from ever.
create table if not exists capital (
  version bigserial primary key,
  amount numeric not null constraint capital_amount_check check (is_amount(amount)),
  since bigint constraint capital_since_check check (since >= 1e11::bigint and since < 1e14::bigint),
  reason text not null constraint capital_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  created_at timestamp not null default timezone('UTC', now())
);

create table if not exists halts (
  id bigserial primary key,
  action text not null constraint halts_action_check check (action in ('halt', 'resume')),
  cause text not null constraint halts_cause_check check (cause in ('hand', 'drawdown')),
  reason text not null constraint halts_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  -- Market time; a halt ends by itself at `until` where it has one.
  timestamp bigint not null
    constraint halts_timestamp_check check (timestamp >= 1e11::bigint and timestamp < 1e14::bigint),
  until bigint constraint halts_until_check check (until > timestamp),
  -- Resumed although the drawdown is still over its limit.
  despite_limit boolean not null default false,
  details jsonb,
  created_at timestamp not null default timezone('UTC', now())
);

-- One row: the lock on which decisions meet, the halt in force, and the profit of the day and of 24 hours up to
-- profit_at, so that neither is added up anew for each decision. NULL in profit_at: add it up.
create table if not exists risk (
  id bigint primary key default 1 constraint risk_id_check check (id = 1),
  halt_id bigint,
  -- A drawdown that somebody resumed from does not halt again before.
  despite_until bigint,
  profit_at bigint,
  day_from bigint,
  day_until bigint,
  day_pnl numeric,
  window_pnl numeric,
  decided bigint not null default 0
) with (fillfactor = 10);

insert into risk (id) values (1) on conflict do nothing;

insert into limits (time_zone, enforce_halts, enforce_limits, breaker_halts, reason)
select 'UTC', 'on', 'warn', 'until_resumed', 'the first version: nothing is limited yet'
where not exists (select from limits where symbol is null);

-- For tables of which rows are only added; the row is a permit's where it must change after all.
create or replace function refuse_update() returns trigger
language plpgsql set search_path from current as $$
begin
  if has_permit(tg_table_name::text, 'correct'::text) then
    return new;
  end if;
  raise exception 'rows of % do not change', tg_table_name
    using errcode = 'check_violation', constraint = 'recorded_rows_are_final', table = tg_table_name,
      hint = 'A change is a row of its own.';
end;
$$;

create or replace trigger limits_refuse_update before update on limits
for each statement execute function refuse_update();

create or replace trigger limits_refuse_removal before delete or truncate on limits
for each statement execute function refuse_removal();

create or replace trigger capital_refuse_update before update on capital
for each statement execute function refuse_update();

create or replace trigger capital_refuse_removal before delete or truncate on capital
for each statement execute function refuse_removal();

create or replace trigger halts_refuse_update before update on halts
for each statement execute function refuse_update();

create or replace trigger halts_refuse_removal before delete or truncate on halts
for each statement execute function refuse_removal();

-- The market's time where none is given.
create or replace function now_ms() returns bigint
language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint;
$$;

create or replace function as_ms(recorded timestamp) returns bigint
language sql immutable as $$
  select floor(extract(epoch from recorded) * 1000)::bigint;
$$;

-- Rows from before the law have times that are none.
create or replace function usable_time(market_time bigint, otherwise bigint) returns bigint
language sql immutable as $$
  select case when market_time >= 1e11::bigint and market_time < 1e14::bigint then market_time else otherwise end;
$$;

create or replace function book_limits() returns limits
language sql stable set search_path from current as $$
  select * from limits where symbol is null order by version desc limit 1;
$$;

-- The balance with which a market day began.
create or replace function balance_of(day_from bigint) returns numeric
language sql stable set search_path from current as $$
  select amount from capital where since is null or since <= day_from order by version desc limit 1;
$$;

-- Changes limits of the book, or of one symbol: {"max_exposure": "5000", "max_position": null}; null takes one away.
-- Gives the version in force, which is the one before where nothing differs.
create or replace function set_limits(
  changes jsonb, why text, for_symbol text default null, new_symbol boolean default false
) returns bigint
language plpgsql security definer set search_path from current
-- While it waits for the lock below, everybody who trades waits behind it.
set lock_timeout to '2s' as $$
declare
  meta constant text[] := array['version', 'symbol', 'reason', 'actor', 'created_at'];
  before limits;
  after limits;
  wrong text;
begin
  before := book_limits();
  if for_symbol is null and changes ?| array['max_drawdown', 'max_drawdown_pct']
    and num_nonnulls(before.max_drawdown, before.max_drawdown_pct) = 0
  then
    -- From here on whoever closes a trade adds to the day's profit; this waits for those that began without.
    lock table trades in share row exclusive mode;
  end if;
  perform from risk for update;
  select * into before from limits where symbol is not distinct from for_symbol order by version desc limit 1;
  select string_agg(key, ', ' order by key) into wrong from jsonb_object_keys(changes) as key
  where key = any (meta) or not to_jsonb(before) ? key;
  if wrong is not null or changes = '{}' then
    raise exception 'there is no limit %', coalesce(wrong, '(none was given)')
      using errcode = 'check_violation', constraint = 'limits_name', table = 'limits';
  end if;
  after := jsonb_populate_record(before, changes);
  if to_jsonb(after) = to_jsonb(before) then
    return before.version;
  end if;
  if for_symbol is not null and before.version is null and not new_symbol
    and not exists (select from signals where symbol = for_symbol)
    and not exists (select from orders where symbol = for_symbol)
    and not exists (select from trades where symbol = for_symbol)
  then
    raise exception 'nothing is recorded for symbol %', for_symbol
      using errcode = 'check_violation', constraint = 'limits_symbol_known', table = 'limits';
  end if;
  if not exists (select from pg_timezone_names where name = coalesce(after.time_zone, 'UTC')) then
    raise exception '% is no time zone', after.time_zone
      using errcode = 'check_violation', constraint = 'limits_time_zone', table = 'limits';
  end if;
  after.version := nextval('limits_version_seq');
  after.symbol := for_symbol;
  after.reason := why;
  after.actor := session_user;
  after.created_at := timezone('UTC', now());
  insert into limits select (after).*;
  if after.max_drawdown_pct is not null and not exists (select from capital) then
    raise exception 'of what max_drawdown_pct is the percentage is not known'
      using errcode = 'check_violation', constraint = 'limits_capital', table = 'limits';
  end if;
  update risk set profit_at = null;
  return after.version;
end;
$$;

revoke execute on function set_limits(jsonb, text, text, boolean) from public;

create or replace function set_capital(new_amount numeric, why text, from_time bigint default null) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  before capital;
  written bigint;
begin
  perform from risk for update;
  select * into before from capital order by version desc limit 1;
  if before.amount = new_amount and before.since is not distinct from from_time then
    return before.version;
  end if;
  insert into capital (amount, since, reason) values (new_amount, from_time, why) returning version into written;
  update risk set profit_at = null;
  return written;
end;
$$;

revoke execute on function set_capital(numeric, text, bigint) from public;
