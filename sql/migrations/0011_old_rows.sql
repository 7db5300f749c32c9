-- title: Old rows brought to their one possible meaning, each change recorded
-- version: 1.2
-- breaking: no
-- transaction: no
-- locks: row exclusive on signals, orders, trades, risk_events, some rows at a time
-- again: yes

-- A row of unknown age is taken for new: retention counts from here.
-- batches: signals
select mend_rows('signals', $1, $2, '{
  "side": {"is": "exact_word(side, ''BUY'', ''SELL'')", "law": "signals_side_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "signals_symbol_check", "why": "written exactly"},
  "timestamp": {"is": "as_milliseconds(timestamp)", "law": "signals_timestamp_check", "why": "seconds became milliseconds"},
  "created_at": {"is": "case when isfinite(created_at) then created_at else timezone(''UTC'', now()) end", "law": "signals_created_at_check", "why": "of unknown age"}
}');

-- batches: orders
select mend_rows('orders', $1, $2, '{
  "side": {"is": "exact_word(side, ''BUY'', ''SELL'')", "law": "orders_side_check", "why": "written exactly"},
  "status": {"is": "exact_word(status, ''PENDING'', ''FILLED'', ''REJECTED'', ''CANCELLED'')", "law": "orders_status_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "orders_symbol_check", "why": "written exactly"},
  "created_at": {"is": "case when isfinite(created_at) then created_at else timezone(''UTC'', now()) end", "law": "orders_created_at_check", "why": "of unknown age"},
  "updated_at": {"is": "case when isfinite(updated_at) then updated_at when isfinite(created_at) then created_at else timezone(''UTC'', now()) end", "law": "orders_updated_at_check", "why": "of unknown age"}
}');

-- batches: trades
select mend_rows('trades', $1, $2, '{
  "side": {"is": "exact_word(side, ''BUY'', ''SELL'')", "law": "trades_side_check", "why": "written exactly"},
  "status": {"is": "exact_word(status, ''OPEN'', ''CLOSED'')", "law": "trades_status_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "trades_symbol_check", "why": "written exactly"},
  "entry_timestamp": {"is": "as_milliseconds(entry_timestamp)", "law": "trades_entry_timestamp_check", "why": "seconds became milliseconds"},
  "exit_timestamp": {"is": "as_milliseconds(exit_timestamp)", "law": "trades_exit_timestamp_check", "why": "seconds became milliseconds"},
  "created_at": {"is": "case when isfinite(created_at) then created_at else timezone(''UTC'', now()) end", "law": "trades_created_at_check", "why": "of unknown age"}
}');

-- Without these each such trade would cost a look at every order and every trade.
-- unless: not exists (select from trades where status = 'CLOSED' and exit_timestamp is null)
create index concurrently if not exists idx_orders_closing on orders (symbol, quantity);

-- unless: not exists (select from trades where status = 'CLOSED' and exit_timestamp is null)
create index concurrently if not exists idx_trades_closing on trades (symbol, quantity);

-- unless: not exists (select from trades where status = 'CLOSED' and exit_timestamp is null)
-- batches: trades
select mend_rows('trades', $1, $2, '{
  "exit_timestamp": {
    "is": "case when status = ''CLOSED'' and exit_timestamp is null and exit_price is not null then closing_time(symbol, side, quantity, entry_timestamp, exit_price) else exit_timestamp end",
    "law": "trades_closed_check", "why": "told by the one order that can have closed it"
  }
}');

drop index concurrently if exists idx_orders_closing;

drop index concurrently if exists idx_trades_closing;

-- Where prices or times make no sense the profit stays as it is, for people to decide; an open trade has none.
-- batches: trades
select mend_rows('trades', $1, $2, '{
  "pnl": {"is": "p.pnl", "law": "closed_trades_have_their_profit", "why": "computed from the prices"},
  "pnl_pct": {"is": "p.pnl_pct", "law": "closed_trades_have_their_profit", "why": "computed from the prices"},
  "pnl_net": {"is": "p.pnl_net", "law": "closed_trades_have_their_profit", "why": "computed from the prices"}
}', ' cross join lateral (
  select p.pnl, p.pnl_pct, p.pnl_net
  from profit_of(t.side, t.quantity, t.entry_price, t.exit_price, t.commission) as p
  where t.status = ''CLOSED'' and t.exit_timestamp >= t.entry_timestamp and p.pnl is not null
  union all
  select null, null, null
  where t.status = ''OPEN'' and t.exit_price is null and t.exit_timestamp is null
) as p');

-- batches: risk_events
select mend_rows('risk_events', $1, $2, '{
  "event_type": {"is": "case when lower(trimmed(event_type)) in (''signal_rejected'', ''circuit_breaker_triggered'', ''exposure_limit_exceeded'', ''position_limit_exceeded'', ''daily_drawdown_exceeded'') then lower(trimmed(event_type)) else event_type end", "law": "risk_events_type_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "risk_events_symbol_check", "why": "written exactly"},
  "timestamp": {"is": "as_milliseconds(timestamp)", "law": "risk_events_timestamp_check", "why": "seconds became milliseconds"},
  "created_at": {"is": "case when isfinite(created_at) then created_at else timezone(''UTC'', now()) end", "law": "risk_events_created_at_check", "why": "of unknown age"}
}');
