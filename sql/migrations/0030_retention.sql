-- title: Retention: horizons are rows, lineage comes before age, and nothing goes that no backup holds
-- version: 1.4
-- breaking: no
-- transaction: no
-- locks: share update exclusive on signals, orders, risk_events, candles, decisions, order_history: nobody who writes waits

-- How long rows of a table are kept after they were recorded; the newest row of a table counts. Trades are not among them:
-- they are the record, and stay with what they name.
create table if not exists retention_horizons (
  version bigserial primary key,
  table_name text not null constraint retention_horizons_table_name_check check (
    table_name in ('signals', 'orders', 'risk_events', 'candles')
  ),
  -- NULL: for ever. A century at most, so that a moment so far back is still a time.
  keep_seconds bigint
    constraint retention_horizons_keep_seconds_check check (keep_seconds > 0 and keep_seconds <= 3155760000),
  reason text not null constraint retention_horizons_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  created_at timestamp not null default timezone('UTC', now())
);

create or replace trigger retention_horizons_refuse_update before update on retention_horizons
for each statement execute function refuse_update();

create or replace trigger retention_horizons_refuse_removal before delete or truncate on retention_horizons
for each statement execute function refuse_removal();

-- Candles: a year and a month, so that the page can draw any trade of the last year in its market. Older trades keep
-- their own prices and times; a candle can be had again from where it came.
insert into retention_horizons (table_name, keep_seconds, reason)
select seeded.table_name, seeded.days * 86400, 'the first version'
from (values ('signals', 30), ('orders', 90), ('risk_events', 90), ('candles', 400)) as seeded (table_name, days)
where not exists (select from retention_horizons as h where h.table_name = seeded.table_name);

create or replace view horizons_in_force as
select * from retention_horizons as h
where not exists (
  select from retention_horizons as newer where newer.table_name = h.table_name and newer.version > h.version
);

-- Who removes rows of a table holds its row here. Up to the watermark nothing is left to look at: a row behind it is named
-- by another one, with which it goes, or waits in retention_waiting.
create table if not exists retention_state (
  table_name text primary key,
  watermark bigint not null default 0,
  -- When the rest of the table was last searched for rows that are older than their neighbours.
  searched_at timestamp
);

insert into retention_state (table_name)
select t from unnest(array['signals', 'orders', 'risk_events', 'candles']) as t
on conflict do nothing;

-- Behind the watermark, past their horizon and named by nobody, and yet they stay for now: orders that are PENDING or
-- reserve, rows that somebody holds, rows that changed since the backup.
create table if not exists retention_waiting (
  table_name text not null,
  row_id bigint not null,
  primary key (table_name, row_id)
);

create table if not exists retention_runs (
  id bigserial primary key,
  table_name text not null,
  -- Ages count from here.
  as_of timestamp not null,
  -- What was recorded before this was to go.
  due_before timestamp not null,
  -- The verified backup that holds what went: all that was recorded before a moment, up to an id of each table (by its
  -- name), by transactions before one (`transaction`): what was open when it was taken is not in it, whatever its id.
  backup text,
  covered_until timestamp,
  covered_ids jsonb,
  outcome text not null default 'running' constraint retention_runs_outcome_check check (
    outcome in ('running', 'done', 'stopped', 'failed', 'cut_off')
  ),
  looked bigint not null default 0,
  removed bigint not null default 0,
  -- With orders go their decisions and states, and signals that nothing else names.
  with_decisions bigint not null default 0,
  with_history bigint not null default 0,
  with_signals bigint not null default 0,
  bytes bigint not null default 0,
  actor text not null default session_user,
  started_at timestamp not null default timezone('UTC', now()),
  -- While it runs: its last batch.
  ended_at timestamp not null default timezone('UTC', now())
);

-- What nothing that stays names, or names once it is released from quarantine. changed_at is when it was changed after it
-- was recorded, written_by the transaction that did so last. Row by row (offset 0 keeps it so): a batch is short and the
-- tables beside it are long, but a plan is made before that is known.
create or replace view unneeded_signals as
select s.id, s.signal_id, s.created_at, (
  select max(c.created_at) from corrections as c where c.table_name = 'signals' and c.row_id = s.id
) as changed_at, s.xmin as written_by
from signals as s
where not exists (select from orders as o where o.signal_id = s.signal_id offset 0)
  and s.signal_id not in (
    select q.row ->> 'signal_id' from quarantine as q
    where q.table_name = 'orders' and q.state = 'held' and q.row ->> 'signal_id' is not null
  );

