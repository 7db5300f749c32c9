-- title: A log of what changed, who did it, tokens for HTTP, and answers that are given once
-- version: 1.5
-- breaking: no
-- transaction: no
-- locks: share row exclusive on orders, trades, risk_events, halts, limits; access exclusive on limits, capital, halts, decisions, order_history, corrections, quarantine, retention_horizons, retention_runs: each for a moment

-- The login, and whom it says it acts for in this transaction (set_config('claire.actor', …, true)). What stands before the
-- bracket cannot be given.
create or replace function actor() returns text
language sql stable as $$
  select session_user::text || coalesce(' (' || left(nullif(current_setting('claire.actor', true), ''), 100) || ')', '');
$$;

-- Tables are named here, once, in which a login stood until now.
alter table limits alter column actor set default actor();

alter table capital alter column actor set default actor();

alter table halts alter column actor set default actor();

alter table decisions alter column actor set default actor();

alter table order_history alter column actor set default actor();

alter table corrections alter column actor set default actor();

alter table quarantine alter column actor set default actor();

alter table retention_horizons alter column actor set default actor();

alter table retention_runs alter column actor set default actor();

-- These wrote it themselves. Nothing else of them changes, so their text is not written again.
do $$
declare
  changed text;
begin
  foreach changed in array array[
    'set_limits(jsonb, text, text, boolean)', 'halt_trading(text, bigint, bigint)', 'decide_quarantined(bigint, text, text)',
    'record_corrections(text, bigint, jsonb, jsonb, text, text)',
    'candidates_of(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[], limits)',
    'direct_candidate(text, text, text, text, numeric, numeric, bigint, bigint, limits)'
  ] loop
    execute replace(pg_get_functiondef(changed::regprocedure), 'session_user', 'actor()');
  end loop;
end;
$$;

