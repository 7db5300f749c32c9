-- law: No trade stands on an order that was rejected or cancelled.
select t.id, t.trade_id, o.order_id, o.status, o.rejection_reason
from {book}.trades as t join {book}.orders as o on o.order_id = t.order_id
where o.status in ('REJECTED', 'CANCELLED');
