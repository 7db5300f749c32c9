import { expect } from 'vitest';

/** What somebody did to a book, and what must be said of it. */
export const damages: [damage: string, sql: string, said: string[]][] = [
  ['an index is dropped', 'drop index idx_orders_signal_id', ['missing index idx_orders_signal_id']],
  [
    'an index has other columns',
    'drop index idx_orders_signal_id; create index idx_orders_signal_id on orders (signal_id, id)',
    ['different index idx_orders_signal_id'],
  ],
  [
    'an index is invalid',
    `update pg_index set indisvalid = false where indexrelid = 'idx_trades_order_id'::regclass`,
    ['invalid index idx_trades_order_id'],
  ],
  [
    'the index of a key is invalid',
    `update pg_index set indisvalid = false where indexrelid = 'trades_trade_id_key'::regclass`,
    ['invalid constraint trades.trades_trade_id_key'],
  ],
  [
    'a trigger is dropped',
    'drop trigger trades_refuse_removal on trades',
    ['missing trigger trades.trades_refuse_removal'],
  ],
  [
    'a trigger has another condition',
    `drop trigger a_fill_created_at on signals;
     create trigger a_fill_created_at before insert on signals for each row execute function fill_created_at()`,
    ['different trigger signals.a_fill_created_at'],
  ],
  [
    'a trigger is disabled',
    'alter table orders disable trigger z_guard_order_update',
    ['different trigger orders.z_guard_order_update'],
  ],
  [
    'all triggers are disabled, those of foreign keys too',
    'alter table candles disable trigger all; alter table orders disable trigger all',
    expect.arrayContaining([
      'different constraint orders.orders_signal_id_fkey',
      'different constraint trades.trades_order_id_fkey',
      'different trigger orders.z_guard_order_update',
    ]),
  ],
  [
    'a check is dropped',
    'alter table trades drop constraint trades_side_check',
    ['missing constraint trades.trades_side_check'],
  ],
  [
    'a check says something else',
    `alter table trades drop constraint trades_side_check;
     alter table trades add constraint trades_side_check check (side in ('BUY', 'SELL', 'HOLD'))`,
    ['different constraint trades.trades_side_check'],
  ],
  [
    'a key is of other columns',
    `alter table risk_events drop constraint risk_events_event_id_key;
     alter table risk_events add constraint risk_events_event_id_key unique (event_id, reason)`,
    ['different constraint risk_events.risk_events_event_id_key'],
  ],
  [
    'a foreign key looks elsewhere',
    `alter table orders drop constraint orders_signal_id_fkey;
     alter table orders add constraint orders_signal_id_fkey foreign key (order_id) references signals (signal_id)`,
    ['different constraint orders.orders_signal_id_fkey'],
  ],
  [
    'the index of a key was begun and not ended',
    `alter table trades drop constraint trades_trade_id_key;
     create unique index trades_trade_id_key on trades (trade_id);
     update pg_index set indisvalid = false where indexrelid = 'trades_trade_id_key'::regclass`,
    ['missing constraint trades.trades_trade_id_key', 'extra index trades_trade_id_key'],
  ],
  [
    'the index of a key was built, and not taken',
    `alter table trades drop constraint trades_trade_id_key;
     create unique index trades_trade_id_key on trades (trade_id)`,
    ['missing constraint trades.trades_trade_id_key', 'extra index trades_trade_id_key'],
  ],
  [
    'a check is not valid',
    `alter table signals drop constraint signals_side_check;
     alter table signals add constraint signals_side_check check (side in ('BUY', 'SELL')) not valid`,
    ['invalid constraint signals.signals_side_check'],
  ],
  [
    'a foreign key and the key it points to are dropped',
    'alter table orders drop constraint orders_order_id_key cascade',
    ['missing constraint orders.orders_order_id_key', 'missing constraint trades.trades_order_id_fkey'],
  ],
  [
    'a primary key is dropped',
    'alter table risk_events drop constraint risk_events_pkey',
    ['missing constraint risk_events.risk_events_pkey'],
  ],
  [
    'a function is dropped with the triggers that call it',
    'drop function calculate_pnl() cascade',
    ['missing function calculate_pnl()', 'missing trigger trades.trigger_calculate_pnl'],
  ],
  [
    'a function has another body',
    `create or replace function calculate_pnl() returns trigger language plpgsql
     as $$ begin new.pnl := 1; return new; end $$`,
    ['different function calculate_pnl()'],
  ],
  [
    'a function works on another schema',
    `alter function has_permit(text, text) set search_path to 'pg_temp'`,
    ['different function has_permit(text, text)'],
  ],
  [
    'a function runs with the rights of its caller',
    'alter function has_permit(text, text) security invoker',
    ['different function has_permit(text, text)'],
  ],
  [
    'a function gives something else',
    `drop function fold_position_changes(integer);
     create function fold_position_changes(batch_size integer) returns integer language sql as 'select 1'`,
    ['different function fold_position_changes(integer)'],
  ],
  [
    'everybody may correct',
    'grant execute on function correct_record(text, bigint, jsonb, text, text) to public',
    ['different function correct_record(text, bigint, jsonb, text, text)'],
  ],
  ['a view is dropped', 'drop view exposure', ['missing view exposure']],
  [
    'a view on which others stand is another',
    `create or replace view position_sums as
     select symbol, side, quantity as total_quantity, num_trades, notional as total_value_usd from position_totals`,
    ['different view position_sums'],
  ],
  [
    'views are dropped with all that stands on them',
    'drop view position_sums cascade',
    [
      'missing view exposure',
      'missing view position_sums',
      'missing view positions',
      'missing materialized view positions_realtime',
    ],
  ],
  [
    'a materialized view is another',
    `drop materialized view positions_realtime;
     create materialized view positions_realtime as select symbol, side, total_quantity from positions;
     create unique index idx_positions_realtime_symbol_side on positions_realtime (symbol, side)`,
    ['different materialized view positions_realtime'],
  ],
  [
    'a materialized view is empty',
    'refresh materialized view positions_realtime with no data',
    ['invalid materialized view positions_realtime'],
  ],
  [
    'a column has another default',
    'alter table signals alter column created_at set default now()',
    ['different column signals.created_at'],
  ],
  [
    'a column has no default',
    'alter table trades alter column created_at drop default',
    ['different column trades.created_at'],
  ],
  [
    'a column has a type that fewer values fit',
    'alter table trades alter column commission type numeric(20,8)',
    ['different column trades.commission'],
  ],
  [
    'a column that views and triggers read has another type',
    `drop view position_sums cascade; drop trigger a_seconds_to_milliseconds on trades;
     alter table trades alter column entry_timestamp type numeric;
     create view positions as select entry_timestamp from trades;
     create trigger a_seconds_to_milliseconds before insert on trades for each row
     when (new.entry_timestamp > 5) execute function trade_seconds_to_milliseconds()`,
    expect.arrayContaining([
      'different column trades.entry_timestamp',
      'different trigger trades.a_seconds_to_milliseconds',
      'different view positions',
    ]),
  ],
  [
    'a column may be null',
    'alter table signals alter column price drop not null',
    ['different column signals.price'],
  ],
  [
    'a column must not be null',
    'alter table signals alter column metadata set not null',
    ['different column signals.metadata'],
  ],
  [
    'columns are dropped, with their constraints and indexes',
    'alter table orders drop column rejection_reason cascade; alter table risk_events drop column details',
    [
      'missing column orders.rejection_reason',
      'missing column risk_events.details',
      'missing constraint orders.orders_rejection_reason_check',
      'missing index idx_risk_events_jsonb',
      'missing view untraded_signals',
    ],
  ],
  ['a table is dropped', 'drop table candles', ['missing table candles']],
  [
    'a table is dropped on which much stands',
    'drop table corrections, permits, materialized_view_refreshes, position_changes cascade',
    expect.arrayContaining(['missing table corrections', 'missing table position_changes']),
  ],
  ['a table forgets its rows in a crash', 'alter table candles set unlogged', ['different table candles']],
  ['a table hides rows', 'alter table signals enable row level security', ['different table signals']],
  [
    'a storage parameter is reset',
    'alter table position_changes reset (autovacuum_vacuum_threshold)',
    ['missing setting position_changes.autovacuum_vacuum_threshold'],
  ],
  [
    'a sequence is of another type',
    'alter sequence signals_id_seq as integer',
    ['different sequence signals_id_seq'],
  ],
  [
    'a sequence is dropped',
    'drop sequence risk_events_id_seq cascade',
    ['missing sequence risk_events_id_seq', 'different column risk_events.id'],
  ],
  [
    'a sequence is its own master',
    'alter sequence risk_events_id_seq owned by none',
    ['different sequence risk_events_id_seq'],
  ],
];
