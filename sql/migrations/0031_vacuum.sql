-- title: Autovacuum of each table by its life
-- version: 1.5
-- breaking: no
-- transaction: no
-- locks: share update exclusive on trades, signals, orders, risk_events for a moment: nobody who reads or writes waits

-- A trade is closed once, which leaves a dead row, and stays for ever: by default a fifth of all trades there ever were is
-- dead before anybody looks, every year more. `claire bench churn` has the figures; what is not here gained nothing there.
alter table trades set (autovacuum_vacuum_scale_factor = 0.02);

-- What is asked for is what came last. Statistics that know a fifth less do not know of it, and plans that go by them read
-- from the wrong end. To analyze a table of any size reads the same 30,000 rows.
alter table trades set (autovacuum_analyze_scale_factor = 0.02);

alter table signals set (autovacuum_analyze_scale_factor = 0.02);

alter table orders set (autovacuum_analyze_scale_factor = 0.02);

alter table risk_events set (autovacuum_analyze_scale_factor = 0.02);
