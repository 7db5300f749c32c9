-- law: No number is NaN or infinite, anywhere.
select 'signals' as found_in, id from {book}.signals
where price in ('NaN', 'Infinity', '-Infinity') or confidence in ('NaN', 'Infinity', '-Infinity')
union all
select 'orders', id from {book}.orders
where quantity in ('NaN', 'Infinity', '-Infinity') or price in ('NaN', 'Infinity', '-Infinity')
union all
select 'trades', id from {book}.trades
where quantity in ('NaN', 'Infinity', '-Infinity')
  or entry_price in ('NaN', 'Infinity', '-Infinity')
  or exit_price in ('NaN', 'Infinity', '-Infinity')
  or commission in ('NaN', 'Infinity', '-Infinity')
  or pnl in ('NaN', 'Infinity', '-Infinity')
  or pnl_pct in ('NaN', 'Infinity', '-Infinity')
  or pnl_net in ('NaN', 'Infinity', '-Infinity');
