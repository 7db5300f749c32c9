import type { Version } from './files.js';

/**
 * Every object of a book, with the version that brings it; a test holds the list to the catalog. What is not named
 * here is somebody else's: it is neither granted nor dropped, and stops a migration where it has one of these names.
 */
interface Named {
  name: string;
  since: Version;
}

const since = (version: Version, ...names: string[]): Named[] =>
  names.map((name) => ({ name, since: version }));

/** In an order in which each can be dropped without CASCADE: what points to others comes first. */
export const VIEWS: readonly Named[] = [
  ...since('1.4', 'horizons_in_force', 'unneeded_signals', 'unneeded_orders', 'unneeded_risk_events'),
  ...since(
    '1.3',
    'untraded_signals',
    'reservations',
    'limits_in_force',
    'exposure_parts',
    'changed_reservations',
  ),
  ...since('1.2', 'exposure', 'positions', 'position_sums'),
];

export const MATERIALIZED_VIEWS: readonly Named[] = since('1.1', 'positions_realtime');

export const TABLES: readonly Named[] = [
  ...since('1.0', 'trades', 'orders', 'signals', 'risk_events'),
  ...since('1.1', 'materialized_view_refreshes'),
  ...since('1.2', 'position_totals', 'position_changes', 'permits', 'corrections', 'candles', 'quarantine'),
  ...since('1.3', 'limits', 'capital', 'halts', 'risk', 'halt_gate', 'decisions', 'order_history'),
  ...since('1.3', 'reservation_totals', 'reservation_changes'),
  ...since('1.4', 'retention_horizons', 'retention_state', 'retention_waiting', 'retention_runs'),
  ...since('1.5', 'record_log', 'tokens', 'idempotency_keys'),
];

export const HISTORY = 'schema_migrations';

/** Each goes with its table. */
export const SEQUENCES: readonly Named[] = [
  ...since('1.0', 'signals_id_seq', 'orders_id_seq', 'trades_id_seq', 'risk_events_id_seq'),
  ...since('1.2', 'corrections_id_seq', 'quarantine_id_seq'),
  ...since('1.3', 'limits_version_seq', 'capital_version_seq', 'halts_id_seq', 'order_history_id_seq'),
  ...since('1.4', 'retention_horizons_version_seq', 'retention_runs_id_seq'),
  ...since('1.5', 'record_log_id_seq'),
];

/** Functions that take or give rows of the tables: they go before these. */
export const ROW_FUNCTIONS: readonly Named[] = [
  ...since('1.5', 'token_of(text)', 'answer_kept(text, text)'),
  ...since(
    '1.4',
    'remove_orders(bigint[], retention_runs)',
    'remove_due(bigint[], retention_runs)',
    'remove_candles(integer, timestamp without time zone, retention_runs)',
  ),
  ...since(
    '1.3',
    'limits_problem(limits)',
    'book_limits()',
    'risk_at(risk, limits, bigint)',
    'drawdown_breach(risk, limits)',
    'halt_at(halt_gate, bigint)',
    'standing_breach(halt_gate, risk, limits, bigint)',
    'trip_breaker(risk, limits, bigint)',
    'signal_broken(signals, bigint, limits)',
    'signal_numbers(signals, bigint, limits)',
    'direct_candidate(text, text, text, text, numeric, numeric, bigint, bigint, limits)',
    'unjudged(decisions[])',
    'is_anything_limited(limits)',
    'numbers_of(decisions, limits, jsonb)',
    'limits_broken(decisions, limits)',
    'follow_decisions(decisions[])',
    'place_decided(decisions)',
    'judge_orders(decisions[], risk, halt_gate, limits)',
    'candidates_of(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[], limits)',
    'decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[])',
    'answers_of(text[], text[], numeric[], numeric[], numeric[], decisions[])',
    'decide(text, numeric, text, numeric, bigint)',
    'answer_direct_order(decisions, limits)',
    'trade_as_json(trades)',
    'limits_as_json(limits)',
    'order_as_json(orders)',
  ),
];

