-- title: Seconds become milliseconds, profit is exact and cannot be written by a client
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

-- Values that a CHECK will refuse are left alone here: an overflow or a division by zero would hide its name.
create or replace function calculate_pnl() returns trigger
language plpgsql set search_path from current as $$
begin
  new.pnl := null;
  new.pnl_pct := null;
  new.pnl_net := null;
  if new.status = 'CLOSED'
    and new.quantity > 0 and new.quantity < 1e12
    and new.entry_price > 0 and new.entry_price < 1e12
    and new.exit_price > 0 and new.exit_price < 1e12
  then
    new.pnl := case new.side
      when 'BUY' then new.quantity * (new.exit_price - new.entry_price)
      when 'SELL' then new.quantity * (new.entry_price - new.exit_price)
    end;
    new.pnl_pct := case new.side
      when 'BUY' then (new.exit_price - new.entry_price) / new.entry_price * 100
      when 'SELL' then (new.entry_price - new.exit_price) / new.entry_price * 100
    end;
    if new.commission > -1e12 and new.commission < 1e12 then
      new.pnl_net := new.pnl - new.commission;
    end if;
  end if;
  return new;
end;
$$;
