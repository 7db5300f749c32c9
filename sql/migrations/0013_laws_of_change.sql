-- title: What was recorded stays: order transitions, closed trades, permits
-- version: 1.2
-- breaking: yes
-- transaction: no
-- locks: share row exclusive for a moment on signals, orders, trades, risk_events

create or replace function has_permit(wanted_table text, wanted_action text) returns boolean
language sql stable security definer set search_path from current as $$
  select exists (
    select from permits
    where transaction_id = pg_current_xact_id_if_assigned()
      and table_name = wanted_table and action = wanted_action
  );
$$;

create or replace function refuse_change() returns trigger
language plpgsql set search_path from current as $$
begin
  if new is not distinct from old or has_permit(tg_table_name::text, 'correct'::text) then
    return new;
  end if;
  raise exception '% % is recorded and does not change', tg_table_name, old.id
    using errcode = 'check_violation', constraint = 'recorded_rows_are_final', table = tg_table_name,
      hint = 'Use claire correct, which records what was changed and why.';
end;
$$;

create or replace function refuse_removal() returns trigger
language plpgsql set search_path from current as $$
begin
  if has_permit(tg_table_name::text, 'delete'::text) then
    return null;
  end if;
  raise exception '% from % needs a permit of the same transaction', tg_op, tg_table_name
    using errcode = 'check_violation', constraint = 'removal_needs_a_permit', table = tg_table_name,
      hint = 'Rows leave by retention or into quarantine only.';
end;
$$;

-- The permit is looked up last: only a change that would be refused pays for the query.
create or replace function guard_order_update() returns trigger
language plpgsql set search_path from current as $$
declare
  facts orders;
begin
  new.updated_at := old.updated_at;
  if new is not distinct from old then
    return new;
  end if;
  facts := new;
  facts.status := old.status;
  facts.rejection_reason := old.rejection_reason;
  new.updated_at := timezone('UTC', now());
  if (facts is not distinct from old and old.status = 'PENDING') or has_permit('orders'::text, 'correct'::text) then
    return new;
  end if;
  if facts is distinct from old then
    raise exception 'order %: only status and rejection_reason move', old.order_id
      using errcode = 'check_violation', constraint = 'orders_facts_are_fixed', table = 'orders';
  end if;
  raise exception 'order % is % and stays so; % was asked for', old.order_id, old.status, new.status
    using errcode = 'check_violation', constraint = 'orders_final_state', table = 'orders';
end;
$$;

create or replace function guard_trade_update() returns trigger
language plpgsql set search_path from current as $$
declare
  facts trades;
begin
  facts := new;
  facts.commission := old.commission;
  facts.pnl_net := old.pnl_net;
  if old.status = 'OPEN' then
    facts.status := old.status;
    facts.exit_price := old.exit_price;
    facts.exit_timestamp := old.exit_timestamp;
    facts.pnl := old.pnl;
    facts.pnl_pct := old.pnl_pct;
  end if;
  if new is not distinct from old
    or (
      facts is not distinct from old
      and (old.status = 'OPEN' or (coalesce(old.commission, 0) = 0 and new.commission is not null))
    )
    or has_permit('trades'::text, 'correct'::text)
  then
    return new;
  end if;
  if old.status = 'CLOSED' then
    raise exception 'trade % is closed and does not change', coalesce(old.trade_id, old.id::text)
      using errcode = 'check_violation', constraint = 'trades_closed_is_final', table = 'trades',
        hint = 'A commission that is NULL or 0 may still be set; else use claire correct.';
  end if;
  if new.quantity is distinct from old.quantity and new.status = 'CLOSED' then
    raise exception 'trade % is open with %; closing % of it is not possible',
      coalesce(old.trade_id, old.id::text), old.quantity, new.quantity
      using errcode = 'check_violation', constraint = 'trades_close_whole', table = 'trades';
  end if;
  raise exception 'trade %: what was entered does not change', coalesce(old.trade_id, old.id::text)
    using errcode = 'check_violation', constraint = 'trades_entry_is_fixed', table = 'trades',
      hint = 'An addition is a trade of its own; a mistake goes through claire correct.';
end;
$$;

create or replace trigger signals_refuse_change before update on signals
for each row execute function refuse_change();

create or replace trigger signals_refuse_removal before delete or truncate on signals
for each statement execute function refuse_removal();

create or replace trigger risk_events_refuse_change before update on risk_events
for each row execute function refuse_change();

create or replace trigger risk_events_refuse_removal before delete or truncate on risk_events
for each statement execute function refuse_removal();

create or replace trigger corrections_refuse_change before update on corrections
for each row execute function refuse_change();

create or replace trigger corrections_refuse_removal before delete or truncate on corrections
for each statement execute function refuse_removal();

create or replace trigger orders_refuse_removal before delete or truncate on orders
for each statement execute function refuse_removal();

create or replace trigger trades_refuse_removal before delete or truncate on trades
for each statement execute function refuse_removal();

-- Triggers of one event fire by name: the guards come last (z), after times and profit are brought to their form.
create or replace trigger z_guard_order_update before update on orders
for each row execute function guard_order_update();

create or replace trigger z_guard_trade_update before update on trades
for each row execute function guard_trade_update();