create or replace view unneeded_orders as
select o.id, o.order_id, o.signal_id, o.created_at, greatest(o.updated_at, (
  select max(h.created_at) from order_history as h where h.order_id = o.order_id
), (
  select max(c.created_at) from corrections as c where c.table_name = 'orders' and c.row_id = o.id
)) as changed_at, o.xmin as written_by
from orders as o
where o.status <> 'PENDING'
  and not exists (select from trades as t where t.order_id = o.order_id offset 0)
  and not exists (
    select from decisions as d where d.order_id = o.order_id and d.reserved_quantity is distinct from 0 offset 0
  )
  -- Of these somebody will look up what they reserve.
  and o.order_id not in (select c.order_id from reservation_changes as c)
  and o.order_id not in (
    select q.row ->> 'order_id' from quarantine as q
    where q.table_name = 'trades' and q.state = 'held' and q.row ->> 'order_id' is not null
  );

-- A risk event names a signal in words only: it keeps none, and none keeps it.
create or replace view unneeded_risk_events as
select e.id, e.created_at, (
  select max(c.created_at) from corrections as c where c.table_name = 'risk_events' and c.row_id = e.id
) as changed_at, e.xmin as written_by
from risk_events as e;

-- Of what is drawn by the page every row has its day, whatever its market time: candles of twenty years come at once.
create index concurrently if not exists idx_candles_created_at on candles (created_at);

create or replace function set_horizon(what text, keep bigint, why text) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  before retention_horizons;
  written bigint;
begin
  if what = 'trades' then
    raise exception 'trades are kept for ever, and with them the orders and signals that they name'
      using errcode = 'check_violation', constraint = 'retention_horizons_trades', table = 'retention_horizons';
  end if;
  perform from retention_state where table_name = what for update;
  select * into before from horizons_in_force where table_name = what;
  if before.version is not null and before.keep_seconds is not distinct from keep then
    return before.version;
  end if;
  insert into retention_horizons (table_name, keep_seconds, reason) values (what, keep, why)
  returning version into written;
  return written;
end;
$$;

-- NULL where rows are kept for ever. What is younger than the backup stays, whatever its horizon.
create or replace function due_before(what text, as_of timestamp, covered_until timestamp) returns timestamp
language sql stable security definer set search_path from current as $$
  select case when keep_seconds is not null then least(as_of - keep_seconds * interval '1 second', covered_until) end
  from horizons_in_force where table_name = what;
$$;

-- Gives the number of the run; NULL where the table's rows are kept for ever. Ages count from now, or from before: nobody
-- makes a row older than it is. Without covered_until nothing asks for a backup.
create or replace function begin_retention(
  what text, backup text, covered_until timestamp, covered_ids jsonb, as_of timestamp default null
) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  moment constant timestamp := least(as_of, timezone('UTC', now()));
  due constant timestamp := due_before(what, moment, covered_until);
  written bigint;
begin
  -- Of these the process was killed: what they removed is gone, and the next run goes on from there.
  update retention_runs set outcome = 'cut_off'
  where outcome = 'running' and ended_at < timezone('UTC', now()) - interval '10 minutes';
  -- A quarter of a year of hourly runs.
  delete from retention_runs where id <= (select id from retention_runs order by id desc offset 9999 limit 1);
  if due is not null then
    insert into retention_runs (table_name, as_of, due_before, backup, covered_until, covered_ids)
    values (what, moment, due, backup, covered_until, covered_ids)
    returning id into written;
  end if;
  return written;
end;
$$;

-- Whether a row as it stands was written by a transaction that a snapshot has seen the end of: one before the oldest that
-- was open then. The number of a row has no epoch, so a snapshot of two billion transactions ago has seen nothing; nor has
-- one from the time to come, of a server that was brought back to before it.
create or replace function was_seen(written_by xid, open_from xid8) returns boolean
language sql stable as $$
  select open_from is null or (
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - open_from::text::bigint between 0 and 2000000000
    and age(written_by) > age(open_from::xid)
  );
$$;

-- Of rows those that nothing names and nobody holds, locked: from here on nobody can name them. Whoever is about to holds
-- the row, and is not waited for.
create or replace function lock_unneeded(
  what text, ids bigint[], covered_until timestamp, open_from xid8
) returns bigint[]
language plpgsql set search_path from current as $$
declare
  unneeded constant text := format(
    'select array(
       select id from %I
       where id = any ($1) and ($2 is null or coalesce(changed_at < $2, true)) and was_seen(written_by, $3)
     )', 'unneeded_' || what
  );
  found bigint[];
begin
  execute unneeded into found using ids, covered_until, open_from;
  execute format('select array(select id from %I where id = any ($1) for update skip locked)', what) into found using found;
  -- Again, by a snapshot from after the locks: what was committed in between names or changed them.
  execute unneeded into found using found, covered_until, open_from;
  return found;
end;
$$;