/** With their arguments: a function of the same name with others is not ours. */
export const FUNCTIONS: readonly Named[] = [
  ...ROW_FUNCTIONS,
  ...since('1.1', 'calculate_pnl()'),
  ...since(
    '1.2',
    'profit_of(text, numeric, numeric, numeric, numeric)',
    'as_milliseconds(bigint)',
    'trimmed(text)',
    'exact_word(text, text[])',
    'closing_time(text, text, numeric, bigint, numeric)',
    'mend_rows(text, bigint, bigint, jsonb, text)',
    'has_permit(text, text)',
    'refuse_change()',
    'refuse_removal()',
    'guard_order_update()',
    'guard_trade_update()',
    'seconds_to_milliseconds()',
    'trade_seconds_to_milliseconds()',
    'fill_created_at()',
    'fill_order_times()',
    'append_position_changes()',
    'fold_position_changes(integer)',
    'refresh_positions_realtime()',
    'orders_agree_with_signals()',
    'trades_agree_with_orders()',
    'lock_record(text, bigint)',
    'refuse_fixed_columns(text, jsonb, jsonb)',
    'refuse_broken_chain(text, bigint)',
    'record_corrections(text, bigint, jsonb, jsonb, text, text)',
    'correct_record(text, bigint, jsonb, text, text)',
    'quarantine_row(text, bigint, text[], text)',
    'release_row(bigint, jsonb, text)',
    'discard_row(bigint, text)',
    'decide_quarantined(bigint, text, text)',
  ),
  ...since(
    '1.3',
    'is_amount(numeric)',
    'is_loss(numeric)',
    'is_loss_percent(numeric)',
    'is_least_confidence(numeric)',
    'is_number_of(bigint)',
    'refuse_update()',
    'now_ms()',
    'usable_time(bigint, bigint)',
    'balance_of(bigint)',
    'set_limits(jsonb, text, text, boolean)',
    'set_capital(numeric, text, bigint)',
    'market_day(bigint, text)',
    'profit_between(bigint, bigint)',
    'record_halt(text, text, bigint, bigint, jsonb)',
    'halt_trading(text, bigint, bigint)',
    'resume_trading(text, boolean, bigint)',
    'follow_profit(bigint[], numeric[])',
    'sum_reservations()',
    'fold_reservation_changes()',
    'release_reservation(text, text)',
    'refusal_of(text, text)',
    'event_type_of(text)',
    'order_id_for(text)',
    'is_minute_full(bigint, bigint[], bigint)',
    'held_exposure(text[])',
    'hold_the_door()',
    'follow_orders()',
    'lock_risk_of_trades()',
    'record_waiting_orders()',
    'lock_risk()',
    'refuse_time_to_come(bigint)',
    'refuse_older_moment()',
    'price_of(text, numeric, numeric)',
    'tell_overrun(text[], numeric[], bigint, text, text)',
    'follow_trades()',
    'as_ms(timestamp without time zone)',
    'why(text)',
    'schema_version()',
  ),
  ...since(
    '1.4',
    'set_horizon(text, bigint, text)',
    'due_before(text, timestamp without time zone, timestamp without time zone)',
    'begin_retention(text, text, timestamp without time zone, jsonb, timestamp without time zone)',
    'was_seen(xid, xid8)',
    'lock_unneeded(text, bigint[], timestamp without time zone, xid8)',
    'remove_rows(text, text, anyarray)',
    'retain(bigint, integer, bigint, boolean)',
    'end_retention(bigint, text, boolean)',
  ),
  ...since(
    '1.5',
    'actor()',
    'log_rows()',
    'prune_record_log(integer)',
    'create_token(text, text, text, bytea)',
    'revoke_token(text)',
    'mark_token_used(text)',
    'keep_answer(text, text, text, bigint, text)',
    'prune_answers(integer)',
  ),
];

/** Functions that run with the rights of their owner from a version on, and with those of the caller before. */
export const DEFINERS: readonly Named[] = since(
  '1.4',
  'refresh_positions_realtime()',
  'calculate_pnl()',
  'seconds_to_milliseconds()',
  'trade_seconds_to_milliseconds()',
  'refuse_change()',
  'refuse_update()',
  'refuse_removal()',
  'guard_order_update()',
  'guard_trade_update()',
);

/** Ours as well, while a book is brought to 1.2, and gone at its end. */
export const TEMPORARY_FUNCTIONS: readonly string[] = [
  'copy_id()',
  'copy_ids(text, bigint, bigint)',
  'recorded_utc(timestamp without time zone)',
];

