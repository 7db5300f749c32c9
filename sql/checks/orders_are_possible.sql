-- law: Every order is in a possible state: a known one, with a reason where it is REJECTED.
select id, order_id, side, status, rejection_reason
from {book}.orders
where status not in ('PENDING', 'FILLED', 'REJECTED', 'CANCELLED')
  or side not in ('BUY', 'SELL')
  or (status = 'REJECTED' and coalesce(btrim(rejection_reason), '') = '');