create or replace function remove_rows(
  what text, key text, keys anyarray, out removed bigint, out size bigint
)
language plpgsql set search_path from current as $$
begin
  insert into permits (table_name, action, reason) values (what, 'delete', 'retention');
  execute format(
    'with gone as (delete from %I as t where %I = any ($1) returning pg_column_size(t.*) as size)
     select count(*), coalesce(sum(size), 0) from gone', what, key
  ) into removed, size using keys;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'delete';
end;
$$;

-- Removes locked orders with all that is theirs alone. A signal that is left behind, being too young, is one that nothing
-- names: the watermark of signals goes back before it.
create or replace function remove_orders(ids bigint[], r retention_runs) returns retention_runs
language plpgsql set search_path from current as $$
declare
  order_ids text[];
  signal_ids text[];
  due constant timestamp := due_before('signals', r.as_of, r.covered_until);
  last_covered constant bigint := (r.covered_ids ->> 'signals')::bigint;
  alone bigint[];
  gone bigint[];
  one record;
begin
  select array_agg(order_id), array_agg(distinct signal_id) filter (where signal_id is not null)
  into order_ids, signal_ids
  from orders where id = any (ids);
  one := remove_rows('decisions', 'order_id', order_ids);
  r.with_decisions := r.with_decisions + one.removed;
  r.bytes := r.bytes + one.size;
  one := remove_rows('order_history', 'order_id', order_ids);
  r.with_history := r.with_history + one.removed;
  r.bytes := r.bytes + one.size;
  one := remove_rows('orders', 'id', ids);
  r.removed := r.removed + one.removed;
  r.bytes := r.bytes + one.size;
  alone := array(select id from unneeded_signals where signal_id = any (signal_ids));
  gone := lock_unneeded('signals', array(
    select id from signals where id = any (alone) and created_at < due and id <= coalesce(last_covered, id)
  ), r.covered_until, (r.covered_ids ->> 'transaction')::xid8);
  one := remove_rows('signals', 'id', gone);
  r.with_signals := r.with_signals + one.removed;
  r.bytes := r.bytes + one.size;
  update retention_state as s set watermark = least(s.watermark, left_behind.id - 1)
  from (select min(id) as id from unnest(alone) as id where id <> all (gone)) as left_behind
  where s.table_name = 'signals' and left_behind.id is not null;
  return r;
end;
$$;

-- Removes of rows that are past their horizon those that nothing names, and keeps a list of those that stay for another
-- reason than that.
create or replace function remove_due(ids bigint[], r retention_runs) returns retention_runs
language plpgsql set search_path from current as $$
declare
  gone constant bigint[] := lock_unneeded(
    r.table_name, ids, r.covered_until, (r.covered_ids ->> 'transaction')::xid8
  );
  waiting bigint[];
  one record;
begin
  if r.table_name = 'orders' then
    r := remove_orders(gone, r);
    waiting := array(
      select o.id from orders as o
      where o.id = any (ids) and not exists (select from trades as t where t.order_id = o.order_id offset 0)
    );
  else
    one := remove_rows(r.table_name, 'id', gone);
    r.removed := r.removed + one.removed;
    r.bytes := r.bytes + one.size;
    execute format('select array(select id from %I where id = any ($1))', 'unneeded_' || r.table_name)
    into waiting using ids;
  end if;
  delete from retention_waiting as w
  where w.table_name = r.table_name and w.row_id = any (ids) and w.row_id not in (select unnest(waiting));
  insert into retention_waiting (table_name, row_id) select r.table_name, unnest(waiting) on conflict do nothing;
  return r;
end;
$$;

-- No other table names a candle, and each has its day: they go in the order of it.
create or replace function remove_candles(batch_size integer, due timestamp, r retention_runs) returns retention_runs
language plpgsql set search_path from current as $$
declare
  gone record;
begin
  with gone_now as (
    delete from candles as c
    where ctid = any (array(
      select ctid from candles
      where created_at < due and was_seen(xmin, (r.covered_ids ->> 'transaction')::xid8)
      order by created_at limit batch_size for update skip locked
    ))
    returning pg_column_size(c.*) as size
  )
  select count(*) as removed, coalesce(sum(size), 0) as size into gone from gone_now;
  r.looked := r.looked + gone.removed;
  r.removed := r.removed + gone.removed;
  r.bytes := r.bytes + gone.size;
  return r;
end;
$$;

-- Looks at the next rows of a run's table after an id, by default after the watermark, and removes those that are due and
-- that nothing names; of_waiting looks at those that wait. A transaction that is short and waits for nobody. is_last: the
-- rows that follow are an hour younger than what is due (ids and times are only nearly in one order), or there are none.
create or replace function retain(
  run_id bigint, batch_size integer, after_id bigint default null, of_waiting boolean default false,
  out looked bigint, out looked_to bigint, out removed bigint, out is_last boolean
)
language plpgsql security definer set search_path from current set lock_timeout to '1s' as $$
declare
  r retention_runs;
  before retention_runs;
  due timestamp;
  mark bigint;
  due_ids bigint[];
  young_id bigint;
