-- title: 64-bit ids and recording times in UTC beside running writers: a second column, filled in batches, then a swap
-- version: 1.2
-- breaking: yes
-- transaction: no
-- locks: access exclusive on each table twice for a moment; id becomes the last column
-- for: signals, orders, trades, risk_events
-- let wide: (select bool_and(case attname when 'id' then atttypid = 'bigint'::regtype when 'created_at' then pg_get_expr(adbin, adrelid) like '%UTC%' else false end) from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid = '{table}'::regclass and attname in ('id', 'created_at', 'id_wide'))

create or replace function copy_id() returns trigger
language plpgsql as $$
begin
  new.id_wide := new.id;
  return new;
end;
$$;

-- A row without id_wide is one from before its trigger: its times are brought to UTC with the same update.
create or replace function copy_ids(what text, first_id bigint, last_id bigint) returns bigint
language plpgsql set search_path from current as $$
declare
  times text;
  copied bigint;
begin
  select string_agg(format(', %1$I = recorded_utc(%1$I)', attname), '') into times
  from pg_attribute
  where attrelid = what::regclass and attname in ('created_at', 'updated_at');
  execute format(
    'update %1$I set id_wide = id%2$s where id > $1 and id <= $2 and id_wide is null', what, times
  ) using first_id, last_id;
  get diagnostics copied = row_count;
  return copied;
end;
$$;

-- unless: {wide} or exists (select from pg_trigger where tgrelid = '{table}'::regclass and tgname = 'a_copy_id')
begin;

lock table {table} in access exclusive mode;

do $$
declare
  time name;
begin
  for time in
    select attname from pg_attribute
    where attrelid = '{table}'::regclass and attname in ('created_at', 'updated_at')
  loop
    execute format('alter table {table} alter column %I set default timezone(''UTC'', now())', time);
  end loop;
end;
$$;

create trigger a_copy_id before insert or update of id on {table}
for each row execute function copy_id();

commit;

-- unless: {wide}
-- batches: {table}
select copy_ids('{table}', $1, $2);

-- unless: {wide}
create unique index concurrently if not exists {table}_id_wide_key on {table} (id_wide);

-- The swap needs a NOT NULL that is proved already: else it would read the table under its lock.
-- unless: {wide}
alter table {table} add constraint {table}_id_wide_check check (id_wide is not null) not valid;

-- unless: {wide}
alter table {table} validate constraint {table}_id_wide_check;

-- unless: {wide}
begin;

lock table {table} in access exclusive mode;

-- A publication may send updates by the primary key.
select set_config('claire.replica_identity', (
  select indisreplident::text from pg_index where indexrelid = '{table}_pkey'::regclass
), true);

drop trigger a_copy_id on {table};

alter sequence {table}_id_seq owned by none;

-- Only from one name to the next of this transaction: clients find an id before it and after it.
-- squawk-ignore ban-drop-column
alter table {table} drop column id;

-- No client knows id_wide.
-- squawk-ignore renaming-column
alter table {table} rename column id_wide to id;

-- Proved by {table}_id_wide_check, so nothing is read.
-- squawk-ignore adding-not-nullable-field
alter table {table} alter column id set not null;

alter table {table}
  drop constraint {table}_id_wide_check,
  alter column id set default nextval('{table}_id_seq'),
  add constraint {table}_pkey primary key using index {table}_id_wide_key;

alter sequence {table}_id_seq as bigint owned by {table}.id;

do $$
begin
  if current_setting('claire.replica_identity') = 'true' then
    alter table {table} replica identity using index {table}_pkey;
  end if;
end;
$$;

commit;
