-- title: One question for the whole chain: why a signal became a trade, or did not
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates views and functions

-- Signals that led to nothing: nobody decided them, or no order of theirs waits or was filled.
create or replace view untraded_signals as
select
  s.signal_id, s.symbol, s.side, s.price, s.confidence, s.timestamp, o.order_id,
  case
    when o.order_id is null then 'Not decided'
    when o.status = 'CANCELLED' then 'Cancelled' || coalesce(': ' || o.rejection_reason, '')
    else o.rejection_reason
  end as reason
from signals as s
left join lateral (
  select x.order_id, x.status, x.rejection_reason from orders as x
  where x.signal_id = s.signal_id
  order by x.id desc limit 1
) as o on true
where not exists (
  select from orders as x where x.signal_id = s.signal_id and x.status in ('PENDING', 'FILLED')
);

-- Numbers as text: JSON's own would lose digits.
create or replace function trade_as_json(t trades) returns jsonb
language sql immutable as $$
  select jsonb_build_object(
    'id', t.id::text, 'trade_id', t.trade_id, 'order_id', t.order_id, 'symbol', t.symbol, 'side', t.side,
    'quantity', t.quantity::text, 'entry_price', t.entry_price::text, 'entry_timestamp', t.entry_timestamp,
    'exit_price', t.exit_price::text, 'exit_timestamp', t.exit_timestamp, 'status', t.status, 'pnl', t.pnl::text,
    'pnl_pct', t.pnl_pct::text, 'pnl_net', t.pnl_net::text, 'commission', t.commission::text
  );
$$;

create or replace function limits_as_json(l limits) returns jsonb
language sql immutable as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'version', l.version, 'symbol', l.symbol, 'max_exposure', l.max_exposure::text, 'max_position', l.max_position::text,
    'max_order_size', l.max_order_size::text, 'max_open_trades', l.max_open_trades,
    'max_orders_per_minute', l.max_orders_per_minute, 'max_drawdown', l.max_drawdown::text,
    'max_drawdown_pct', l.max_drawdown_pct::text, 'min_confidence', l.min_confidence::text,
    'max_signal_age_ms', l.max_signal_age_ms, 'time_zone', l.time_zone, 'enforce_halts', l.enforce_halts,
    'enforce_limits', l.enforce_limits, 'breaker_halts', l.breaker_halts, 'reason', l.reason, 'actor', l.actor,
    'created_at', as_ms(l.created_at)
  ));
$$;

-- An order with what was decided, by which limits and numbers, the states it was in, and the trades that it opened.
create or replace function order_as_json(o orders) returns jsonb
language sql stable set search_path from current as $$
  select jsonb_build_object(
    'order_id', o.order_id, 'signal_id', o.signal_id, 'symbol', o.symbol, 'side', o.side,
    'quantity', o.quantity::text, 'price', o.price::text, 'status', o.status, 'rejection_reason', o.rejection_reason,
    'timestamp', o.timestamp, 'created_at', as_ms(o.created_at),
    'decision', (
      select jsonb_build_object(
        'decision', d.decision, 'reduces', d.reduces, 'timestamp', d.timestamp, 'quantity', d.quantity::text,
        'price', d.price::text, 'notional', d.notional::text, 'reason', d.reason, 'broken', d.broken,
        'details', d.details, 'exposure', d.exposure::text, 'position', d.position::text,
        'open_trades', d.open_trades, 'daily_pnl', d.daily_pnl::text, 'reserved_quantity', coalesce(
          (select r.quantity::text from reservations as r where r.order_id = d.order_id), '0'
        ),
        'released_reason', d.released_reason, 'actor', d.actor, 'created_at', as_ms(d.created_at),
        'limits', (select limits_as_json(l) from limits as l where l.version = d.limits_version),
        'symbol_limits', (
          select limits_as_json(l) from limits as l
          where l.symbol = d.symbol and l.created_at <= d.created_at order by l.version desc limit 1
        )
      )
      from decisions as d where d.order_id = o.order_id
    ),
    'history', coalesce((
      select jsonb_agg(jsonb_build_object(
        'from', h.from_status, 'to', h.to_status, 'reason', h.reason, 'actor', h.actor, 'at', as_ms(h.created_at)
      ) order by h.id)
      from order_history as h where h.order_id = o.order_id
    ), '[]'),
    'trades', coalesce((
      select jsonb_agg(trade_as_json(t) order by t.id) from trades as t where t.order_id = o.order_id
    ), '[]')
  );
$$;