begin
  -- Rows that are there again after a crash go again, and so nobody's commit waits on the disk behind this one's.
  perform set_config('synchronous_commit', 'off', true);
  select * into r from retention_runs where id = run_id for update;
  if r.outcome is distinct from 'running' then
    raise exception 'run % of retention is %', run_id, coalesce(r.outcome, 'not recorded')
      using errcode = 'check_violation', constraint = 'retention_runs_running', table = 'retention_runs';
  end if;
  before := r;
  perform from retention_state
  where table_name = r.table_name or (r.table_name = 'orders' and table_name = 'signals')
  order by table_name for update;
  select watermark into mark from retention_state where table_name = r.table_name;
  -- As it is in force now: where somebody has lengthened the horizon meanwhile, that holds.
  due := due_before(r.table_name, r.as_of, r.covered_until);
  if due is null then
    looked := 0;
  elsif r.table_name = 'candles' then
    r := remove_candles(batch_size, least(due, r.due_before), r);
    looked := r.looked - before.looked;
  else
    due := least(due, r.due_before);
    execute format(
      case when of_waiting then
        'select array_agg(t.id) filter (where t.created_at < $1), count(*), max(w.row_id), null::bigint, count(*) < $4
         from (
           select row_id from retention_waiting where table_name = %1$L and row_id > $2 order by row_id limit $4
         ) as w left join %1$I as t on t.id = w.row_id'
      else
        'select array_agg(id) filter (where created_at < $1), count(*), max(id),
           min(id) filter (where created_at >= least($1, $5 - interval ''1 hour'') and created_at <= $5),
           count(*) < $4 or bool_or(created_at >= $1 + interval ''1 hour'' and created_at <= $5)
         from (select id, created_at from %1$I where id > $2 and id <= coalesce($3, id) order by id limit $4) as t'
      end, r.table_name
    )
    into due_ids, looked, looked_to, young_id, is_last
    using due, coalesce(after_id, case when of_waiting then 0 else mark end),
      (r.covered_ids ->> r.table_name)::bigint, batch_size, timezone('UTC', now());
    r.looked := r.looked + looked;
    if due_ids is not null then
      r := remove_due(due_ids, r);
    end if;
    -- Only from the watermark on, without a gap, and not beyond the last row before the first that was too young: between
    -- them may come old ones that somebody is still importing.
    if not of_waiting and coalesce(after_id, mark) = mark then
      update retention_state
      set watermark = case
        when young_id is null then looked_to
        else coalesce((select max(id) from unnest(due_ids) as id where id < young_id), watermark)
      end
      where table_name = r.table_name and looked > 0;
    end if;
  end if;
  removed := r.removed - before.removed;
  is_last := coalesce(is_last, looked < batch_size);
  update retention_runs as x set
    looked = r.looked, removed = r.removed, with_decisions = r.with_decisions, with_history = r.with_history,
    with_signals = r.with_signals, bytes = r.bytes, ended_at = timezone('UTC', clock_timestamp())
  where x.id = run_id;
end;
$$;

create or replace function end_retention(run_id bigint, how text, was_searched boolean) returns void
language sql security definer set search_path from current as $$
  update retention_state set searched_at = timezone('UTC', now())
  where was_searched and table_name = (select table_name from retention_runs where id = run_id);
  update retention_runs set outcome = how, ended_at = timezone('UTC', clock_timestamp())
  where id = run_id and outcome = 'running';
$$;

revoke execute on function
  set_horizon(text, bigint, text), due_before(text, timestamp, timestamp),
  begin_retention(text, text, timestamp, jsonb, timestamp), was_seen(xid, xid8),
  lock_unneeded(text, bigint[], timestamp, xid8),
  remove_rows(text, text, anyarray), remove_orders(bigint[], retention_runs), remove_due(bigint[], retention_runs),
  remove_candles(integer, timestamp, retention_runs), retain(bigint, integer, bigint, boolean),
  end_retention(bigint, text, boolean)
from public;

-- By default a table is vacuumed when a fifth of it is dead: of ten million signals two million, a week's worth. A day's is a
-- thirtieth, and should be there to be used again on the same day.
alter table signals set (autovacuum_vacuum_scale_factor = 0.02);

alter table orders set (autovacuum_vacuum_scale_factor = 0.02);

alter table risk_events set (autovacuum_vacuum_scale_factor = 0.02);

alter table decisions set (autovacuum_vacuum_scale_factor = 0.02);

alter table order_history set (autovacuum_vacuum_scale_factor = 0.02);

alter table candles set (autovacuum_vacuum_scale_factor = 0.02);
