-- law: The trades of an order are together not larger than the order.
select o.order_id, o.quantity, sum(t.quantity) as traded
from {book}.orders as o join {book}.trades as t on t.order_id = o.order_id
where t.quantity <> 'NaN'
group by o.order_id, o.quantity
having sum(t.quantity) > o.quantity;
