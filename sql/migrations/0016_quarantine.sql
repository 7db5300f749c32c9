-- title: Quarantine: bad rows of old data leave their table whole, and come back or are discarded by decision
-- version: 1.2
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates a table and functions

create table if not exists quarantine (
  id bigserial primary key,
  table_name text not null constraint quarantine_table_name_check check (
    table_name in ('signals', 'orders', 'trades', 'risk_events')
  ),
  row_id bigint not null,
  -- As JSON, so that the row outlives changes of its table. NUMERIC keeps its scale there; NaN and infinity become text.
  -- One thing is lost: a metadata of JSON null comes back as NULL, which every client reads alike.
  row jsonb not null,
  laws text[] not null constraint quarantine_laws_check check (
    cardinality(laws) > 0 and array_position(laws, null) is null
  ),
  reason text not null constraint quarantine_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  version text not null,
  state text not null default 'held' constraint quarantine_state_check check (
    state in ('held', 'released', 'discarded')
  ),
  decided_reason text constraint quarantine_decided_reason_check check (btrim(decided_reason, e' \t\n\r') <> ''),
  decided_by text,
  decided_at timestamp,
  created_at timestamp not null default timezone('UTC', now()),
  constraint quarantine_decision_check check (
    num_nonnulls(decided_reason, decided_by, decided_at) = case state when 'held' then 0 else 3 end
  )
);

create index if not exists idx_quarantine_table_name_row_id on quarantine (table_name, row_id) where state = 'held';

create or replace trigger quarantine_refuse_change before update on quarantine
for each row execute function refuse_change();

create or replace trigger quarantine_refuse_removal before delete or truncate on quarantine
for each statement execute function refuse_removal();

-- Moves one row out of its table. What follows from it, as positions do, follows as from any other change.
create or replace function quarantine_row(what text, wanted_id bigint, laws text[], why text) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  stored constant jsonb := lock_record(what, wanted_id);
  quarantined bigint;
  named_by text;
begin
  insert into quarantine (table_name, row_id, row, laws, reason, version)
  values (what, wanted_id, stored, laws, why, '1.2')
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

-- Marks what is held as decided; twice is refused.
create or replace function decide_quarantined(wanted_id bigint, decision text, why text) returns void
language plpgsql set search_path from current as $$
declare
  held quarantine;
begin
  select * into held from quarantine where id = wanted_id for update;
  if not found then
    raise exception 'there is no % in quarantine', wanted_id
      using errcode = 'check_violation', constraint = 'quarantine_row';
  end if;
  if held.state <> 'held' then
    raise exception '% in quarantine (% %) was % by %: %',
      wanted_id, held.table_name, held.row_id, held.state, held.decided_by, held.decided_reason
      using errcode = 'check_violation', constraint = 'quarantine_decided', table = 'quarantine';
  end if;
  insert into permits (table_name, action, reason) values ('quarantine', 'correct', why);
  update quarantine set
    state = decision, decided_reason = why, decided_by = session_user, decided_at = timezone('UTC', now())
  where id = wanted_id;
  delete from permits
  where transaction_id = pg_current_xact_id() and table_name = 'quarantine' and action = 'correct';
end;
$$;

-- Puts a row back under its own id, with changes that make it lawful: constraints and triggers of an insert decide.
-- Gives how many columns differ from what was held; each is recorded as a correction.
create or replace function release_row(wanted_id bigint, changes jsonb, why text) returns integer
language plpgsql security definer set search_path from current as $$
declare
  held quarantine;
  before jsonb;
  after jsonb;
begin
  perform decide_quarantined(wanted_id, 'released', why);
  select * into held from quarantine where id = wanted_id;
  -- As a row of today's table: columns that came since are NULL, and can be among the changes.
  execute format('select to_jsonb(jsonb_populate_record(null::%I, $1))', held.table_name)
  into before using held.row;
  perform refuse_fixed_columns(held.table_name, before, changes);
  execute format(
    'insert into %1$I as t select r.* from jsonb_populate_record(null::%1$I, $1) as r returning to_jsonb(t)',
    held.table_name
  ) into after using before || coalesce(changes, '{}');
  perform refuse_broken_chain(held.table_name, held.row_id);
  return record_corrections(held.table_name, held.row_id, before, after, why);
end;
$$;

-- The row stays here for ever, as what it was.
create or replace function discard_row(wanted_id bigint, why text) returns void
language sql security definer set search_path from current as $$
  select decide_quarantined(wanted_id, 'discarded', why);
$$;

-- Only a migration quarantines; whoever may decide is granted it by name.
revoke execute on function quarantine_row(text, bigint, text[], text) from public;

revoke execute on function release_row(bigint, jsonb, text) from public;

revoke execute on function discard_row(bigint, text) from public;
