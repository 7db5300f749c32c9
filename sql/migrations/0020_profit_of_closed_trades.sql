-- title: Profit is computed where there is one: an open trade no longer pays for the question
-- version: 1.3
-- breaking: no
-- transaction: no
-- locks: share row exclusive on trades for a moment

-- Of an open trade the function did nothing but clear profits that somebody gave: those still reach it.
create or replace trigger trigger_calculate_pnl before insert or update on trades
for each row when (
  new.status is distinct from 'OPEN' or new.pnl is not null or new.pnl_pct is not null or new.pnl_net is not null
)
execute function calculate_pnl();
