-- title: The seed's profit trigger and its materialized view of positions
-- version: 1.1
-- breaking: no
-- transaction: no
-- locks: share row exclusive on trades for a moment

-- unless: to_regprocedure('calculate_pnl()') is not null
create or replace function calculate_pnl() returns trigger as $$
begin
  if new.status = 'CLOSED' and new.exit_price is not null then
    if new.side = 'BUY' then
      new.pnl = new.quantity * (new.exit_price - new.entry_price);
    else
      new.pnl = new.quantity * (new.entry_price - new.exit_price);
    end if;
    new.pnl_pct = (new.pnl / (new.quantity * new.entry_price)) * 100;
  end if;
  return new;
end;
$$ language plpgsql;

create or replace trigger trigger_calculate_pnl
before insert or update on trades
for each row execute function calculate_pnl();

create materialized view if not exists positions_realtime as
select
  symbol,
  side,
  sum(quantity) as total_quantity,
  avg(entry_price) as avg_entry_price,
  count(*) as num_trades,
  sum(quantity * entry_price) as total_value_usd,
  min(entry_timestamp) as first_entry,
  max(entry_timestamp) as last_entry
from trades
where status = 'OPEN'
group by symbol, side;

-- The view was made just above and has a row a symbol and side: a matter of a millisecond.
-- squawk-ignore require-concurrent-index-creation
create unique index if not exists idx_positions_realtime_symbol_side on positions_realtime (symbol, side);

create table if not exists materialized_view_refreshes (
  view_name text primary key,
  last_refresh timestamp default now()
);
