-- title: Seconds become milliseconds at the door, and every row knows when it was recorded
-- version: 1.2
-- breaking: no
-- transaction: no
-- locks: share row exclusive for a moment on signals, orders, trades, risk_events

drop function if exists copy_id(), copy_ids(text, bigint, bigint);

create or replace function as_milliseconds(market_time bigint) returns bigint
language sql immutable as $$
  select case when market_time >= 1e8::bigint and market_time < 1e11::bigint then market_time * 1000 else market_time end;
$$;

-- Only values that can be nothing but seconds (10^8 to 10^11) are touched; the WHEN costs nothing on other rows.
create or replace function seconds_to_milliseconds() returns trigger
language plpgsql set search_path from current as $$
begin
  -- What stands there already is for the migration, which records what it changes.
  if tg_op = 'INSERT' or new.timestamp is distinct from old.timestamp then
    new.timestamp := as_milliseconds(new.timestamp);
  end if;
  return new;
end;
$$;

create or replace function trade_seconds_to_milliseconds() returns trigger
language plpgsql set search_path from current as $$
begin
  if tg_op = 'INSERT' or new.entry_timestamp is distinct from old.entry_timestamp then
    new.entry_timestamp := as_milliseconds(new.entry_timestamp);
  end if;
  if tg_op = 'INSERT' or new.exit_timestamp is distinct from old.exit_timestamp then
    new.exit_timestamp := as_milliseconds(new.exit_timestamp);
  end if;
  return new;
end;
$$;

create or replace trigger a_seconds_to_milliseconds before insert or update on signals
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create or replace trigger a_seconds_to_milliseconds before insert or update on orders
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create or replace trigger a_seconds_to_milliseconds before insert or update on risk_events
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create or replace trigger a_seconds_to_milliseconds before insert or update on trades
for each row when (
  (new.entry_timestamp >= 1e8::bigint and new.entry_timestamp < 1e11::bigint)
  or (new.exit_timestamp >= 1e8::bigint and new.exit_timestamp < 1e11::bigint)
)
execute function trade_seconds_to_milliseconds();

-- A mapper that knows the column but no default for it sends NULL.
create or replace function fill_created_at() returns trigger
language plpgsql set search_path from current as $$
begin
  new.created_at := timezone('UTC', now());
  return new;
end;
$$;

create or replace function fill_order_times() returns trigger
language plpgsql set search_path from current as $$
begin
  new.created_at := coalesce(new.created_at, timezone('UTC', now()));
  new.updated_at := coalesce(new.updated_at, new.created_at);
  return new;
end;
$$;

create or replace trigger a_fill_created_at before insert on signals
for each row when (new.created_at is null) execute function fill_created_at();

create or replace trigger a_fill_created_at before insert on trades
for each row when (new.created_at is null) execute function fill_created_at();

create or replace trigger a_fill_created_at before insert on risk_events
for each row when (new.created_at is null) execute function fill_created_at();

create or replace trigger a_fill_order_times before insert on orders
for each row when (new.created_at is null or new.updated_at is null) execute function fill_order_times();
