-- psql "postgresql://claire@127.0.0.1:5432/claire_de_binare?passfile=.claire/pgpass" -f examples/session.sql
\set ON_ERROR_STOP on

insert into signals (signal_id, symbol, side, price, confidence, timestamp)
values ('psql_signal', 'ETHUSDT', 'SELL', 2485.30, 0.75, 1705076400000)
on conflict (signal_id) do nothing;

-- The limits of the book decide: a PENDING order, or a REJECTED one with its reason.
select decision, reason from decide('psql_signal', 0.8, 'psql_order', at => 1705076400000);
update orders set status = 'FILLED' where order_id = 'psql_order';

insert into trades (trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
values ('psql_trade', 'psql_order', 'ETHUSDT', 'SELL', 0.8, 2485.30, 1705076400000, 'OPEN')
on conflict (trade_id) do nothing;

select symbol, side, total_quantity, avg_entry_price from positions;
select symbol, long, short, gross, net from exposure;

update trades set exit_price = 2520.10, exit_timestamp = 1705162800000, status = 'CLOSED'
where trade_id = 'psql_trade'
returning pnl, pnl_pct;
