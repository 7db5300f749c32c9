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
export const VIEWS: readonly Named[] = [...since('1.2', 'exposure', 'positions', 'position_sums')];

export const MATERIALIZED_VIEWS: readonly Named[] = since('1.1', 'positions_realtime');

export const TABLES: readonly Named[] = [
  ...since('1.0', 'trades', 'orders', 'signals', 'risk_events'),
  ...since('1.1', 'materialized_view_refreshes'),
  ...since('1.2', 'position_totals', 'position_changes', 'permits', 'corrections', 'candles', 'quarantine'),
];

export const HISTORY = 'schema_migrations';

/** With their arguments: a function of the same name with others is not ours. */
export const FUNCTIONS: readonly Named[] = [
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
];
