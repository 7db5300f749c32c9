-- title: Corrections, permits, and the one way to mend many old rows at once
-- version: 1.2
-- breaking: no
-- transaction: no
-- locks: none on what exists; creates tables

create table if not exists corrections (
  id bigserial primary key,
  table_name text not null,
  -- NULL: every row of the table from before 1.2.
  row_id bigint,
  column_name text not null,
  before jsonb,
  after jsonb,
  law text,
  reason text not null constraint corrections_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  actor text not null default session_user,
  version text not null,
  created_at timestamp not null default timezone('UTC', now())
);

-- Nobody has written to a table that was made just above.
-- squawk-ignore require-concurrent-index-creation
create index if not exists idx_corrections_table_row on corrections (table_name, row_id);

-- A row here lets the transaction that wrote it delete from, or correct, one table. Only functions write it.
create table if not exists permits (
  transaction_id xid8 not null default pg_current_xact_id(),
  table_name text not null,
  action text not null constraint permits_action_check check (action in ('correct', 'delete')),
  reason text not null constraint permits_reason_check check (btrim(reason, e' \t\n\r') <> ''),
  primary key (transaction_id, table_name, action)
);

-- Brings columns of old rows to their one possible meaning and records each value that changes by it, profit that
-- follows included. wanted: {column: {is: SQL over t and source, law, why}}. Gives the number of rows.
create or replace function mend_rows(
  what text, first_id bigint, last_id bigint, wanted jsonb, source text default ''
) returns bigint
language plpgsql set search_path from current as $$
declare
  columns text;
  computed text;
  mended bigint;
begin
  select string_agg(format('%I', key), ', '), string_agg(value ->> 'is', ', ') into columns, computed
  from jsonb_each(wanted);
  -- The guards of recorded rows let it pass; a second call of one transaction finds its permit there.
  insert into permits (table_name, action, reason) values (what, 'correct', 'old rows') on conflict do nothing;
  execute format(
    $sql$
      with found as (
        select t.id, to_jsonb(t) as before, %2$s
        from %1$I as t%5$s
        where t.id > $1 and t.id <= $2 and row(%3$s) is distinct from row(%4$s)
        -- What a client changes meanwhile is read again: else the update would write back what stood there before.
        for no key update of t
      ),
      changed as (
        update %1$I as t set (%6$s) = row(%7$s)
        from found where t.id = found.id
        returning t.id, found.before, to_jsonb(t) as after
      ),
      recorded as (
        insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
        select $3, changed.id, b.key, b.value, a.value, coalesce(w.value ->> 'law', 'closed_trades_have_their_profit'),
          coalesce(w.value ->> 'why', 'follows from what was corrected'), '1.2'
        from changed
        cross join jsonb_each(changed.before) as b
        join jsonb_each(changed.after) as a on a.key = b.key and a.value is distinct from b.value
        left join jsonb_each($4) as w on w.key = b.key
        -- The net profit is new, and when an order was last touched is not a fact of the market.
        where b.key not in ('pnl_net', 'updated_at')
        order by changed.id, b.key
      )
      select count(*) from changed
    $sql$,
    what,
    (select string_agg(format('%s as %I', value ->> 'is', 'new_' || key), ', ') from jsonb_each(wanted)),
    (select string_agg(format('t.%I', key), ', ') from jsonb_each(wanted)),
    computed,
    source,
    columns,
    (select string_agg(format('found.%I', 'new_' || key), ', ') from jsonb_each(wanted))
  ) into mended using first_id, last_id, what, wanted;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and reason = 'old rows';
  return mended;
end;
$$;

revoke execute on function mend_rows(text, bigint, bigint, jsonb, text) from public;

create or replace function trimmed(found text) returns text
language sql immutable as $$
  select coalesce(nullif(btrim(found, e' \t\n\r'), ''), found);
$$;

-- "buy " is BUY; what is none of the words stays as it is.
create or replace function exact_word(found text, variadic words text[]) returns text
language sql immutable as $$
  select case when upper(trimmed(found)) = any (words) then upper(trimmed(found)) else found end;
$$;

create index concurrently if not exists idx_trades_order_id on trades (order_id);

-- When a closed trade without an exit time ended: the one filled order that can have closed it says so, by the market
-- time of its signal or by its own recording time. NULL where there is none, or more than one, or where another trade
-- may have been closed by it.
create or replace function closing_time(
  wanted_symbol text, wanted_side text, wanted_quantity numeric, entered bigint, price_at_exit numeric
) returns bigint
language sql stable set search_path from current as $$
  select case when count(*) = 1 then max(ended) end
  from (
    select coalesce(as_milliseconds(s.timestamp), floor(extract(epoch from o.created_at) * 1000)::bigint) as ended
    from orders as o left join signals as s on s.signal_id = o.signal_id
    where o.symbol = wanted_symbol and o.quantity = wanted_quantity and o.status = 'FILLED'
      and o.side = case wanted_side when 'BUY' then 'SELL' when 'SELL' then 'BUY' end
      and o.price = price_at_exit
      and not exists (select from trades as t where t.order_id = o.order_id)
      -- A trade that does not name its order may be the one that this order opened.
      and not exists (
        select from trades as t
        where t.order_id is null and t.symbol = o.symbol and t.side = o.side and t.quantity = o.quantity
      )
  ) as closing
  where ended >= entered and not exists (
    select from trades as t
    where t.symbol = wanted_symbol and t.side = wanted_side and t.quantity = wanted_quantity
      and (t.status = 'OPEN' or t.exit_timestamp is null and t.exit_price = price_at_exit)
    having count(*) > 1
  ) and not exists (
    -- It has closed another one.
    select from trades as t
    where t.symbol = wanted_symbol and t.quantity = wanted_quantity and as_milliseconds(t.exit_timestamp) = ended
  );
$$;

revoke execute on function closing_time(text, text, numeric, bigint, numeric) from public;

-- unless: {zone} = 'UTC' or exists (select from corrections where row_id is null)
insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
select table_name, null, column_name, to_jsonb({zone}::text), to_jsonb('UTC'::text), table_name || '_created_at_check',
  'recorded in this zone until 1.2, brought to UTC', '1.2'
from (values
  ('signals', 'created_at'), ('orders', 'created_at'), ('orders', 'updated_at'), ('trades', 'created_at'),
  ('risk_events', 'created_at')
) as moved (table_name, column_name);

drop function if exists recorded_utc(timestamp);
