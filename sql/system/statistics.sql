-- Statistics of one database, of all its books together: what `claire queries` and the doctor read. Nothing of any record:
-- dropped and made again where this file is another, so whatever is here may go at any time. Made by whoever runs
-- `claire up`, who owns it.
create schema if not exists claire_system;

drop table if exists
  claire_system.sampling, claire_system.statements, claire_system.statement_samples,
  claire_system.operation_samples, claire_system.size_samples;
drop function if exists claire_system.without_values(text);
drop function if exists claire_system.prune();
drop function if exists claire_system.sample_statements(timestamptz, text, boolean, boolean);
drop function if exists claire_system.sample(double precision);
drop function if exists claire_system.record_operations(jsonb);

-- How far the sampler has come. One row.
create table claire_system.sampling (
  one boolean primary key default true check (one),
  started_at timestamptz not null default clock_timestamp(),
  -- When statements were last sampled, and when they were last found to be not countable here.
  statements_at timestamptz,
  sizes_at timestamptz,
  stats_reset timestamptz,
  missing text
);
insert into claire_system.sampling default values;

-- Counters of pg_stat_statements as they stood at the last sample, and of those that were among the largest the text.
create table claire_system.statements (
  query_id bigint not null,
  role text not null,
  operation text,
  text text,
  calls bigint not null,
  total_ms double precision not null,
  rows bigint not null,
  blocks_hit bigint not null,
  blocks_read bigint not null,
  temp_blocks bigint not null,
  primary key (query_id, role)
) with (fillfactor = 50);

-- What a minute added to them. A row without query_id: all the statements that were not among the largest.
create table claire_system.statement_samples (
  at timestamptz not null,
  query_id bigint,
  role text,
  calls bigint not null,
  total_ms double precision not null,
  rows bigint not null,
  blocks_hit bigint not null,
  blocks_read bigint not null,
  temp_blocks bigint not null
);
create index idx_statement_samples_at on claire_system.statement_samples (at);

-- Calls of the library, as each service measured them in a minute of its own.
create table claire_system.operation_samples (
  at timestamptz not null,
  book text not null check (length(book) <= 63),
  service text not null check (length(service) <= 63),
  operation text not null check (operation ~ '^[A-Za-z]{1,63}$'),
  calls bigint not null check (calls > 0),
  errors jsonb not null check (jsonb_typeof(errors) = 'object' and length(errors::text) <= 2000),
  total_ms double precision not null check (total_ms >= 0 and total_ms < 'infinity'),
  p95_ms double precision check (p95_ms >= 0 and p95_ms < 'infinity'),
  buckets bigint[] not null check (cardinality(buckets) between 1 and 64 and 0 <= all (buckets))
);
create index idx_operation_samples_at on claire_system.operation_samples (at);

create table claire_system.size_samples (
  at timestamptz not null,
  database_bytes bigint not null
);
create index idx_size_samples_at on claire_system.size_samples (at);

