-- Realistic rows to try things on: a week of three symbols, from 2024-01-08 to 2024-01-14 UTC.
-- The same rows on every server and however often it runs: chance comes from md5, what is there already stays.
-- Names are unqualified: run it with the book's schema in search_path, as `claire test-data` does.

-- A number from 0 to below 1 that looks like chance and is always the same for the same text.
create or replace function pg_temp.chance(of text) returns numeric
language sql immutable as $$
  select ('x' || substr(md5(of), 1, 8))::bit(32)::bigint / 4294967296.0;
$$;

create or replace function pg_temp.at_time(milliseconds bigint) returns timestamp
language sql immutable as $$
  select timestamp '1970-01-01' + milliseconds * interval '1 millisecond';
$$;

-- Signals: one an hour and symbol, along a random walk, in the direction of the last six hours.
insert into signals (signal_id, symbol, side, price, confidence, timestamp, metadata, created_at)
select
  format('test_signal_%s_%s', lower(symbol), lpad(hour::text, 3, '0')),
  symbol,
  case when price >= lag(price, 6, base) over walk then 'BUY' else 'SELL' end,
  price,
  round(0.50 + 0.49 * pg_temp.chance('confidence ' || symbol || hour), 2),
  timestamp,
  jsonb_build_object(
    'strategy', 'momentum_6h',
    'volume_ratio', round(0.5 + 2 * pg_temp.chance('volume ' || symbol || hour), 2)
  ),
  pg_temp.at_time(timestamp)
from (
  select
    symbol,
    base,
    hour,
    1704672000000 + hour * 3600000 + floor(3000000 * pg_temp.chance('time ' || symbol || hour))::bigint as timestamp,
    round(
      base * (1 + sum((pg_temp.chance('price ' || symbol || hour) - 0.49) * swing)
        over (partition by symbol order by hour)),
      2
    ) as price
  from (values ('BTCUSDT', 43250.50, 0.012), ('ETHUSDT', 2485.30, 0.015), ('SOLUSDT', 96.40, 0.024))
    as market (symbol, base, swing)
  cross join generate_series(0, 167) as hour
) as walked
window walk as (partition by symbol order by hour)
order by timestamp
on conflict (signal_id) do nothing;

-- What becomes of them follows from the signals alone, which do not change: an order that somebody has moved on
-- meanwhile does not bring a trade with it when this runs again.
create or replace temporary view test_orders as
select
  replace(signal_id, 'signal', 'order') as order_id,
  signal_id,
  symbol,
  side,
  round(
    (300 + 1200 * pg_temp.chance('size ' || signal_id)) / signal_price,
    case symbol when 'BTCUSDT' then 4 when 'ETHUSDT' then 3 else 2 end
  ) as quantity,
  -- A market order has no price of its own.
  case when pg_temp.chance('kind ' || signal_id) < 0.6 then signal_price end as price,
  signal_price,
  status,
  case status
    when 'REJECTED' then
      (array['Exposure limit exceeded', 'Position limit exceeded', 'Confidence too low'])[1 + nth / 6 % 3]
    when 'CANCELLED' then (array['Cancelled by the user', 'Circuit breaker'])[1 + nth / 9 % 2]
  end as rejection_reason,
  timestamp + 50 + floor(850 * pg_temp.chance('order ' || signal_id))::bigint as timestamp,
  row_number() over (partition by symbol, status order by timestamp) as nth,
  row_number() over (partition by symbol, status order by timestamp desc) as nth_last
from (
  select
    *,
    case
      when nth_last <= 5 then 'PENDING'
      when nth % 6 = 0 then 'REJECTED'
      when nth % 9 = 0 then 'CANCELLED'
      else 'FILLED'
    end as status
  from (
    select
      signal_id,
      symbol,
      side,
      price as signal_price,
      timestamp,
      row_number() over (partition by symbol order by timestamp) as nth,
      row_number() over (partition by symbol order by timestamp desc) as nth_last
    from signals
    where signal_id like 'test\_signal\_%' and right(signal_id, 3)::integer % 5 in (0, 2)
  ) as numbered
) as decided;

-- Orders: two of five signals. The newest wait; of the others some were rejected or cancelled.
insert into orders (
  order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp, created_at, updated_at
)
select
  order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp,
  pg_temp.at_time(timestamp),
  pg_temp.at_time(timestamp + case status when 'PENDING' then 0 else 800 end)
from test_orders
order by timestamp
on conflict (order_id) do nothing;

