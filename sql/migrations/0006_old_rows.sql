-- title: Exact profit, and the old rows brought to their form, each change recorded
-- version: 1.2
-- breaking: no
-- transaction: yes
-- locks: row exclusive on signals, orders, trades, risk_events

create table corrections (
  id bigserial primary key,
  table_name text not null,
  row_id bigint not null,
  column_name text not null,
  before jsonb,
  after jsonb,
  law text,
  reason text not null constraint corrections_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  version text not null,
  created_at timestamp not null default timezone('UTC', now())
);

create index idx_corrections_table_row on corrections (table_name, row_id);

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

-- What can only be seconds becomes milliseconds, as it does at the door from now on.
with found as (
  select id, timestamp from signals where timestamp >= 1e8::bigint and timestamp < 1e11::bigint
),
changed as (
  update signals as t set timestamp = t.timestamp * 1000 from found where t.id = found.id returning t.id
)
insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
select 'signals', id, 'timestamp', to_jsonb(timestamp), to_jsonb(timestamp * 1000),
  'signals_timestamp_check', 'seconds became milliseconds', '1.2'
from found;

with found as (
  select id, timestamp from risk_events where timestamp >= 1e8::bigint and timestamp < 1e11::bigint
),
changed as (
  update risk_events as t set timestamp = t.timestamp * 1000 from found where t.id = found.id returning t.id
)
insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
select 'risk_events', id, 'timestamp', to_jsonb(timestamp), to_jsonb(timestamp * 1000),
  'risk_events_timestamp_check', 'seconds became milliseconds', '1.2'
from found;

-- The same for trades; and every closed one is written once, so that the trigger computes its profit anew.
with found as (
  select id, entry_timestamp, exit_timestamp, pnl, pnl_pct from trades
  where status = 'CLOSED'
    or (entry_timestamp >= 1e8::bigint and entry_timestamp < 1e11::bigint)
    or (exit_timestamp >= 1e8::bigint and exit_timestamp < 1e11::bigint)
),
changed as (
  update trades as t set
    entry_timestamp = t.entry_timestamp
      * case when t.entry_timestamp >= 1e8::bigint and t.entry_timestamp < 1e11::bigint then 1000 else 1 end,
    exit_timestamp = t.exit_timestamp
      * case when t.exit_timestamp >= 1e8::bigint and t.exit_timestamp < 1e11::bigint then 1000 else 1 end
  from found where t.id = found.id
  returning t.id, t.entry_timestamp, t.exit_timestamp, t.pnl, t.pnl_pct
)
insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
select 'trades', found.id, c.name, c.before, c.after, c.law, c.reason, '1.2'
from found
join changed on changed.id = found.id
cross join lateral (values
  ('entry_timestamp', to_jsonb(found.entry_timestamp), to_jsonb(changed.entry_timestamp),
    'trades_entry_timestamp_check', 'seconds became milliseconds'),
  ('exit_timestamp', to_jsonb(found.exit_timestamp), to_jsonb(changed.exit_timestamp),
    'trades_exit_timestamp_check', 'seconds became milliseconds'),
  ('pnl', to_jsonb(found.pnl), to_jsonb(changed.pnl),
    'closed_trades_have_their_profit', 'computed from the prices'),
  ('pnl_pct', to_jsonb(found.pnl_pct), to_jsonb(changed.pnl_pct),
    'closed_trades_have_their_profit', 'computed from the prices')
) as c (name, before, after, law, reason)
where c.before is distinct from c.after;

-- A row of unknown age is taken for new: retention counts from here.
update signals set created_at = timezone('UTC', now()) where created_at is null;

update orders set
  created_at = coalesce(created_at, timezone('UTC', now())),
  updated_at = coalesce(updated_at, created_at, timezone('UTC', now()))
where created_at is null or updated_at is null;

update trades set created_at = timezone('UTC', now()) where created_at is null;

update risk_events set created_at = timezone('UTC', now()) where created_at is null;
