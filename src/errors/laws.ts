import { retentionLaws } from './laws-retention.js';
import { riskLaws } from './laws-risk.js';
import { tokenLaws } from './laws-tokens.js';

/**
 * Laws of the record. Each is held by the constraints or trigger laws named with it; a test holds both ends:
 * every constraint of the schema stands here once, and every name here is live.
 */
export const laws = {
  price_out_of_range: {
    sentence: 'A price must be above 0 and below 10^12.',
    remedy: 'Send the price that was traded, as a decimal; NaN and infinity are not prices.',
    constraints: [
      'signals_price_check',
      'orders_price_check',
      'trades_entry_price_check',
      'trades_exit_price_check',
    ],
  },
  quantity_out_of_range: {
    sentence: 'A quantity must be above 0 and below 10^12.',
    remedy: 'Send the size as a positive decimal; the direction belongs in `side`.',
    constraints: ['orders_quantity_check', 'trades_quantity_check'],
  },
  too_many_decimals: {
    sentence:
      'The number has more than 8 decimals (zeros at its end do not count, up to 32); it is refused rather than rounded.',
    remedy: 'Round it yourself, knowing how, before you send it.',
    constraints: [
      'signals_price_decimals_check',
      'orders_quantity_decimals_check',
      'orders_price_decimals_check',
      'trades_quantity_decimals_check',
      'trades_entry_price_decimals_check',
      'trades_exit_price_decimals_check',
      'trades_commission_decimals_check',
    ],
  },
  confidence_out_of_range: {
    sentence: 'A confidence lies between 0 and 1.',
    remedy: 'Divide percentages by 100.',
    constraints: ['signals_confidence_check'],
  },
  commission_out_of_range: {
    sentence: 'A commission must be a finite amount below 10^12.',
    remedy: 'Send the amount paid (negative for a rebate), or leave it out while it is unknown.',
    constraints: ['trades_commission_check'],
  },
  side_unknown: {
    sentence: 'A side is exactly BUY or SELL.',
    remedy: 'Write BUY or SELL in capitals.',
    constraints: ['signals_side_check', 'orders_side_check', 'trades_side_check'],
  },
  status_unknown: {
    sentence: 'An order is PENDING, FILLED, REJECTED or CANCELLED; a trade is OPEN or CLOSED.',
    remedy: 'Write one of these words in capitals.',
    constraints: ['orders_status_check', 'trades_status_check'],
  },
  event_type_unknown: {
    sentence: 'This type of risk event does not exist.',
    remedy:
      'Use signal_rejected, circuit_breaker_triggered, exposure_limit_exceeded, position_limit_exceeded or daily_drawdown_exceeded.',
    constraints: ['risk_events_type_check'],
  },
  time_out_of_range: {
    sentence: 'A market time is Unix milliseconds from 10^11 to 10^14 (1973 to 5138).',
    remedy: 'Send milliseconds; divide microseconds by 1000.',
    constraints: [
      'signals_timestamp_check',
      'orders_timestamp_check',
      'trades_entry_timestamp_check',
      'risk_events_timestamp_check',
      'candles_timestamp_check',
      'halts_timestamp_check',
      'decisions_timestamp_check',
      'capital_since_check',
    ],
  },
  exit_before_entry: {
    sentence: 'A trade cannot end before it began.',
    remedy: 'Check the unit and the zone of exit_timestamp: it is Unix milliseconds, UTC.',
    constraints: ['trades_exit_timestamp_check'],
  },
  trade_half_closed: {
    sentence: 'A trade is CLOSED if and only if it has an exit price and an exit time.',
    remedy: 'Set status, exit_price and exit_timestamp in one statement.',
    constraints: ['trades_closed_check'],
  },
  reason_missing: {
    sentence: 'This needs a reason.',
    remedy: 'Say why, in words that somebody will understand at night.',
    constraints: [
      'orders_rejection_reason_check',
      'risk_events_reason_check',
      'corrections_reason_check',
      'permits_reason_check',
      'quarantine_reason_check',
      'quarantine_decided_reason_check',
      'limits_reason_check',
      'capital_reason_check',
      'halts_reason_check',
      'retention_horizons_reason_check',
    ],
  },
  id_blank: {
    sentence: 'An id must not be blank.',
    remedy: 'Send an id that stays the same when you send the row again.',
    constraints: [
      'signals_signal_id_check',
      'orders_order_id_check',
      'trades_trade_id_check',
      'risk_events_event_id_check',
    ],
  },
  symbol_unusable: {
    sentence: 'A symbol must not be empty nor begin or end with a space.',
    remedy: 'Trim it: " BTCUSDT" and "BTCUSDT" would be two positions.',
    constraints: [
      'signals_symbol_check',
      'orders_symbol_check',
      'trades_symbol_check',
      'risk_events_symbol_check',
      'candles_symbol_check',
      'limits_symbol_check',
    ],
  },
  candle_impossible: {
    sentence: 'A candle has 0 < low <= open, close <= high < 10^12 and a volume of at least 0.',
    remedy: 'Check the order of the columns.',
    constraints: ['candles_price_check', 'candles_volume_check'],
  },
  recording_time_unusable: {
    sentence: 'The time at which a row was recorded is a finite time.',
    remedy: 'Leave created_at and updated_at out: the database fills them in, in UTC.',
    constraints: [
      'signals_created_at_check',
      'orders_created_at_check',
      'orders_updated_at_check',
      'trades_created_at_check',
      'risk_events_created_at_check',
    ],
  },
  signal_unknown: {
    sentence: 'The order names a signal that is not recorded.',
    remedy: 'Record the signal first, or leave signal_id out.',
    constraints: ['orders_signal_id_fkey'],
  },
  order_unknown: {
    sentence: 'The trade names an order that is not recorded.',
    remedy: 'Place the order first, or leave order_id out.',
    constraints: ['trades_order_id_fkey'],
  },
  id_taken: {
    sentence: 'The id is taken by another row.',
    remedy: 'The same row again is fine through the library, which compares; another row needs another id.',
    constraints: [
      'signals_signal_id_key',
      'orders_order_id_key',
      'trades_trade_id_key',
      'risk_events_event_id_key',
      'signals_pkey',
      'orders_pkey',
      'trades_pkey',
      'risk_events_pkey',
      'corrections_pkey',
      'permits_pkey',
      'record_log_pkey',
      'tokens_pkey',
      'idempotency_keys_pkey',
      'quarantine_pkey',
      'candles_pkey',
      'position_totals_pkey',
      'materialized_view_refreshes_pkey',
      'schema_migrations_pkey',
      'limits_pkey',
      'capital_pkey',
      'halts_pkey',
      'risk_pkey',
      'risk_id_check',
      'halt_gate_pkey',
      'halt_gate_id_check',
      'decisions_pkey',
      'reservation_totals_pkey',
      'order_history_pkey',
      'retention_horizons_pkey',
      'retention_state_pkey',
      'retention_waiting_pkey',
      'retention_runs_pkey',
    ],
  },
  order_disagrees_with_signal: {
    sentence: 'An order and its signal are for the same symbol.',
    remedy: 'Check signal_id.',
    constraints: ['orders_agree_with_signals'],
  },
  trade_disagrees_with_order: {
    sentence: 'A trade has the symbol and the side of its order.',
    remedy: 'Check order_id.',
    constraints: ['trades_agree_with_orders'],
  },
  record_final: {
    sentence:
      'Signals, risk events, decisions, limits, halts, corrections and what is in quarantine do not change once they are recorded.',
    remedy:
      'A limit or a halt gets a row of its own (`claire limits set`, `claire resume`); else use `claire correct`.',
    constraints: ['recorded_rows_are_final'],
  },
  order_facts_fixed: {
    sentence: 'Of an order only the status and the reason move.',
    remedy: 'Cancel the order and place another.',
    constraints: ['orders_facts_are_fixed'],
  },
  order_final: {
    sentence: 'An order moves from PENDING to FILLED, REJECTED or CANCELLED once, and stays there.',
    remedy: 'Read the order again before you act on it.',
    constraints: ['orders_final_state'],
  },
  trade_final: {
    sentence: 'A closed trade does not change; only a commission that is NULL or 0 may still be set.',
    remedy: 'Use `claire correct`, which records what was changed and why.',
    constraints: ['trades_closed_is_final'],
  },
  trade_closes_whole: {
    sentence: 'A trade is closed as a whole; closing a part of it is not possible yet.',
    remedy: 'Close with the full quantity, or open the position as several trades.',
    constraints: ['trades_close_whole'],
  },
  trade_entry_fixed: {
    sentence: 'What was entered with a trade does not change.',
    remedy: 'An addition is a trade of its own; a mistake goes through `claire correct`.',
    constraints: ['trades_entry_is_fixed'],
  },
  correction_invalid: {
    sentence: 'This cannot be corrected so.',
    remedy: 'Name a row that exists and columns that are neither ids, creation times nor computed profit.',
    constraints: [
      'corrections_table',
      'corrections_row',
      'corrections_columns',
      'corrections_lineage',
      'permits_action_check',
    ],
  },
  quarantine_invalid: {
    sentence: 'This cannot be quarantined, released or discarded so.',
    remedy: 'Name a row that is there (`claire quarantine list`), and the laws that it breaks.',
    constraints: [
      'quarantine_row',
      'quarantine_table_name_check',
      'quarantine_laws_check',
      'quarantine_state_check',
      'quarantine_decision_check',
    ],
  },
  quarantine_decided: {
    sentence: 'What was released or discarded stays so.',
    remedy: 'A released row is in its table again: mend it there with `claire correct`.',
    constraints: ['quarantine_decided'],
  },
  row_is_named: {
    sentence: 'A row that another row names cannot be quarantined.',
    remedy: 'Quarantine the row that names it first: trades before orders, orders before signals.',
    constraints: ['quarantine_lineage'],
  },
  limit_makes_no_sense: {
    sentence:
      'A limit is above 0 and below 10^15, a confidence at most 1, a drawdown below 0, in percent not below -100.',
    remedy:
      'Write a drawdown as a loss (-500, or -5 for 5 %); leave out what is not limited, or set it to nothing.',
    constraints: [
      'limits_max_exposure_check',
      'limits_max_position_check',
      'limits_max_order_size_check',
      'limits_max_open_trades_check',
      'limits_max_orders_per_minute_check',
      'limits_max_drawdown_check',
      'limits_max_drawdown_pct_check',
      'limits_min_confidence_check',
      'limits_max_signal_age_ms_check',
    ],
  },
  limit_unknown: {
    sentence: 'There is no such limit.',
    remedy: 'See `claire limits set --help` for their names and words.',
    constraints: [
      'limits_name',
      'limits_enforce_halts_check',
      'limits_enforce_limits_check',
      'limits_breaker_halts_check',
    ],
  },
  limit_scope_unusable: {
    sentence: 'Of one symbol only max_position and max_order_size are limited; the rest is of the book.',
    remedy: 'Set it without a symbol.',
    constraints: ['limits_scope_check'],
  },
  limit_symbol_unknown: {
    sentence: 'A limit on a symbol that nobody trades protects nothing.',
    remedy: 'Check the spelling; where the symbol is to come, say --new-symbol.',
    constraints: ['limits_symbol_known'],
  },
  time_zone_unknown: {
    sentence: 'This is no time zone that the server knows.',
    remedy: 'Write its name as in Europe/Berlin, or UTC.',
    constraints: ['limits_time_zone'],
  },
  capital_missing: {
    sentence: 'A drawdown in percent needs the capital that it is a part of.',
    remedy: 'Record it first: `claire capital set 10000 --reason "opening balance"`.',
    constraints: ['limits_capital'],
  },
  capital_out_of_range: {
    sentence: 'The capital is above 0 and finite.',
    remedy: 'Write the opening balance as a positive amount.',
    constraints: ['capital_amount_check'],
  },
  trading_halted: {
    sentence: 'Trading is halted: no order that increases risk is taken.',
    remedy: 'See `claire halts`; end it with `claire resume --reason …` when the cause is gone.',
    constraints: ['orders_wait_while_halted'],
  },
  order_over_limits: {
    sentence: 'The order is over the limits of the book, which hold for plain SQL too.',
    remedy: 'See `claire limits show`; ask with `decide`, which records the refusal and its numbers.',
    constraints: ['orders_within_limits'],
  },
  drawdown_still_broken: {
    sentence: 'The drawdown is still over its limit.',
    remedy: 'Wait for the next day, change the limit, or say --despite-limit, which is recorded.',
    constraints: ['halts_limit_still_broken'],
  },
  ...retentionLaws,
  ...tokenLaws,
  ...riskLaws,
} as const;
