-- title: Seconds become milliseconds at the door, and every row knows when it was recorded
-- version: 1.2
-- breaking: no
-- transaction: yes
-- locks: share row exclusive on signals, orders, trades, risk_events

-- Only values that can be nothing but seconds (10^8 to 10^11) are touched; the WHEN costs nothing on other rows.
create function seconds_to_milliseconds() returns trigger
language plpgsql set search_path from current as $$
begin
  new.timestamp := new.timestamp * 1000;
  return new;
end;
$$;

create function trade_seconds_to_milliseconds() returns trigger
language plpgsql set search_path from current as $$
begin
  if new.entry_timestamp >= 1e8 and new.entry_timestamp < 1e11 then
    new.entry_timestamp := new.entry_timestamp * 1000;
  end if;
  if new.exit_timestamp >= 1e8 and new.exit_timestamp < 1e11 then
    new.exit_timestamp := new.exit_timestamp * 1000;
  end if;
  return new;
end;
$$;

create trigger a_seconds_to_milliseconds before insert or update on signals
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create trigger a_seconds_to_milliseconds before insert or update on orders
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create trigger a_seconds_to_milliseconds before insert or update on risk_events
for each row when (new.timestamp >= 1e8::bigint and new.timestamp < 1e11::bigint)
execute function seconds_to_milliseconds();

create trigger a_seconds_to_milliseconds before insert or update on trades
for each row when (
  (new.entry_timestamp >= 1e8::bigint and new.entry_timestamp < 1e11::bigint)
  or (new.exit_timestamp >= 1e8::bigint and new.exit_timestamp < 1e11::bigint)
)
execute function trade_seconds_to_milliseconds();

-- A mapper that knows the column but no default for it sends NULL.
create function fill_created_at() returns trigger
language plpgsql set search_path from current as $$
begin
  new.created_at := timezone('UTC', now());
  return new;
end;
$$;

create function fill_order_times() returns trigger
language plpgsql set search_path from current as $$
begin
  new.created_at := coalesce(new.created_at, timezone('UTC', now()));
  new.updated_at := coalesce(new.updated_at, new.created_at);
  return new;
end;
$$;

create trigger a_fill_created_at before insert on signals
for each row when (new.created_at is null) execute function fill_created_at();

create trigger a_fill_created_at before insert on trades
for each row when (new.created_at is null) execute function fill_created_at();

create trigger a_fill_created_at before insert on risk_events
for each row when (new.created_at is null) execute function fill_created_at();

create trigger a_fill_order_times before insert on orders
for each row when (new.created_at is null or new.updated_at is null) execute function fill_order_times();
