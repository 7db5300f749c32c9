-- law: Positions equal the open trades, to the last digit.
select
  coalesce(p.symbol, t.symbol) as symbol,
  coalesce(p.side, t.side) as side,
  p.total_quantity,
  t.quantity as trades_quantity,
  p.total_value_usd,
  t.notional as trades_notional,
  p.num_trades,
  t.num_trades as trades_count
from {book}.position_sums as p
full join (
  select symbol, side, sum(quantity) as quantity, sum(quantity * entry_price) as notional, count(*) as num_trades
  from {book}.trades
  where status = 'OPEN' and abs(quantity) < 'Infinity' and abs(entry_price) < 'Infinity'
  group by symbol, side
) as t on t.symbol = p.symbol and t.side = p.side
where p.total_quantity is distinct from t.quantity
  or p.total_value_usd is distinct from t.notional
  or p.num_trades is distinct from t.num_trades;