-- The text without anything that might be a value. pg_stat_statements puts placeholders for constants, but not in
-- statements that are no queries, and not where it had to forget a statement while it ran.
create function claire_system.without_values(text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when s !~* '^[\s(]*(select|insert|update|delete|merge|with|values|table)\y' then substring(s from '^\s*(\w+(?:\s+\w+)?)')
    -- Text between dollars may hold anything.
    when s ~ '\$([A-Za-z_]\w*)?\$' then substring(s from '^[\s(]*(\w+)')
    else left(btrim(regexp_replace(regexp_replace(s, '(?<![\w$.])\d[\w.]*', '?', 'g'), '\s+', ' ', 'g')), 2000)
  end
  from (
    -- In one pass, because either may hold what looks like the beginning of the other. Of a literal a quote is left.
    select replace(regexp_replace(
      $1, $re$(?:\m[eE](')(?:[^'\\]|''|\\.)*|(')(?:[^']|'')*)(?:'|$)|/\*(?:[^*]|\*+[^*/])*\*+/|--[^\n]*$re$, ' \1\2', 'g'
    ), '''', '?') as s
  ) as stripped
$$;

-- Samples are kept for 14 days, and of each kind so many rows at most; the oldest go first.
create function claire_system.prune() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kept record;
begin
  for kept in values ('statement_samples', 500000), ('operation_samples', 300000), ('size_samples', 5000) loop
    execute format(
      'delete from claire_system.%1$I where at < clock_timestamp() - interval ''14 days''
         or at <= (select at from claire_system.%1$I order by at desc offset %2$s limit 1)',
      kept.column1, kept.column2
    );
  end loop;
end $$;

-- Writes by how much the counters of each statement grew since the last sample: the fifty that took most time each, the others
-- together. `is_base`: they are only taken down, because nobody knows in which time they grew. `forgets`: statements that
-- neither the server nor a sample knows any more go.
create function claire_system.sample_statements(
  moment timestamptz, extension text, is_base boolean, forgets boolean
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  reset_at timestamptz;
  was_reset boolean;
begin
  execute format('select stats_reset from %s.pg_stat_statements_info', extension) into reset_at;
  select s.stats_reset is distinct from reset_at into was_reset from claire_system.sampling as s;
  execute format($sql$
    with seen as materialized (
      select queryid as query_id, pg_get_userbyid(userid)::text as role, calls, total_exec_time as total_ms, rows,
        shared_blks_hit as blocks_hit, shared_blks_read as blocks_read,
        temp_blks_read + temp_blks_written as temp_blocks
      from %s.pg_stat_statements(false)
      where dbid = (select oid from pg_database where datname = current_database())
        and toplevel and queryid is not null
    ), gone as (
      delete from claire_system.statements as o
      where not exists (select from seen as n where (n.query_id, n.role) = (o.query_id, o.role))
        and not exists (
          select from claire_system.statement_samples as m where (m.query_id, m.role) = (o.query_id, o.role)
        ) and $4
    ), changed as (
      select n.*, n.calls - k * coalesce(o.calls, 0) as more_calls, n.total_ms - k * coalesce(o.total_ms, 0) as more_ms,
        n.rows - k * coalesce(o.rows, 0) as more_rows, n.blocks_hit - k * coalesce(o.blocks_hit, 0) as more_hit,
        n.blocks_read - k * coalesce(o.blocks_read, 0) as more_read,
        n.temp_blocks - k * coalesce(o.temp_blocks, 0) as more_temp
      from seen as n left join claire_system.statements as o using (query_id, role)
      -- Counters that are smaller than they were began anew: all that they hold is new.
      cross join lateral (select case when $3 or n.calls < o.calls or n.total_ms < o.total_ms then 0 else 1 end as k) as began
      where o.calls is null or n.calls <> o.calls or $3
    ), taken_down as (
      insert into claire_system.statements as o
        (query_id, role, calls, total_ms, rows, blocks_hit, blocks_read, temp_blocks)
      select query_id, role, calls, total_ms, rows, blocks_hit, blocks_read, temp_blocks from changed
      on conflict (query_id, role) do update set calls = excluded.calls, total_ms = excluded.total_ms,
        rows = excluded.rows, blocks_hit = excluded.blocks_hit, blocks_read = excluded.blocks_read,
        temp_blocks = excluded.temp_blocks
    ), ranked as (
      select *, row_number() over (order by more_ms desc) <= 50 as is_large from changed where more_calls > 0
    )
    insert into claire_system.statement_samples
    select $1, case when is_large then query_id end, case when is_large then role end, sum(more_calls), sum(more_ms),
      sum(more_rows), sum(more_hit), sum(more_read), sum(more_temp)
    from ranked where not $2 group by 2, 3
  $sql$, extension) using moment, is_base, was_reset, forgets;
  update claire_system.sampling set stats_reset = reset_at;
  -- Texts lie in a file, which is read for those that are new only.
  if exists (
    select from claire_system.statement_samples as m join claire_system.statements as s using (query_id, role)
    where m.at = moment and s.text is null
  ) then
    execute format($sql$
      update claire_system.statements as s
      set operation = substring(q.query from '/\* claire ([A-Za-z]{1,63}) \*/\s*$'),
        text = coalesce(claire_system.without_values(q.query), '')
      from %s.pg_stat_statements(true) as q
      where q.queryid = s.query_id and pg_get_userbyid(q.userid) = s.role and q.toplevel
        and q.dbid = (select oid from pg_database where datname = current_database()) and s.text is null
        and exists (
          select from claire_system.statement_samples as m
          where m.at = $1 and (m.query_id, m.role) = (s.query_id, s.role)
        )
    $sql$, extension) using moment;
  end if;
end $$;

-- One turn of the sampler, unless there was one within so many seconds or another is in it. Gives what cannot be sampled here;
-- null: nothing is missing.
create function claire_system.sample(least_seconds double precision) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  moment constant timestamptz := clock_timestamp();
  state claire_system.sampling;
  extension text;
  prunes boolean;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('claire sampling', 0)) then
    return null;
  end if;
  select * into strict state from claire_system.sampling;
  if state.statements_at > moment - make_interval(secs => least_seconds) then
    return state.missing;
  end if;
  -- Half a minute less than ten, or a turn that comes a moment early would make it eleven.
  prunes := coalesce(state.sizes_at < moment - interval '9 minutes 30 seconds', true);
  if prunes then
    insert into claire_system.size_samples values (moment, pg_database_size(current_database()));
    perform claire_system.prune();
    update claire_system.sampling set sizes_at = moment;
  end if;
  state.missing := null;
  select quote_ident(n.nspname) into extension
  from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements';
  if extension is null then
    state.missing := 'extension';
  else
    begin
      perform claire_system.sample_statements(
        moment, extension,
        coalesce(state.statements_at < moment - interval '5 minutes', true) or state.stats_reset is null, prunes
      );
    exception
      when object_not_in_prerequisite_state then state.missing := 'library';
      when undefined_table or undefined_column or undefined_function then state.missing := 'version';
    end;
  end if;
  update claire_system.sampling set statements_at = moment, missing = state.missing;
  return state.missing;
end $$;

-- For whoever connects, because every service measures its own calls and none may have a right on the tables. What it can do at
-- worst is to make the statistics wrong: numbers only, 2,000 rows a minute at most, and nothing is read back.
create function claire_system.record_operations(given jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if length(given::text) > 100000 then
    raise exception 'too long' using errcode = 'program_limit_exceeded';
  end if;
  if (
    select count(*) from (
      select from claire_system.operation_samples where at > clock_timestamp() - interval '1 minute' limit 2000
    ) as recent
  ) >= 2000 then
    return;
  end if;
  insert into claire_system.operation_samples
  select clock_timestamp(), given ->> 'book', given ->> 'service', operation, calls, errors, total_ms, p95_ms, buckets
  from jsonb_to_recordset(given -> 'operations') as o (
    operation text, calls bigint, errors jsonb, total_ms double precision, p95_ms double precision, buckets bigint[]
  )
  limit 200;
end $$;

revoke all on function claire_system.without_values(text), claire_system.prune(), claire_system.sample(double precision),
  claire_system.sample_statements(timestamptz, text, boolean, boolean) from public;
-- Who may read the server's own statistics may read these.
grant usage on schema claire_system to public;
grant select on claire_system.sampling, claire_system.statements, claire_system.statement_samples,
  claire_system.operation_samples, claire_system.size_samples to pg_read_all_stats;
