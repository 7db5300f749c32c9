-- law: Every closed trade has the profit that follows from its prices, and its net profit where the commission is known.
select id, trade_id, order_id, side, quantity, entry_price, exit_price, pnl, pnl_pct, pnl_net, commission
from {book}.trades
where status = 'CLOSED'
  and (
    pnl is distinct from round(quantity * (exit_price - entry_price) * case side when 'BUY' then 1 when 'SELL' then -1 end, 8)
    or pnl_pct is distinct from round(
      (exit_price - entry_price) / nullif(entry_price, 0) * 100 * case side when 'BUY' then 1 when 'SELL' then -1 end, 4
    )
    or pnl_net is distinct from pnl - commission
  );
