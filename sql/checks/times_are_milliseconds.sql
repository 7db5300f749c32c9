-- law: Every market time is Unix milliseconds.
select 'signals' as found_in, id, timestamp as found from {book}.signals
where timestamp < 1e11::bigint or timestamp >= 1e14::bigint
union all
select 'orders', id, timestamp from {book}.orders
where timestamp < 1e11::bigint or timestamp >= 1e14::bigint
union all
select 'trades', id, entry_timestamp from {book}.trades
where entry_timestamp < 1e11::bigint or entry_timestamp >= 1e14::bigint
  or exit_timestamp < 1e11::bigint or exit_timestamp >= 1e14::bigint
union all
select 'risk_events', id, timestamp from {book}.risk_events
where timestamp < 1e11::bigint or timestamp >= 1e14::bigint;
