-- law: Every decision has its order, and a rejection is a REJECTED one.
select d.order_id, d.decision, d.reason, o.status
from {book}.decisions as d left join {book}.orders as o on o.order_id = d.order_id
where (o.order_id is null or (d.decision = 'rejected' and o.status <> 'REJECTED'))
  and not exists (
    select from {book}.quarantine as q where q.table_name = 'orders' and q.row ->> 'order_id' = d.order_id
  );