/** A piece of a table: of the same name, but on another table, it is somebody else's. */
interface Piece extends Named {
  on: string;
}

const on = (table: string, version: Version, ...names: string[]): Piece[] =>
  names.map((name) => ({ name, on: table, since: version }));

/**
 * What a book made by hand is known by. 1.0 and 1.1 in full; of 1.2 only the tables, views and functions above and
 * the columns below: it is one program's work, so where these all stand the rest does, and `schema verify` looks at it.
 * Of 1.3 its new indexes, beside what is above: what else it does is done under names that were there. Of 1.4 the functions
 * that run with the rights of their owner.
 */
export const CONSTRAINTS: readonly Piece[] = [
  ...on('signals', '1.0', 'signals_pkey', 'signals_signal_id_key'),
  ...on('orders', '1.0', 'orders_pkey', 'orders_order_id_key', 'orders_signal_id_fkey'),
  ...on('trades', '1.0', 'trades_pkey', 'trades_order_id_fkey'),
  ...on('risk_events', '1.0', 'risk_events_pkey'),
  ...on('signals', '1.1', 'signals_price_check', 'signals_confidence_check', 'signals_side_check'),
  ...on('orders', '1.1', 'orders_quantity_check', 'orders_status_check'),
  ...on('trades', '1.1', 'trades_quantity_check', 'trades_entry_price_check'),
  ...on('trades', '1.1', 'trades_exit_price_check', 'trades_status_check'),
  ...on('risk_events', '1.1', 'risk_events_type_check'),
  ...on('materialized_view_refreshes', '1.1', 'materialized_view_refreshes_pkey'),
];

/** Without those of constraints. The seed's idx_signals_recent is no piece of 1.1: nobody can have made it. */
export const INDEXES: readonly Piece[] = [
  ...on('signals', '1.1', 'idx_signals_symbol_timestamp'),
  ...on('orders', '1.1', 'idx_orders_status_created'),
  ...on('trades', '1.1', 'idx_trades_status_entry'),
  ...on('risk_events', '1.1', 'idx_risk_events_jsonb', 'idx_risk_events_type_timestamp'),
  ...on('positions_realtime', '1.1', 'idx_positions_realtime_symbol_side'),
  ...on('orders', '1.3', 'idx_orders_created_at_id', 'idx_orders_symbol_created_at_id'),
  ...on('trades', '1.3', 'idx_trades_entry_timestamp_id', 'idx_trades_symbol_entry_timestamp_id'),
  ...on('trades', '1.3', 'idx_trades_exit_timestamp'),
  ...on('risk_events', '1.3', 'idx_risk_events_timestamp_id', 'idx_risk_events_symbol_timestamp_id'),
  ...on('risk_events', '1.3', 'idx_risk_events_signal_id'),
  ...on('candles', '1.3', 'idx_candles_timestamp_symbol'),
  ...on('corrections', '1.3', 'idx_corrections_created_at_id', 'idx_corrections_column_name_created_at_id'),
  ...on('corrections', '1.3', 'idx_corrections_law_created_at_id'),
  ...on('quarantine', '1.3', 'idx_quarantine_state_id', 'idx_quarantine_table_name_id'),
  ...on('quarantine', '1.3', 'idx_quarantine_laws'),
  ...on('idempotency_keys', '1.5', 'idx_idempotency_keys_created_at'),
];

export const TRIGGERS: readonly Piece[] = on('trades', '1.1', 'trigger_calculate_pnl');

/** Columns that came after 1.0. */
export const COLUMNS: readonly Piece[] = [
  ...on('orders', '1.2', 'timestamp'),
  ...on('trades', '1.2', 'trade_id', 'pnl_net'),
  ...on('risk_events', '1.2', 'event_id'),
];

/** What goes with a transaction or a day, and credentials: no backup holds it. */
export const PASSING: readonly string[] = ['permits', 'record_log', 'idempotency_keys', 'tokens'];

/** Tables that hold what was recorded, in an order in which each can be filled: what others point to comes first. */
export const recordTables = (which: 'kept' | 'all' = 'kept'): string[] =>
  TABLES.map(({ name }) => name)
    .concat(which === 'all' ? HISTORY : [])
    .filter((name) => which === 'all' || !PASSING.includes(name))
    .reverse();
