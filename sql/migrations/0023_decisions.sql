-- title: What was decided, with the numbers of that moment; what PENDING orders reserve; each state an order was in
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates tables, views and functions

-- A row an order: what decide made of a signal, or `direct` for an order that came by plain SQL, without asking.
create table if not exists decisions (
  order_id varchar(50) primary key,
  signal_id varchar(50),
  symbol varchar(20) not null,
  side varchar(10) not null,
  decision text not null
    constraint decisions_decision_check check (decision in ('opening', 'closing', 'rejected', 'direct')),
  -- It closes what is open on the other side and opens nothing.
  reduces boolean not null,
  -- Market time of the decision.
  timestamp bigint not null
    constraint decisions_timestamp_check check (timestamp >= 1e11::bigint and timestamp < 1e14::bigint),
  quantity numeric not null,
  -- Of a MARKET order the last price known to its signal.
  price numeric,
  notional numeric,
  reason text,
  -- The limits that stood against it, the one that names the reason first.
  broken text[] not null default '{}',
  details jsonb,
  limits_version bigint,
  -- As they stood before this order, reservations included.
  exposure numeric,
  position numeric,
  open_trades bigint,
  daily_pnl numeric,
  asked_quantity numeric,
  asked_notional numeric,
  asked_price numeric,
  -- What the order still reserves: to open, or to close. NULL until it was first looked at.
  reserved_quantity numeric,
  released_reason text,
  actor text not null default session_user,
  created_at timestamp not null default timezone('UTC', now())
) with (fillfactor = 85);

-- Nobody has written to the tables that are made here.
-- squawk-ignore-file require-concurrent-index-creation
create index if not exists idx_decisions_timestamp on decisions (timestamp)
where decision in ('opening', 'direct') and not reduces;

-- Orders that still reserve, or may: those that somebody must look at when they grow old.
create index if not exists idx_decisions_reserved on decisions (created_at)
where reserved_quantity is distinct from 0;

create or replace trigger decisions_refuse_update before update on decisions
for each row when (
  (old.order_id, old.signal_id, old.symbol, old.side, old.decision, old.reduces, old.timestamp, old.quantity, old.price,
    old.notional, old.reason, old.broken, old.limits_version, old.exposure, old.position, old.open_trades,
    old.daily_pnl, old.actor, old.created_at)
  is distinct from
  (new.order_id, new.signal_id, new.symbol, new.side, new.decision, new.reduces, new.timestamp, new.quantity, new.price,
    new.notional, new.reason, new.broken, new.limits_version, new.exposure, new.position, new.open_trades,
    new.daily_pnl, new.actor, new.created_at)
)
execute function refuse_update();

create or replace trigger decisions_refuse_removal before delete or truncate on decisions
for each statement execute function refuse_removal();

-- What PENDING orders reserve, summed: written only by who holds the risk row.
create table if not exists reservation_totals (
  symbol varchar(20) not null,
  side varchar(10) not null,
  -- Quantity that closes what is open on the other side.
  closing numeric not null,
  -- Value of what opens, and the number of its orders.
  notional numeric not null,
  num_orders bigint not null,
  primary key (symbol, side)
  -- Each decision writes here: with room on the page the old versions go without a vacuum.
) with (fillfactor = 50);

-- Orders of which something changed since the totals were summed. Writers append here and wait for nobody; who holds
-- the risk row looks each order up as it stands then, so that a fill and a cancel at once release it once.
create table if not exists reservation_changes (
  order_id varchar(50) not null
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1
);

create table if not exists order_history (
  id bigserial primary key,
  order_id varchar(50) not null,
  from_status varchar(20),
  to_status varchar(20) not null,
  reason text,
  actor text not null default session_user,
  created_at timestamp not null default timezone('UTC', now())
);

create index if not exists idx_order_history_order_id_id on order_history (order_id, id);

create or replace trigger order_history_refuse_update before update on order_history
for each statement execute function refuse_update();

create or replace trigger order_history_refuse_removal before delete or truncate on order_history
for each statement execute function refuse_removal();

-- What the changed orders reserve now, beside what was summed: an opening order what no trade of it stands for yet, until
-- it is cancelled or rejected; a closing one its quantity while it is PENDING.
create or replace view changed_reservations as
select d.order_id, d.symbol, d.side, d.reduces, coalesce(d.price, 0) as price,
  coalesce(d.reserved_quantity, 0) as was,
  case
    when d.released_reason is not null then 0
    -- One from before 1.2 that is no number stays outside, as in positions.
    when o.quantity = 'NaN' or o.quantity = 'Infinity' or d.price = 'NaN' or d.price = 'Infinity' then 0
    when o.status = 'PENDING' or (o.status = 'FILLED' and not d.reduces) then greatest(0, o.quantity - (
      select coalesce(sum(t.quantity), 0) from trades as t where t.order_id = d.order_id
    ))
    else 0
  end as is_now
