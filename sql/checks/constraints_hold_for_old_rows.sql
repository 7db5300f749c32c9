-- law: Every constraint is validated, so that it holds for the rows that were there before it.
select c.conrelid::regclass::text as found_in, c.conname as constraint_name
from pg_constraint as c
where c.conrelid in ('{book}.signals'::regclass, '{book}.orders'::regclass, '{book}.trades'::regclass, '{book}.risk_events'::regclass)
  and not c.convalidated;
