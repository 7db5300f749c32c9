-- law: Lineage is whole: orders and trades name what exists and agree with it in symbol and side.
select 'order' as what, o.order_id as id, o.signal_id as names, o.symbol, s.symbol as other_symbol
from {book}.orders as o left join {book}.signals as s on s.signal_id = o.signal_id
where o.signal_id is not null and (s.signal_id is null or s.symbol <> o.symbol)
union all
select 'trade', coalesce(t.trade_id, t.id::text), t.order_id, t.symbol, o.symbol
from {book}.trades as t left join {book}.orders as o on o.order_id = t.order_id
where t.order_id is not null and (o.order_id is null or o.symbol <> t.symbol or o.side <> t.side);
