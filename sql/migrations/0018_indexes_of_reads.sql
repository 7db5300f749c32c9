-- title: Indexes from which every read takes its rows in the order in which it answers
-- version: 1.3
-- breaking: no
-- transaction: no
-- locks: share update exclusive on orders, trades, risk_events, candles, corrections, quarantine: nobody who writes waits

-- Each ends with the id: rows of one moment, as a batch records them, would else be sorted for each answer. All ascend and
-- are read backward: new rows come at the end, so that pages fill up and a writer finds the last one without a descent. A
-- descending index on a million new rows came to twice the size.
create index concurrently if not exists idx_orders_created_at_id on orders (created_at, id);

create index concurrently if not exists idx_orders_symbol_created_at_id on orders (symbol, created_at, id);

create index concurrently if not exists idx_trades_entry_timestamp_id on trades (entry_timestamp, id);

create index concurrently if not exists idx_trades_symbol_entry_timestamp_id on trades (symbol, entry_timestamp, id);

-- Holds what profit adds up, so that a day is summed without a look at the table.
create index concurrently if not exists idx_trades_exit_timestamp on trades (exit_timestamp)
  include (symbol, pnl, pnl_net, commission) where status = 'CLOSED';

create index concurrently if not exists idx_risk_events_timestamp_id on risk_events (timestamp, id);

create index concurrently if not exists idx_risk_events_symbol_timestamp_id on risk_events (symbol, timestamp, id);

create index concurrently if not exists idx_risk_events_signal_id on risk_events (signal_id);

create index concurrently if not exists idx_candles_timestamp_symbol on candles (timestamp, symbol);

-- These two are written by people and migrations only: an index more costs nobody anything.
create index concurrently if not exists idx_corrections_created_at_id on corrections (created_at, id);

create index concurrently if not exists idx_corrections_column_name_created_at_id on corrections (column_name, created_at, id);

create index concurrently if not exists idx_corrections_law_created_at_id on corrections (law, created_at, id);

create index concurrently if not exists idx_quarantine_state_id on quarantine (state, id);

create index concurrently if not exists idx_quarantine_table_name_id on quarantine (table_name, id);

create index concurrently if not exists idx_quarantine_laws on quarantine using gin (laws);
