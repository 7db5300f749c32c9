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
  "created_at": {"is": "coalesce(created_at, timezone(''UTC'', now()))", "law": "signals_created_at_check", "why": "of unknown age"}
}');

-- batches: orders
select mend_rows('orders', $1, $2, '{
  "side": {"is": "exact_word(side, ''BUY'', ''SELL'')", "law": "orders_side_check", "why": "written exactly"},
  "status": {"is": "exact_word(status, ''PENDING'', ''FILLED'', ''REJECTED'', ''CANCELLED'')", "law": "orders_status_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "orders_symbol_check", "why": "written exactly"},
  "created_at": {"is": "coalesce(created_at, timezone(''UTC'', now()))", "law": "orders_created_at_check", "why": "of unknown age"},
  "updated_at": {"is": "coalesce(updated_at, created_at, timezone(''UTC'', now()))", "law": "orders_updated_at_check", "why": "of unknown age"}
}');

-- batches: trades
select mend_rows('trades', $1, $2, '{
  "side": {"is": "exact_word(side, ''BUY'', ''SELL'')", "law": "trades_side_check", "why": "written exactly"},
  "status": {"is": "exact_word(status, ''OPEN'', ''CLOSED'')", "law": "trades_status_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "trades_symbol_check", "why": "written exactly"},
  "entry_timestamp": {"is": "as_milliseconds(entry_timestamp)", "law": "trades_entry_timestamp_check", "why": "seconds became milliseconds"},
  "exit_timestamp": {"is": "as_milliseconds(exit_timestamp)", "law": "trades_exit_timestamp_check", "why": "seconds became milliseconds"},
  "created_at": {"is": "coalesce(created_at, timezone(''UTC'', now()))", "law": "trades_created_at_check", "why": "of unknown age"}
}');

-- batches: trades
select mend_rows('trades', $1, $2, '{
  "exit_timestamp": {
    "is": "case when status = ''CLOSED'' and exit_timestamp is null and exit_price is not null then closing_time(symbol, side, quantity, entry_timestamp, exit_price) else exit_timestamp end",
    "law": "trades_closed_check", "why": "told by the one order that can have closed it"
  }
}');

-- Where the prices make no sense the profit stays as it is, for people to decide; an open trade has none.
-- batches: trades
select mend_rows('trades', $1, $2, '{
  "pnl": {"is": "case status when ''CLOSED'' then coalesce(p.pnl, t.pnl) when ''OPEN'' then null else t.pnl end", "law": "closed_trades_have_their_profit", "why": "computed from the prices"},
  "pnl_pct": {"is": "case status when ''CLOSED'' then coalesce(p.pnl_pct, t.pnl_pct) when ''OPEN'' then null else t.pnl_pct end", "law": "closed_trades_have_their_profit", "why": "computed from the prices"},
  "pnl_net": {"is": "case status when ''CLOSED'' then coalesce(p.pnl_net, t.pnl_net) when ''OPEN'' then null else t.pnl_net end", "law": "closed_trades_have_their_profit", "why": "computed from the prices"}
}', ' cross join lateral profit_of(t.side, t.quantity, t.entry_price, t.exit_price, t.commission) as p');

-- batches: risk_events
select mend_rows('risk_events', $1, $2, '{
  "event_type": {"is": "case when lower(trimmed(event_type)) in (''signal_rejected'', ''circuit_breaker_triggered'', ''exposure_limit_exceeded'', ''position_limit_exceeded'', ''daily_drawdown_exceeded'') then lower(trimmed(event_type)) else event_type end", "law": "risk_events_type_check", "why": "written exactly"},
  "symbol": {"is": "trimmed(symbol)", "law": "risk_events_symbol_check", "why": "written exactly"},
  "timestamp": {"is": "as_milliseconds(timestamp)", "law": "risk_events_timestamp_check", "why": "seconds became milliseconds"},
  "created_at": {"is": "coalesce(created_at, timezone(''UTC'', now()))", "law": "risk_events_created_at_check", "why": "of unknown age"}
}');
