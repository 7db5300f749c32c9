-- title: Nothing is everybody's: what the triggers and the refresh need they have from the owner, and PUBLIC may call nothing
-- version: 1.4
-- breaking: yes
-- transaction: yes
-- locks: none; changes functions

-- Whoever keeps the record fresh need not own the view (PostgreSQL 15 and 16 ask for that), nor write when it was done.
alter function refresh_positions_realtime() security definer;

-- These call functions of Claire's. With the rights of the caller each role that inserts or updates would need these too,
-- also the roles that are not Claire's. The search path of each is fixed since it was made.
alter function calculate_pnl() security definer;

alter function seconds_to_milliseconds() security definer;

alter function trade_seconds_to_milliseconds() security definer;

alter function refuse_change() security definer;

alter function refuse_update() security definer;

alter function refuse_removal() security definer;

alter function guard_order_update() security definer;

alter function guard_trade_update() security definer;

-- A function is everybody's when it is made. Who needs one is granted it by name (docs/reference/roles.md).
revoke execute on function
  answer_direct_order(decisions, limits),
  answers_of(text[], text[], numeric[], numeric[], numeric[], decisions[]),
  append_position_changes(),
  as_milliseconds(bigint),
  as_ms(timestamp without time zone),
  balance_of(bigint),
  book_limits(),
  calculate_pnl(),
  candidates_of(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[], limits),
  closing_time(text, text, numeric, bigint, numeric),
  correct_record(text, bigint, jsonb, text, text),
  decide(text, numeric, text, numeric, bigint),
  decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[]),
  decide_quarantined(bigint, text, text),
  direct_candidate(text, text, text, text, numeric, numeric, bigint, bigint, limits),
  discard_row(bigint, text),
  drawdown_breach(risk, limits),
  event_type_of(text),
  exact_word(text, text[]),
  fill_created_at(),
  fill_order_times(),
  fold_position_changes(integer),
  fold_reservation_changes(),
  follow_decisions(decisions[]),
  follow_orders(),
  follow_profit(bigint[], numeric[]),
  follow_trades(),
  guard_order_update(),
  guard_trade_update(),
  halt_at(halt_gate, bigint),
  halt_trading(text, bigint, bigint),
  has_permit(text, text),
  held_exposure(text[]),
  hold_the_door(),
  is_amount(numeric),
  is_anything_limited(limits),
  is_least_confidence(numeric),
  is_loss(numeric),
  is_loss_percent(numeric),
  is_minute_full(bigint, bigint[], bigint),
  is_number_of(bigint),
  judge_orders(decisions[], risk, halt_gate, limits),
  limits_as_json(limits),
  limits_broken(decisions, limits),
  limits_problem(limits),
  lock_record(text, bigint),
  lock_risk(),
  lock_risk_of_trades(),
  market_day(bigint, text),
  mend_rows(text, bigint, bigint, jsonb, text),
  now_ms(),
  numbers_of(decisions, limits, jsonb),
  order_as_json(orders),
  order_id_for(text),
  orders_agree_with_signals(),
  place_decided(decisions),
  price_of(text, numeric, numeric),
  profit_between(bigint, bigint),
  profit_of(text, numeric, numeric, numeric, numeric),
  quarantine_row(text, bigint, text[], text),
  record_corrections(text, bigint, jsonb, jsonb, text, text),
  record_halt(text, text, bigint, bigint, jsonb),
  record_waiting_orders(),
  refresh_positions_realtime(),
  refusal_of(text, text),
  refuse_broken_chain(text, bigint),
  refuse_change(),
  refuse_fixed_columns(text, jsonb, jsonb),
  refuse_older_moment(),
  refuse_removal(),
  refuse_time_to_come(bigint),
  refuse_update(),
  release_reservation(text, text),
  release_row(bigint, jsonb, text),
  resume_trading(text, boolean, bigint),
  risk_at(risk, limits, bigint),
  schema_version(),
  seconds_to_milliseconds(),
  set_capital(numeric, text, bigint),
  set_limits(jsonb, text, text, boolean),
  signal_broken(signals, bigint, limits),
  signal_numbers(signals, bigint, limits),
  standing_breach(halt_gate, risk, limits, bigint),
  sum_reservations(),
  tell_overrun(text[], numeric[], bigint, text, text),
  trade_as_json(trades),
  trade_seconds_to_milliseconds(),
  trades_agree_with_orders(),
  trimmed(text),
  trip_breaker(risk, limits, bigint),
  unjudged(decisions[]),
  usable_time(bigint, bigint),
  why(text)
from public;
