-- title: Corrections: the one way to change what was recorded
-- version: 1.2
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates a function

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
  execute format('select to_jsonb(t) from %I as t where id = $1 for update', what) into stored using wanted_id;
  if stored is null then
    raise exception 'there is no row % in %', wanted_id, what
      using errcode = 'check_violation', constraint = 'corrections_row';
  end if;
  return stored;
end;
$$;

-- Identities, creation times and computed profit are not for correction; but where an old row has none (a blank id, no
-- finite time) it may be given one.
create or replace function refuse_fixed_columns(what text, stored jsonb, changes jsonb) returns void
language plpgsql set search_path from current as $$
declare
  fixed constant text[] := array[
    'id', 'signal_id', 'order_id', 'trade_id', 'event_id', 'created_at', 'updated_at', 'pnl', 'pnl_pct', 'pnl_net'
  ];
  wrong text;
begin
  select string_agg(key, ', ') into wrong from jsonb_object_keys(changes) as key
  where not stored ? key
    or key = any (fixed) and not (
      key like '%\_id' and btrim(stored ->> key, e' \t\n\r') = ''
      or key like '%\_at' and coalesce(stored ->> key, 'infinity') in ('infinity', '-infinity')
    );
  if wrong is not null then
    raise exception 'of % cannot be corrected: %', what, wrong
      using errcode = 'check_violation', constraint = 'corrections_columns';
  end if;
end;
$$;

-- Stricter than the door, where a fill is a fact: who corrects a row, or brings one back, can put its chain right first.
create or replace function refuse_broken_chain(what text, wanted_id bigint) returns void
language plpgsql set search_path from current as $$
begin
  if exists (
    select from orders as o join signals as s on s.signal_id = o.signal_id
    where s.symbol <> o.symbol
      and ((what = 'orders' and o.id = wanted_id) or (what = 'signals' and s.id = wanted_id))
  ) or exists (
    select from trades as t join orders as o on o.order_id = t.order_id
    where (o.symbol <> t.symbol or o.side <> t.side)
      and ((what = 'trades' and t.id = wanted_id) or (what = 'orders' and o.id = wanted_id))
  ) or exists (
    select from orders as o join trades as t on t.order_id = o.order_id
    where (what = 'orders' and o.id = wanted_id)
      or (what = 'trades' and o.order_id = (select n.order_id from trades as n where n.id = wanted_id))
    group by o.order_id, o.quantity
    having sum(t.quantity) > o.quantity
  ) then
    raise exception '% % would not agree with what names it, or what it names', what, wanted_id
      using errcode = 'check_violation', constraint = 'corrections_lineage', table = what,
        hint = 'Correct nothing else than the row that is wrong; symbol and side of a chain are one.';
  end if;
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
  select what, wanted_id, b.key, b.value, a.value, law, why, session_user, '1.2'
  from jsonb_each(before) as b join jsonb_each(after) as a on a.key = b.key
  where a.value is distinct from b.value
    -- It moves with every change; only where there was none is it a value that was filled in.
    and (b.key <> 'updated_at' or b.value = 'null');
  get diagnostics recorded = row_count;
  return recorded;
end;
$$;

-- Changes columns of one row, records each with before and after, and lets profit and positions follow.
create or replace function correct_record(
  what text, wanted_id bigint, changes jsonb, why text, law text default null
) returns integer
language plpgsql security definer set search_path from current as $$
declare
  before constant jsonb := lock_record(what, wanted_id);
  after jsonb;
  columns text;
begin
  perform refuse_fixed_columns(what, before, changes);
  select string_agg(format('%I', key), ', ') into columns from jsonb_object_keys(changes) as key;
  if columns is null then
    raise exception 'of % cannot be corrected: nothing was given', what
      using errcode = 'check_violation', constraint = 'corrections_columns';
  end if;
  insert into permits (table_name, action, reason) values (what, 'correct', why);
  execute format(
    'update %I as t set (%s) = (select %s from jsonb_populate_record(t, $2)) where id = $1 returning to_jsonb(t)',
    what, 'id, ' || columns, 'id, ' || columns
  ) into after using wanted_id, changes;
  perform refuse_broken_chain(what, wanted_id);
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'correct';
  return record_corrections(what, wanted_id, before, after, why, law);
end;
$$;

-- Whoever may correct is granted it by name; the actor is the login, and cannot be given.
revoke execute on function correct_record(text, bigint, jsonb, text, text) from public;
