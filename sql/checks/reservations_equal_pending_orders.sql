-- law: What is reserved in sum is what the decided orders reserve, and each of them what its state and its trades say.
select 'sum of the orders' as what, t.symbol, t.side, t.notional as recorded, d.notional as follows
from {book}.reservation_totals as t
full join (
  select symbol, side,
    coalesce(sum(reserved_quantity) filter (where reduces), 0) as closing,
    coalesce(sum(reserved_quantity * price) filter (where not reduces), 0) as notional,
    count(*) filter (where not reduces and reserved_quantity > 0) as num_orders
  from {book}.decisions
  where reserved_quantity > 0
  group by symbol, side
) as d using (symbol, side)
where (coalesce(t.closing, 0), coalesce(t.notional, 0), coalesce(t.num_orders, 0))
  is distinct from (coalesce(d.closing, 0), coalesce(d.notional, 0), coalesce(d.num_orders, 0))
union all
select 'order ' || d.order_id, d.symbol, d.side, d.reserved_quantity, f.quantity
from {book}.decisions as d
left join {book}.orders as o on o.order_id = d.order_id
cross join lateral (
  select case
    when d.released_reason is not null or d.decision = 'rejected' then 0
    when o.quantity = 'NaN' or o.quantity = 'Infinity' or d.price = 'NaN' or d.price = 'Infinity' then 0
    when o.status = 'PENDING' or (o.status = 'FILLED' and not d.reduces) then greatest(0, o.quantity - (
      select coalesce(sum(t.quantity), 0) from {book}.trades as t where t.order_id = d.order_id
    ))
    else 0
  end as quantity
) as f
where d.reserved_quantity is distinct from f.quantity
  -- Of these somebody will look it up.
  and not exists (select from {book}.reservation_changes as c where c.order_id = d.order_id);
