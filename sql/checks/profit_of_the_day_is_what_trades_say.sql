-- law: The profit of the day, and of 24 hours, that the circuit breaker goes by is that of the closed trades.
select r.profit_at, r.day_pnl, r.window_pnl, t.day_pnl as day_of_trades, t.window_pnl as window_of_trades
from {book}.risk as r
cross join lateral (
  select
    coalesce(sum(pnl) filter (where exit_timestamp >= r.day_from), 0) as day_pnl,
    coalesce(sum(pnl) filter (where exit_timestamp > r.profit_at - 86400000), 0) as window_pnl
  from {book}.trades
  where status = 'CLOSED' and exit_timestamp <= r.profit_at
    and exit_timestamp >= least(r.day_from, r.profit_at - 86400000)
) as t
where r.profit_at is not null
  and (r.day_pnl, r.window_pnl) is distinct from (t.day_pnl, t.window_pnl);
