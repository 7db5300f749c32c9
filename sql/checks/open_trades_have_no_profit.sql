-- law: An open trade has neither an exit nor a profit, a closed one has price and time of its exit.
select id, trade_id, order_id, status, exit_price, exit_timestamp, pnl
from {book}.trades
where case status
  when 'OPEN' then num_nonnulls(exit_price, exit_timestamp, pnl, pnl_pct, pnl_net) > 0
  else num_nulls(exit_price, exit_timestamp) > 0 or exit_timestamp < entry_timestamp
end;