-- The chain of a signal, an order or a trade, by its id; NULL where there is none.
create or replace function why(wanted text) returns jsonb
language sql stable set search_path from current as $$
  with trade as (
    select t from trades as t where t.trade_id = wanted
  ),
  named as (
    select o.signal_id, o.order_id from orders as o
    where o.order_id = wanted or o.order_id = (select (t).order_id from trade)
  ),
  chain as (
    select coalesce((select n.signal_id from named as n limit 1), wanted) as signal_id
  ),
  found as (
    select o from orders as o where o.signal_id = (select signal_id from chain)
    union
    select o from orders as o where o.order_id = (select n.order_id from named as n limit 1)
  ),
  signal as (
    select s from signals as s where s.signal_id = (select signal_id from chain)
  )
  select jsonb_build_object(
    'signal', (
      select jsonb_build_object(
        'signal_id', (s).signal_id, 'symbol', (s).symbol, 'side', (s).side, 'price', (s).price::text,
        'confidence', (s).confidence::text, 'timestamp', (s).timestamp, 'metadata', (s).metadata,
        'created_at', as_ms((s).created_at)
      ) from signal
    ),
    'orders', coalesce((select jsonb_agg(order_as_json(o) order by (o).id) from found), '[]'),
    -- A trade that names no order has no other place.
    'trades', coalesce((select jsonb_agg(trade_as_json(t)) from trade where (t).order_id is null), '[]'),
    'risk_events', coalesce((
      select jsonb_agg(jsonb_build_object(
        'event_id', e.event_id, 'event_type', e.event_type, 'reason', e.reason, 'details', e.details,
        'timestamp', e.timestamp
      ) order by e.id)
      from risk_events as e
      -- An OR of the two would read the whole table.
      where e.id = any (array(
        select x.id from risk_events as x where x.signal_id = (select signal_id from chain)
        union
        -- Those of an order by plain SQL, and of a fill over a limit.
        select y.id from found cross join risk_events as y
        where y.details @> jsonb_build_object('order_id', (o).order_id)
      ))
    ), '[]')
  )
  where exists (select from signal) or exists (select from found) or exists (select from trade);
$$;

-- What corrections and quarantine write beside each change; 1.2 wrote its own number for ever.
create or replace function schema_version() returns text
language plpgsql stable set search_path from current as $$
begin
  return (select version from schema_migrations order by number desc limit 1);
end;
$$;

create or replace function record_corrections(
  what text, wanted_id bigint, before jsonb, after jsonb, why text, law text default null
) returns integer
language plpgsql set search_path from current as $$
declare
  recorded integer;
begin
  insert into corrections (table_name, row_id, column_name, before, after, law, reason, actor, version)
  select what, wanted_id, b.key, b.value, a.value, law, why, session_user, schema_version()
  from jsonb_each(before) as b join jsonb_each(after) as a on a.key = b.key
  where a.value is distinct from b.value
    -- It moves with every change; only where there was none is it a value that was filled in.
    and (b.key <> 'updated_at' or b.value = 'null');
  get diagnostics recorded = row_count;
  return recorded;
end;
$$;

-- Moves one row out of its table. What follows from it, as positions do, follows as from any other change.
create or replace function quarantine_row(what text, wanted_id bigint, laws text[], why text) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  stored constant jsonb := lock_record(what, wanted_id);
  quarantined bigint;
  named_by text;
begin
  insert into quarantine (table_name, row_id, row, laws, reason, version)
  values (what, wanted_id, stored, laws, why, schema_version())
  returning id into quarantined;
  insert into permits (table_name, action, reason) values (what, 'delete', why);
  begin
    execute format('delete from %I where id = $1', what) using wanted_id;
  exception when foreign_key_violation then
    -- The server's own words name the table only; they are kept for tables that are not Claire's.
    get stacked diagnostics named_by = pg_exception_detail;
    raise exception '% % is named by %', what, wanted_id, coalesce(
      (select 'order ' || o.order_id from orders as o
       where what = 'signals' and o.signal_id = stored ->> 'signal_id' limit 1),
      (select 'trade ' || coalesce(t.trade_id, t.id::text) from trades as t
       where what = 'orders' and t.order_id = stored ->> 'order_id' limit 1),
      named_by
    )
      using errcode = 'check_violation', constraint = 'quarantine_lineage', table = what,
        hint = 'Quarantine the row that names it first.';
  end;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'delete';
  return quarantined;
end;
$$;

-- The row as it stands, locked until the end of the transaction.
create or replace function lock_record(what text, wanted_id bigint) returns jsonb
language plpgsql set search_path from current as $$
declare
  stored jsonb;
begin
  if what not in ('signals', 'orders', 'trades', 'risk_events') then
    raise exception '% is not signals, orders, trades or risk_events', what
      using errcode = 'check_violation', constraint = 'corrections_table';
  end if;
  -- As every other change of a trade takes it: the risk row first.
  if what = 'trades' then
    perform lock_risk();
  end if;
  execute format('select to_jsonb(t) from %I as t where id = $1 for update', what) into stored using wanted_id;
  if stored is null then
    raise exception 'there is no row % in %', wanted_id, what
      using errcode = 'check_violation', constraint = 'corrections_row';
  end if;
  return stored;
end;
$$;