-- Trades: one a filled order, near the price of its signal. They end 2 to 14 hours later at the price of that hour;
-- the newest are open. The exchange has not told every commission yet.
insert into trades (
  trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp,
  exit_price, exit_timestamp, status, commission, created_at
)
select
  replace(o.order_id, 'order', 'trade'),
  o.order_id,
  o.symbol,
  o.side,
  o.quantity,
  o.entry_price,
  o.filled_at,
  x.exit_price,
  x.exit_timestamp,
  case when x.exit_price is null then 'OPEN' else 'CLOSED' end,
  case when o.nth % 20 <> 0 then
    round(o.quantity * (o.entry_price + coalesce(x.exit_price, 0)) * 0.001, 8)
  end,
  pg_temp.at_time(o.filled_at)
from (
  select
    *,
    round(signal_price * (1 + (pg_temp.chance('entry ' || order_id) - 0.5) * 0.001), 2) as entry_price,
    timestamp + 100 + floor(700 * pg_temp.chance('fill ' || order_id))::bigint as filled_at,
    right(order_id, 3)::integer + 2 + floor(12 * pg_temp.chance('exit ' || order_id))::integer as exit_hour
  from test_orders
  where status = 'FILLED'
) as o
left join lateral (
  select
    round(s.price * (1 + (pg_temp.chance('leave ' || o.order_id) - 0.5) * 0.001), 2) as exit_price,
    s.timestamp + 5000 as exit_timestamp
  from signals as s
  where o.nth_last > case o.symbol when 'BTCUSDT' then 4 else 3 end
    and s.signal_id = format('test_signal_%s_%s', lower(o.symbol), lpad(least(o.exit_hour, 167)::text, 3, '0'))
) as x on true
order by o.filled_at
on conflict (trade_id) do nothing;

-- Risk events: why each rejected order was rejected, with the numbers that the limit was held against.
insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp, created_at)
select
  replace(order_id, 'order', 'event'),
  case rejection_reason
    when 'Exposure limit exceeded' then 'exposure_limit_exceeded'
    when 'Position limit exceeded' then 'position_limit_exceeded'
    else 'signal_rejected'
  end,
  signal_id,
  symbol,
  rejection_reason,
  case rejection_reason
    when 'Exposure limit exceeded' then jsonb_build_object(
      'current_exposure', 4600 + 50 * floor(8 * pg_temp.chance('held ' || order_id)),
      'max_exposure', 5000,
      'new_position', 450 + 50 * floor(10 * pg_temp.chance('new ' || order_id))
    )
    when 'Position limit exceeded' then jsonb_build_object(
      'current_position', 2000 + 50 * floor(9 * pg_temp.chance('held ' || order_id)),
      'max_position', 2500,
      'new_position', 550 + 50 * floor(10 * pg_temp.chance('new ' || order_id))
    )
    else jsonb_build_object('confidence', 0.5, 'min_confidence', 0.6)
  end,
  timestamp,
  pg_temp.at_time(timestamp)
from test_orders
where status = 'REJECTED'
order by timestamp
on conflict (event_id) do nothing;

-- Signals that never became an order.
insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp, created_at)
select
  replace(signal_id, 'signal', 'event'),
  'signal_rejected',
  signal_id,
  symbol,
  'Exposure limit exceeded',
  jsonb_build_object('current_exposure', 4850, 'max_exposure', 5000, 'new_position', 850),
  timestamp + 40,
  pg_temp.at_time(timestamp + 40)
from signals
where signal_id like 'test\_signal\_%' and right(signal_id, 3)::integer % 20 = 3
order by timestamp
on conflict (event_id) do nothing;

-- Two bad days: a warning each, and then the halt.
insert into risk_events (event_id, event_type, reason, details, timestamp, created_at)
select
  format('test_event_%s_%s', event_type, day),
  event_type,
  reason,
  jsonb_build_object('daily_pnl', daily_pnl - day, 'max_drawdown', -500.00, 'balance', 10000),
  1704672000000 + day * 86400000 + after_ms,
  pg_temp.at_time(1704672000000 + day * 86400000 + after_ms)
from (values
  ('daily_drawdown_exceeded', 'Daily drawdown exceeded -5%', -510.25, 64800000),
  ('circuit_breaker_triggered', 'Daily drawdown exceeded -5%', -520.50, 64800350)
) as kinds (event_type, reason, daily_pnl, after_ms)
cross join (values (2), (5)) as days (day)
order by day, after_ms
on conflict (event_id) do nothing;

drop view test_orders;