-- What changed, a row a statement, so that a batch costs what a single row does. Written by the statement's own transaction.
-- Who reads goes by (xid, id), below the oldest transaction that is still open: nothing comes in before what was read. The
-- oldest row was read by everybody who missed nothing: it stays when others go, to tell who missed something.
create table if not exists record_log (
  id bigserial,
  xid xid8 not null default pg_current_xact_id(),
  what text not null,
  action text not null,
  -- Of the rows, in the order in which they are told.
  ids bigint[] not null,
  -- Positions that moved without a row of trades to tell it by: side and symbol.
  places text[] not null default '{}',
  actor text not null default actor(),
  created_at timestamp not null default timezone('UTC', clock_timestamp()),
  primary key (xid, id)
  -- Rows go from one end, a minute's at a time.
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

insert into record_log (what, action, ids)
select 'log', 'begin', '{}' where not exists (select from record_log);

create or replace function log_rows() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  what constant text := tg_argv[0];
  found bigint[];
  left_behind text[];
begin
  if tg_op = 'UPDATE' then
    found := array(
      select n.id from new_rows as n join old_rows as o on o.id = n.id where n is distinct from o order by n.id
    );
  elsif what = 'limits' then
    found := array(select version from new_rows order by version);
  elsif tg_op = 'INSERT' then
    found := array(select id from new_rows order by id);
  end if;
  if cardinality(found) > 0 then
    insert into record_log (what, action, ids) values (what, lower(tg_op), found);
  end if;
  if what <> 'trade' or tg_op = 'INSERT' then
    return null;
  end if;
  -- Into quarantine, or corrected: the position that it left is told by no trade.
  if tg_op = 'DELETE' then
    left_behind := array(select distinct side || ' ' || symbol from old_rows order by 1);
  else
    left_behind := array(
      select distinct o.side || ' ' || o.symbol from new_rows as n join old_rows as o on o.id = n.id
      where (o.side, o.symbol) is distinct from (n.side, n.symbol) order by 1
    );
  end if;
  if cardinality(left_behind) > 0 then
    insert into record_log (what, action, ids, places) values ('position', lower(tg_op), '{}', left_behind);
  end if;
  return null;
end;
$$;

create or replace trigger orders_record_log_insert after insert on orders
referencing new table as new_rows
for each statement execute function log_rows('order');

create or replace trigger orders_record_log_update after update on orders
referencing old table as old_rows new table as new_rows
for each statement execute function log_rows('order');

create or replace trigger trades_record_log_insert after insert on trades
referencing new table as new_rows
for each statement execute function log_rows('trade');

create or replace trigger trades_record_log_update after update on trades
referencing old table as old_rows new table as new_rows
for each statement execute function log_rows('trade');

create or replace trigger trades_record_log_delete after delete on trades
referencing old table as old_rows
for each statement execute function log_rows('trade');

create or replace trigger risk_events_record_log_insert after insert on risk_events
referencing new table as new_rows
for each statement execute function log_rows('risk_event');

create or replace trigger halts_record_log_insert after insert on halts
referencing new table as new_rows
for each statement execute function log_rows('halt');

create or replace trigger limits_record_log_insert after insert on limits
referencing new table as new_rows
for each statement execute function log_rows('limits');

-- Removes what is older than a day, or beyond the newest million rows (a day of twelve statements a second), but the last
-- of it. At most batch_size rows of the log, the oldest; gives how many went.
create or replace function prune_record_log(batch_size integer default 10000) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  gone bigint;
begin
  delete from record_log as l
  using (
    select o.xid, o.id, bool_or(o.stays) over (order by o.xid, o.id) as stays,
      lead(o.stays, 1, true) over (order by o.xid, o.id) as is_last
    from (
      select xid, id,
        created_at >= timezone('UTC', now()) - interval '24 hours'
        and id > (select last_value from record_log_id_seq) - 1000000 as stays
      from record_log order by xid, id limit batch_size
    ) as o
  ) as oldest
  where not oldest.stays and not oldest.is_last and l.xid = oldest.xid and l.id = oldest.id;
  get diagnostics gone = row_count;
  return gone;
end;
$$;

-- Whoever shows a token acts with its role, in this book. The secret itself is nowhere; it has 256 random bits, so that
-- its plain hash tells nothing. Credentials as the passwords of logins are: no backup holds them.
create table if not exists tokens (
  token_id text primary key constraint tokens_token_id_check check (token_id ~ '^[a-z0-9]{12}$'),
  name text not null constraint tokens_name_check check (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$'),
  role text not null constraint tokens_role_check check (
    role in ('signal_engine', 'risk_manager', 'execution_service', 'claire_reader', 'claire_operator', 'claire')
  ),
  hash bytea not null constraint tokens_hash_check check (length(hash) = 32),
  created_at timestamp not null default timezone('UTC', now()),
  created_by text not null default actor(),
  revoked_at timestamp,
  revoked_by text,
  last_used_day date
);

create or replace function create_token(new_id text, new_name text, for_role text, secret_hash bytea) returns void
language plpgsql security definer set search_path from current set lock_timeout to '2s' as $$
begin
  -- Two at once would both find that the name is free.
  lock table tokens in share row exclusive mode;
  if exists (select from tokens where name = new_name and revoked_at is null) then
    raise exception 'there is a token called %', new_name
      using errcode = 'unique_violation', constraint = 'tokens_name_taken', table = 'tokens';
  end if;
  insert into tokens (token_id, name, role, hash) values (new_id, new_name, for_role, secret_hash);
end;
$$;

-- Gives when it was revoked, by this or before; NULL where there is none.
create or replace function revoke_token(wanted text) returns timestamp
language plpgsql security definer set search_path from current as $$
begin
  update tokens set revoked_at = timezone('UTC', now()), revoked_by = actor()
  where token_id = wanted and revoked_at is null;
  return (select revoked_at from tokens where token_id = wanted);
end;
$$;

-- For who compares the secret: a token that holds.
create or replace function token_of(wanted text) returns tokens
language sql stable security definer set search_path from current as $$
  select * from tokens where token_id = wanted and revoked_at is null;
$$;

create or replace function mark_token_used(wanted text) returns void
language sql security definer set search_path from current as $$
  update tokens set last_used_day = timezone('UTC', now())::date
  where token_id = wanted and last_used_day is distinct from timezone('UTC', now())::date;
$$;

-- What was answered to a write with a key, by the same transaction. The same key again within a day gets it again.
create table if not exists idempotency_keys (
  caller text not null,
  key text not null,
  request_hash text not null,
  status bigint not null,
  -- As it was sent: a column of JSON would write it in another order.
  answer text not null,
  created_at timestamp not null default timezone('UTC', now()),
  primary key (caller, key)
);

-- Nobody has written to a table that was made just above.
-- squawk-ignore require-concurrent-index-creation
create index if not exists idx_idempotency_keys_created_at on idempotency_keys (created_at);

-- Waits for whoever works with the same key; then gives its answer, or NULL where there is none: that is for the caller to
-- work out. A caller is of a login, which cannot be given.
create or replace function answer_kept(by text, wanted text) returns idempotency_keys
language plpgsql security definer set search_path from current as $$
declare
  whose constant text := session_user || ' ' || by;
  kept idempotency_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || whose || ' ' || wanted, 32));
  select * into kept from idempotency_keys as k where k.caller = whose and k.key = wanted;
  return kept;
end;
$$;

create or replace function keep_answer(by text, new_key text, hash text, status bigint, answer text) returns void
language sql security definer set search_path from current as $$
  insert into idempotency_keys (caller, key, request_hash, status, answer)
  values (session_user || ' ' || by, new_key, hash, status, answer);
$$;

create or replace function prune_answers(batch_size integer default 10000) returns bigint
language plpgsql security definer set search_path from current as $$
declare
  gone bigint;
begin
  delete from idempotency_keys where ctid = any (array(
    select ctid from idempotency_keys where created_at < timezone('UTC', now()) - interval '24 hours' limit batch_size
  ));
  get diagnostics gone = row_count;
  return gone;
end;
$$;

revoke execute on function
  actor(), log_rows(), prune_record_log(integer), create_token(text, text, text, bytea), revoke_token(text), token_of(text),
  mark_token_used(text), answer_kept(text, text), keep_answer(text, text, text, bigint, text), prune_answers(integer)
from public;
