-- title: 64-bit ids and recording times in UTC, where a table is so small that rewriting it is a matter of milliseconds
-- version: 1.2
-- breaking: no
-- transaction: no
-- locks: access exclusive on each table of up to 2 MB, indexes and all, while it is rewritten
-- for: signals, orders, trades, risk_events
-- let wide: (select bool_and(case attname when 'id' then atttypid = 'bigint'::regtype when 'created_at' then pg_get_expr(adbin, adrelid) like '%UTC%' else false end) from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid = '{table}'::regclass and attname in ('id', 'created_at', 'id_wide'))

-- makes: {wide}
-- unless: {wide} or pg_total_relation_size('{table}') > 2097152
do $$
declare
  times text;
begin
  lock table {table} in access exclusive mode;
  select string_agg(format(
    'alter column %1$I type timestamp using recorded_utc(%1$I), alter column %1$I set default timezone(''UTC'', now())',
    attname
  ), ', ') into times
  from pg_attribute
  where attrelid = '{table}'::regclass and attname in ('created_at', 'updated_at');
  execute 'alter table {table} drop column if exists id_wide, alter column id type bigint, ' || times;
  alter sequence {table}_id_seq as bigint;
end;
$$;