-- Order by order (offset 0 keeps it so): the queue is short, but was never counted when a plan is made, and the tables
-- are long.
from (select distinct order_id from reservation_changes) as c
cross join lateral (select * from decisions as x where x.order_id = c.order_id offset 0) as d
left join lateral (select x.status, x.quantity from orders as x where x.order_id = c.order_id offset 0) as o on true;

-- Orders that reserve: who grows old here needs somebody to look.
create or replace view reservations as
select
  d.order_id, d.signal_id, d.symbol, d.side, o.status, d.decision, d.reduces, r.quantity,
  case when d.reduces then 0 else r.quantity * d.price end as notional, d.timestamp, d.created_at
from decisions as d
join orders as o on o.order_id = d.order_id
left join changed_reservations as c on c.order_id = d.order_id
cross join lateral (select coalesce(c.is_now, d.reserved_quantity) as quantity) as r
where d.reserved_quantity is distinct from 0 and r.quantity > 0;

-- Everything that counts toward exposure, in parts that add up. Read in one statement it is of one moment: a fill is in
-- the trades or still reserved, never both and never neither.
create or replace view exposure_parts as
select symbol, side, quantity, notional, num_trades, 0::numeric as closing from position_totals
union all
select symbol, side, quantity, notional, num_trades, 0 from position_changes
union all
select symbol, side, 0, notional, num_orders, closing from reservation_totals
union all
select symbol, side, 0,
  case when reduces then 0 else (is_now - was) * price end,
  case when reduces then 0 else (is_now > 0)::int - (was > 0)::int end,
  case when reduces then is_now - was else 0 end
from changed_reservations;

-- Moves what has changed into the totals. The caller holds the risk row.
create or replace function sum_reservations() returns bigint
language plpgsql security definer set search_path from current as $$
declare
  looked_at bigint;
begin
  with found as materialized (select * from changed_reservations),
  gone as (delete from reservation_changes returning order_id),
  written as (
    update decisions as d set reserved_quantity = f.is_now from found as f
    where d.order_id = any (array(select order_id from found)) and d.order_id = f.order_id
      and d.reserved_quantity is distinct from f.is_now
  ),
  summed as (
    insert into reservation_totals as t (symbol, side, closing, notional, num_orders)
    select symbol, side,
      coalesce(sum(is_now - was) filter (where reduces), 0),
      coalesce(sum((is_now - was) * price) filter (where not reduces), 0),
      coalesce(sum((is_now > 0)::int - (was > 0)::int) filter (where not reduces), 0)
    from found
    where is_now <> was
    group by symbol, side
    order by symbol, side
    on conflict (symbol, side) do update set
      closing = t.closing + excluded.closing,
      notional = t.notional + excluded.notional,
      num_orders = t.num_orders + excluded.num_orders
  )
  select count(*) into looked_at from gone;
  return looked_at;
end;
$$;

revoke execute on function sum_reservations() from public;

-- As upkeep does it by the clock, so that a desk that never decides does not gather changes for ever.
create or replace function fold_reservation_changes() returns bigint
language plpgsql security definer set search_path from current as $$
begin
  if not exists (select from reservation_changes) then
    return 0;
  end if;
  -- Whoever holds it does this for himself, or keeps it for long: nothing else of the upkeep should wait for him.
  perform from risk for update skip locked;
  if not found then
    return 0;
  end if;
  return sum_reservations();
end;
$$;

revoke execute on function fold_reservation_changes() from public;

-- For an order that is FILLED and whose trade never comes, as when somebody closed with what was placed to open.
create or replace function release_reservation(wanted_order text, why text) returns void
language plpgsql security definer set search_path from current as $$
declare
  d decisions;
begin
  perform from risk for update;
  select * into d from decisions where order_id = wanted_order;
  if d.order_id is null or coalesce(d.reserved_quantity, 1) = 0
    or (select status from orders where order_id = wanted_order) = 'PENDING'
  then
    raise exception 'order % reserves nothing, or is PENDING', wanted_order
      using errcode = 'check_violation', constraint = 'decisions_reservation', table = 'decisions';
  end if;
  update decisions set released_reason = why where order_id = wanted_order;
  insert into reservation_changes (order_id) values (wanted_order);
  insert into order_history (order_id, from_status, to_status, reason)
  select order_id, status, status, why from orders where order_id = wanted_order;
  perform sum_reservations();
end;
$$;

revoke execute on function release_reservation(text, text) from public;
