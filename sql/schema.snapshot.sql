-- The schema of a book at 1.5, as PostgreSQL 18 writes it. Made by `npm run docs`: do not edit.

-- Columns are sorted by name. For reading; books are made by sql/migrations.

-- candles ---------------------------------------------------------------------------------------------

create table candles (
  close numeric not null,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  high numeric not null,
  low numeric not null,
  open numeric not null,
  symbol character varying(20) not null,
  "timestamp" bigint not null,
  volume numeric not null,
  constraint candles_pkey PRIMARY KEY (symbol, "timestamp"),
  constraint candles_price_check CHECK (low > 0::numeric AND high < '1000000000000'::numeric AND low <= open AND low <= close AND high >= open AND high >= close),
  constraint candles_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text)),
  constraint candles_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint),
  constraint candles_volume_check CHECK (volume >= 0::numeric AND volume < '1000000000000000000'::numeric)
);

alter table candles set (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX idx_candles_created_at ON candles USING btree (created_at);

CREATE INDEX idx_candles_timestamp_symbol ON candles USING btree ("timestamp", symbol);

-- capital ---------------------------------------------------------------------------------------------

create table capital (
  actor text not null default actor(),
  amount numeric not null,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  reason text not null,
  since bigint,
  version bigint not null default nextval('capital_version_seq'::regclass),
  constraint capital_amount_check CHECK (is_amount(amount)),
  constraint capital_pkey PRIMARY KEY (version),
  constraint capital_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint capital_since_check CHECK (since >= '100000000000'::numeric::bigint AND since < '100000000000000'::numeric::bigint)
);

create sequence capital_version_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence capital_version_seq owned by capital.version;

CREATE TRIGGER capital_refuse_removal BEFORE DELETE OR TRUNCATE ON capital FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER capital_refuse_update BEFORE UPDATE ON capital FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

-- corrections -----------------------------------------------------------------------------------------

create table corrections (
  actor text not null default actor(),
  after jsonb,
  before jsonb,
  column_name text not null,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  id bigint not null default nextval('corrections_id_seq'::regclass),
  law text,
  reason text not null,
  row_id bigint,
  table_name text not null,
  version text not null,
  constraint corrections_pkey PRIMARY KEY (id),
  constraint corrections_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text)
);

create sequence corrections_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence corrections_id_seq owned by corrections.id;

CREATE INDEX idx_corrections_column_name_created_at_id ON corrections USING btree (column_name, created_at, id);

CREATE INDEX idx_corrections_created_at_id ON corrections USING btree (created_at, id);

CREATE INDEX idx_corrections_law_created_at_id ON corrections USING btree (law, created_at, id);

CREATE INDEX idx_corrections_table_row ON corrections USING btree (table_name, row_id);

CREATE TRIGGER corrections_refuse_change BEFORE UPDATE ON corrections FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER corrections_refuse_removal BEFORE DELETE OR TRUNCATE ON corrections FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- decisions -------------------------------------------------------------------------------------------

create table decisions (
  actor text not null default actor(),
  asked_notional numeric,
  asked_price numeric,
  asked_quantity numeric,
  broken text[] not null default '{}'::text[],
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  daily_pnl numeric,
  decision text not null,
  details jsonb,
  exposure numeric,
  limits_version bigint,
  notional numeric,
  open_trades bigint,
  order_id character varying(50) not null,
  "position" numeric,
  price numeric,
  quantity numeric not null,
  reason text,
  reduces boolean not null,
  released_reason text,
  reserved_quantity numeric,
  side character varying(10) not null,
  signal_id character varying(50),
  symbol character varying(20) not null,
  "timestamp" bigint not null,
  constraint decisions_decision_check CHECK (decision = ANY (ARRAY['opening'::text, 'closing'::text, 'rejected'::text, 'direct'::text])),
  constraint decisions_pkey PRIMARY KEY (order_id),
  constraint decisions_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint)
);

alter table decisions set (autovacuum_vacuum_scale_factor = 0.02);

alter table decisions set (fillfactor = 85);

CREATE INDEX idx_decisions_reserved ON decisions USING btree (created_at) WHERE reserved_quantity IS DISTINCT FROM 0::numeric;

CREATE INDEX idx_decisions_timestamp ON decisions USING btree ("timestamp") WHERE (decision = ANY (ARRAY['opening'::text, 'direct'::text])) AND NOT reduces;

CREATE TRIGGER decisions_refuse_removal BEFORE DELETE OR TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER decisions_refuse_update BEFORE UPDATE ON decisions FOR EACH ROW WHEN (old.order_id::text IS DISTINCT FROM new.order_id::text OR old.signal_id::text IS DISTINCT FROM new.signal_id::text OR old.symbol::text IS DISTINCT FROM new.symbol::text OR old.side::text IS DISTINCT FROM new.side::text OR old.decision IS DISTINCT FROM new.decision OR old.reduces IS DISTINCT FROM new.reduces OR old."timestamp" IS DISTINCT FROM new."timestamp" OR old.quantity IS DISTINCT FROM new.quantity OR old.price IS DISTINCT FROM new.price OR old.notional IS DISTINCT FROM new.notional OR old.reason IS DISTINCT FROM new.reason OR old.broken IS DISTINCT FROM new.broken OR old.limits_version IS DISTINCT FROM new.limits_version OR old.exposure IS DISTINCT FROM new.exposure OR old."position" IS DISTINCT FROM new."position" OR old.open_trades IS DISTINCT FROM new.open_trades OR old.daily_pnl IS DISTINCT FROM new.daily_pnl OR old.actor IS DISTINCT FROM new.actor OR old.created_at IS DISTINCT FROM new.created_at) EXECUTE FUNCTION refuse_update();

-- halt_gate -------------------------------------------------------------------------------------------

create table halt_gate (
  despite_from bigint,
  despite_until bigint,
  halt_id bigint,
  id bigint not null default 1,
  constraint halt_gate_id_check CHECK (id = 1),
  constraint halt_gate_pkey PRIMARY KEY (id)
);

alter table halt_gate set (fillfactor = 10);

-- halts -----------------------------------------------------------------------------------------------

create table halts (
  action text not null,
  actor text not null default actor(),
  cause text not null,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  despite_limit boolean not null default false,
  details jsonb,
  id bigint not null default nextval('halts_id_seq'::regclass),
  reason text not null,
  "timestamp" bigint not null,
  until bigint,
  constraint halts_action_check CHECK (action = ANY (ARRAY['halt'::text, 'resume'::text])),
  constraint halts_cause_check CHECK (cause = ANY (ARRAY['hand'::text, 'drawdown'::text])),
  constraint halts_pkey PRIMARY KEY (id),
  constraint halts_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint halts_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint),
  constraint halts_until_check CHECK (until > "timestamp")
);

create sequence halts_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence halts_id_seq owned by halts.id;

CREATE TRIGGER halts_record_log_insert AFTER INSERT ON halts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('halt');

CREATE TRIGGER halts_refuse_removal BEFORE DELETE OR TRUNCATE ON halts FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER halts_refuse_update BEFORE UPDATE ON halts FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

-- idempotency_keys ------------------------------------------------------------------------------------

create table idempotency_keys (
  answer text not null,
  caller text not null,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  key text not null,
  request_hash text not null,
  status bigint not null,
  constraint idempotency_keys_pkey PRIMARY KEY (caller, key)
);

CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys USING btree (created_at);

-- limits ----------------------------------------------------------------------------------------------

create table limits (
  actor text not null default actor(),
  breaker_halts text,
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  enforce_halts text,
  enforce_limits text,
  max_drawdown numeric,
  max_drawdown_pct numeric,
  max_exposure numeric,
  max_open_trades bigint,
  max_order_size numeric,
  max_orders_per_minute bigint,
  max_position numeric,
  max_signal_age_ms bigint,
  min_confidence numeric,
  reason text not null,
  symbol character varying(20),
  time_zone text,
  version bigint not null default nextval('limits_version_seq'::regclass),
  constraint limits_breaker_halts_check CHECK (breaker_halts = ANY (ARRAY['until_resumed'::text, 'until_next_day'::text])),
  constraint limits_enforce_halts_check CHECK (enforce_halts = ANY (ARRAY['on'::text, 'warn'::text, 'off'::text])),
  constraint limits_enforce_limits_check CHECK (enforce_limits = ANY (ARRAY['on'::text, 'warn'::text, 'off'::text])),
  constraint limits_max_drawdown_check CHECK (is_loss(max_drawdown)),
  constraint limits_max_drawdown_pct_check CHECK (is_loss_percent(max_drawdown_pct)),
  constraint limits_max_exposure_check CHECK (is_amount(max_exposure)),
  constraint limits_max_open_trades_check CHECK (is_number_of(max_open_trades)),
  constraint limits_max_order_size_check CHECK (is_amount(max_order_size)),
  constraint limits_max_orders_per_minute_check CHECK (is_number_of(max_orders_per_minute)),
  constraint limits_max_position_check CHECK (is_amount(max_position)),
  constraint limits_max_signal_age_ms_check CHECK (is_number_of(max_signal_age_ms)),
  constraint limits_min_confidence_check CHECK (is_least_confidence(min_confidence)),
  constraint limits_pkey PRIMARY KEY (version),
  constraint limits_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint limits_scope_check CHECK (
CASE
    WHEN symbol IS NULL THEN num_nulls(time_zone, enforce_halts, enforce_limits, breaker_halts) = 0
    ELSE num_nonnulls(max_exposure, max_open_trades, max_orders_per_minute, max_drawdown, max_drawdown_pct, min_confidence, max_signal_age_ms, time_zone, enforce_halts, enforce_limits, breaker_halts) = 0
END),
  constraint limits_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text))
);

create sequence limits_version_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence limits_version_seq owned by limits.version;

CREATE INDEX idx_limits_symbol_version ON limits USING btree (symbol, version);

CREATE TRIGGER limits_record_log_insert AFTER INSERT ON limits REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('limits');

CREATE TRIGGER limits_refuse_removal BEFORE DELETE OR TRUNCATE ON limits FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER limits_refuse_update BEFORE UPDATE ON limits FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

-- materialized_view_refreshes -------------------------------------------------------------------------

create table materialized_view_refreshes (
  last_refresh timestamp without time zone default timezone('UTC'::text, now()),
  view_name text not null,
  constraint materialized_view_refreshes_pkey PRIMARY KEY (view_name)
);

-- order_history ---------------------------------------------------------------------------------------

create table order_history (
  actor text not null default actor(),
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  from_status character varying(20),
  id bigint not null default nextval('order_history_id_seq'::regclass),
  order_id character varying(50) not null,
  reason text,
  to_status character varying(20) not null,
  constraint order_history_pkey PRIMARY KEY (id)
);

alter table order_history set (autovacuum_vacuum_scale_factor = 0.02);

create sequence order_history_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence order_history_id_seq owned by order_history.id;

CREATE INDEX idx_order_history_order_id_id ON order_history USING btree (order_id, id);

CREATE TRIGGER order_history_refuse_removal BEFORE DELETE OR TRUNCATE ON order_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER order_history_refuse_update BEFORE UPDATE ON order_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

-- orders ----------------------------------------------------------------------------------------------

create table orders (
  created_at timestamp without time zone default timezone('UTC'::text, now()),
  id bigint not null default nextval('orders_id_seq'::regclass),
  order_id character varying(50) not null,
  price numeric,
  quantity numeric not null,
  rejection_reason text,
  side character varying(10) not null,
  signal_id character varying(50),
  status character varying(20) not null,
  symbol character varying(20) not null,
  "timestamp" bigint,
  updated_at timestamp without time zone default timezone('UTC'::text, now()),
  constraint orders_created_at_check CHECK (created_at IS NOT NULL AND isfinite(created_at)),
  constraint orders_order_id_check CHECK (btrim(order_id::text, E' \t\n\r'::text) <> ''::text),
  constraint orders_order_id_key UNIQUE (order_id),
  constraint orders_pkey PRIMARY KEY (id),
  constraint orders_price_check CHECK (price > 0::numeric AND price < '1000000000000'::numeric),
  constraint orders_price_decimals_check CHECK (price = round(price, 8) AND scale(price) <= 32),
  constraint orders_quantity_check CHECK (quantity > 0::numeric AND quantity < '1000000000000'::numeric),
  constraint orders_quantity_decimals_check CHECK (quantity = round(quantity, 8) AND scale(quantity) <= 32),
  constraint orders_rejection_reason_check CHECK (status::text <> 'REJECTED'::text OR COALESCE(btrim(rejection_reason, E' \t\n\r'::text), ''::text) <> ''::text),
  constraint orders_side_check CHECK (side::text = ANY (ARRAY['BUY'::text, 'SELL'::text])),
  constraint orders_signal_id_fkey FOREIGN KEY (signal_id) REFERENCES signals(signal_id),
  constraint orders_status_check CHECK (status::text = ANY (ARRAY['PENDING'::text, 'FILLED'::text, 'REJECTED'::text, 'CANCELLED'::text])),
  constraint orders_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text)),
  constraint orders_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint),
  constraint orders_updated_at_check CHECK (updated_at IS NOT NULL AND isfinite(updated_at))
);

alter table orders set (autovacuum_analyze_scale_factor = 0.02);

alter table orders set (autovacuum_vacuum_scale_factor = 0.02);

create sequence orders_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence orders_id_seq owned by orders.id;

CREATE INDEX idx_orders_created_at_id ON orders USING btree (created_at, id);

CREATE INDEX idx_orders_signal_id ON orders USING btree (signal_id);

CREATE INDEX idx_orders_status_created ON orders USING btree (status, created_at, id);

CREATE INDEX idx_orders_symbol_created_at_id ON orders USING btree (symbol, created_at, id);

CREATE TRIGGER a_fill_order_times BEFORE INSERT ON orders FOR EACH ROW WHEN (new.created_at IS NULL OR new.updated_at IS NULL) EXECUTE FUNCTION fill_order_times();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON orders FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

CREATE TRIGGER orders_agree_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION orders_agree_with_signals();

CREATE TRIGGER orders_door_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION hold_the_door();

CREATE TRIGGER orders_follow_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION follow_orders();

CREATE TRIGGER orders_follow_update AFTER UPDATE ON orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION follow_orders();

CREATE TRIGGER orders_record_log_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('order');

CREATE TRIGGER orders_record_log_update AFTER UPDATE ON orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('order');

CREATE TRIGGER orders_refuse_removal BEFORE DELETE OR TRUNCATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER z_guard_order_update BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION guard_order_update();

-- permits ---------------------------------------------------------------------------------------------

create table permits (
  action text not null,
  reason text not null,
  table_name text not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  constraint permits_action_check CHECK (action = ANY (ARRAY['correct'::text, 'delete'::text])),
  constraint permits_pkey PRIMARY KEY (transaction_id, table_name, action),
  constraint permits_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text)
);

-- position_changes ------------------------------------------------------------------------------------

create table position_changes (
  notional numeric not null,
  num_trades bigint not null,
  quantity numeric not null,
  side character varying(10) not null,
  symbol character varying(20) not null
);

alter table position_changes set (autovacuum_vacuum_insert_threshold = -1);

alter table position_changes set (autovacuum_vacuum_scale_factor = 0);

alter table position_changes set (autovacuum_vacuum_threshold = 2000);

-- position_totals -------------------------------------------------------------------------------------

create table position_totals (
  notional numeric not null,
  num_trades bigint not null,
  quantity numeric not null,
  side character varying(10) not null,
  symbol character varying(20) not null,
  constraint position_totals_pkey PRIMARY KEY (symbol, side)
);

-- quarantine ------------------------------------------------------------------------------------------

create table quarantine (
  actor text not null default actor(),
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  decided_at timestamp without time zone,
  decided_by text,
  decided_reason text,
  id bigint not null default nextval('quarantine_id_seq'::regclass),
  laws text[] not null,
  reason text not null,
  "row" jsonb not null,
  row_id bigint not null,
  state text not null default 'held'::text,
  table_name text not null,
  version text not null,
  constraint quarantine_decided_reason_check CHECK (btrim(decided_reason, E' \t\n\r'::text) <> ''::text),
  constraint quarantine_decision_check CHECK (num_nonnulls(decided_reason, decided_by, decided_at) =
CASE state
    WHEN 'held'::text THEN 0
    ELSE 3
END),
  constraint quarantine_laws_check CHECK (cardinality(laws) > 0 AND array_position(laws, NULL::text) IS NULL),
  constraint quarantine_pkey PRIMARY KEY (id),
  constraint quarantine_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint quarantine_state_check CHECK (state = ANY (ARRAY['held'::text, 'released'::text, 'discarded'::text])),
  constraint quarantine_table_name_check CHECK (table_name = ANY (ARRAY['signals'::text, 'orders'::text, 'trades'::text, 'risk_events'::text]))
);

create sequence quarantine_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence quarantine_id_seq owned by quarantine.id;

CREATE INDEX idx_quarantine_laws ON quarantine USING gin (laws);

CREATE INDEX idx_quarantine_state_id ON quarantine USING btree (state, id);

CREATE INDEX idx_quarantine_table_name_id ON quarantine USING btree (table_name, id);

CREATE INDEX idx_quarantine_table_name_row_id ON quarantine USING btree (table_name, row_id) WHERE state = 'held'::text;

CREATE TRIGGER quarantine_refuse_change BEFORE UPDATE ON quarantine FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER quarantine_refuse_removal BEFORE DELETE OR TRUNCATE ON quarantine FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- record_log ------------------------------------------------------------------------------------------

create table record_log (
  action text not null,
  actor text not null default actor(),
  created_at timestamp without time zone not null default timezone('UTC'::text, clock_timestamp()),
  id bigint not null default nextval('record_log_id_seq'::regclass),
  ids bigint[] not null,
  places text[] not null default '{}'::text[],
  what text not null,
  xid xid8 not null default pg_current_xact_id(),
  constraint record_log_pkey PRIMARY KEY (xid, id)
);

alter table record_log set (autovacuum_vacuum_scale_factor = 0);

alter table record_log set (autovacuum_vacuum_threshold = 20000);

create sequence record_log_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence record_log_id_seq owned by record_log.id;

-- reservation_changes ---------------------------------------------------------------------------------

create table reservation_changes (
  order_id character varying(50) not null
);

alter table reservation_changes set (autovacuum_vacuum_insert_threshold = -1);

alter table reservation_changes set (autovacuum_vacuum_scale_factor = 0);

alter table reservation_changes set (autovacuum_vacuum_threshold = 2000);

-- reservation_totals ----------------------------------------------------------------------------------

create table reservation_totals (
  closing numeric not null,
  notional numeric not null,
  num_orders bigint not null,
  side character varying(10) not null,
  symbol character varying(20) not null,
  constraint reservation_totals_pkey PRIMARY KEY (symbol, side)
);

alter table reservation_totals set (fillfactor = 50);

-- retention_horizons ----------------------------------------------------------------------------------

create table retention_horizons (
  actor text not null default actor(),
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  keep_seconds bigint,
  reason text not null,
  table_name text not null,
  version bigint not null default nextval('retention_horizons_version_seq'::regclass),
  constraint retention_horizons_keep_seconds_check CHECK (keep_seconds > 0 AND keep_seconds <= '3155760000'::bigint),
  constraint retention_horizons_pkey PRIMARY KEY (version),
  constraint retention_horizons_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint retention_horizons_table_name_check CHECK (table_name = ANY (ARRAY['signals'::text, 'orders'::text, 'risk_events'::text, 'candles'::text]))
);

create sequence retention_horizons_version_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence retention_horizons_version_seq owned by retention_horizons.version;

CREATE TRIGGER retention_horizons_refuse_removal BEFORE DELETE OR TRUNCATE ON retention_horizons FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER retention_horizons_refuse_update BEFORE UPDATE ON retention_horizons FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

-- retention_runs --------------------------------------------------------------------------------------

create table retention_runs (
  actor text not null default actor(),
  as_of timestamp without time zone not null,
  backup text,
  bytes bigint not null default 0,
  covered_ids jsonb,
  covered_until timestamp without time zone,
  due_before timestamp without time zone not null,
  ended_at timestamp without time zone not null default timezone('UTC'::text, now()),
  id bigint not null default nextval('retention_runs_id_seq'::regclass),
  looked bigint not null default 0,
  outcome text not null default 'running'::text,
  removed bigint not null default 0,
  started_at timestamp without time zone not null default timezone('UTC'::text, now()),
  table_name text not null,
  with_decisions bigint not null default 0,
  with_history bigint not null default 0,
  with_signals bigint not null default 0,
  constraint retention_runs_outcome_check CHECK (outcome = ANY (ARRAY['running'::text, 'done'::text, 'stopped'::text, 'failed'::text, 'cut_off'::text])),
  constraint retention_runs_pkey PRIMARY KEY (id)
);

create sequence retention_runs_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence retention_runs_id_seq owned by retention_runs.id;

-- retention_state -------------------------------------------------------------------------------------

create table retention_state (
  searched_at timestamp without time zone,
  table_name text not null,
  watermark bigint not null default 0,
  constraint retention_state_pkey PRIMARY KEY (table_name)
);

-- retention_waiting -----------------------------------------------------------------------------------

create table retention_waiting (
  row_id bigint not null,
  table_name text not null,
  constraint retention_waiting_pkey PRIMARY KEY (table_name, row_id)
);

-- risk ------------------------------------------------------------------------------------------------

create table risk (
  day_from bigint,
  day_pnl numeric,
  day_until bigint,
  decided bigint not null default 0,
  id bigint not null default 1,
  profit_at bigint,
  window_pnl numeric,
  constraint risk_id_check CHECK (id = 1),
  constraint risk_pkey PRIMARY KEY (id)
);

alter table risk set (fillfactor = 10);

-- risk_events -----------------------------------------------------------------------------------------

create table risk_events (
  created_at timestamp without time zone default timezone('UTC'::text, now()),
  details jsonb,
  event_id character varying(50),
  event_type character varying(50) not null,
  id bigint not null default nextval('risk_events_id_seq'::regclass),
  reason text not null,
  signal_id character varying(50),
  symbol character varying(20),
  "timestamp" bigint not null,
  constraint risk_events_created_at_check CHECK (created_at IS NOT NULL AND isfinite(created_at)),
  constraint risk_events_event_id_check CHECK (btrim(event_id::text, E' \t\n\r'::text) <> ''::text),
  constraint risk_events_event_id_key UNIQUE (event_id),
  constraint risk_events_pkey PRIMARY KEY (id),
  constraint risk_events_reason_check CHECK (btrim(reason, E' \t\n\r'::text) <> ''::text),
  constraint risk_events_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text)),
  constraint risk_events_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint),
  constraint risk_events_type_check CHECK (event_type::text = ANY (ARRAY['signal_rejected'::text, 'circuit_breaker_triggered'::text, 'exposure_limit_exceeded'::text, 'position_limit_exceeded'::text, 'daily_drawdown_exceeded'::text]))
);

alter table risk_events set (autovacuum_analyze_scale_factor = 0.02);

alter table risk_events set (autovacuum_vacuum_scale_factor = 0.02);

create sequence risk_events_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence risk_events_id_seq owned by risk_events.id;

CREATE INDEX idx_risk_events_jsonb ON risk_events USING gin (details jsonb_path_ops);

CREATE INDEX idx_risk_events_signal_id ON risk_events USING btree (signal_id);

CREATE INDEX idx_risk_events_symbol_timestamp_id ON risk_events USING btree (symbol, "timestamp", id);

CREATE INDEX idx_risk_events_timestamp_id ON risk_events USING btree ("timestamp", id);

CREATE INDEX idx_risk_events_type_timestamp ON risk_events USING btree (event_type, "timestamp", id);

CREATE TRIGGER a_fill_created_at BEFORE INSERT ON risk_events FOR EACH ROW WHEN (new.created_at IS NULL) EXECUTE FUNCTION fill_created_at();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON risk_events FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

CREATE TRIGGER risk_events_record_log_insert AFTER INSERT ON risk_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('risk_event');

CREATE TRIGGER risk_events_refuse_change BEFORE UPDATE ON risk_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER risk_events_refuse_removal BEFORE DELETE OR TRUNCATE ON risk_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- signals ---------------------------------------------------------------------------------------------

create table signals (
  confidence numeric not null,
  created_at timestamp without time zone default timezone('UTC'::text, now()),
  id bigint not null default nextval('signals_id_seq'::regclass),
  metadata jsonb,
  price numeric not null,
  side character varying(10) not null,
  signal_id character varying(50) not null,
  symbol character varying(20) not null,
  "timestamp" bigint not null,
  constraint signals_confidence_check CHECK (confidence >= 0::numeric AND confidence <= 1::numeric),
  constraint signals_created_at_check CHECK (created_at IS NOT NULL AND isfinite(created_at)),
  constraint signals_pkey PRIMARY KEY (id),
  constraint signals_price_check CHECK (price > 0::numeric AND price < '1000000000000'::numeric),
  constraint signals_price_decimals_check CHECK (price = round(price, 8) AND scale(price) <= 32),
  constraint signals_side_check CHECK (side::text = ANY (ARRAY['BUY'::text, 'SELL'::text])),
  constraint signals_signal_id_check CHECK (btrim(signal_id::text, E' \t\n\r'::text) <> ''::text),
  constraint signals_signal_id_key UNIQUE (signal_id),
  constraint signals_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text)),
  constraint signals_timestamp_check CHECK ("timestamp" >= '100000000000'::numeric::bigint AND "timestamp" < '100000000000000'::numeric::bigint)
);

alter table signals set (autovacuum_analyze_scale_factor = 0.02);

alter table signals set (autovacuum_vacuum_scale_factor = 0.02);

create sequence signals_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence signals_id_seq owned by signals.id;

CREATE INDEX idx_signals_recent ON signals USING btree ("timestamp" DESC);

CREATE INDEX idx_signals_symbol_timestamp ON signals USING btree (symbol, "timestamp" DESC);

CREATE TRIGGER a_fill_created_at BEFORE INSERT ON signals FOR EACH ROW WHEN (new.created_at IS NULL) EXECUTE FUNCTION fill_created_at();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON signals FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

CREATE TRIGGER signals_refuse_change BEFORE UPDATE ON signals FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER signals_refuse_removal BEFORE DELETE OR TRUNCATE ON signals FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- tokens ----------------------------------------------------------------------------------------------

create table tokens (
  created_at timestamp without time zone not null default timezone('UTC'::text, now()),
  created_by text not null default actor(),
  hash bytea not null,
  last_used_day date,
  name text not null,
  revoked_at timestamp without time zone,
  revoked_by text,
  role text not null,
  token_id text not null,
  constraint tokens_hash_check CHECK (length(hash) = 32),
  constraint tokens_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$'::text),
  constraint tokens_pkey PRIMARY KEY (token_id),
  constraint tokens_role_check CHECK (role = ANY (ARRAY['signal_engine'::text, 'risk_manager'::text, 'execution_service'::text, 'claire_reader'::text, 'claire_operator'::text, 'claire'::text])),
  constraint tokens_token_id_check CHECK (token_id ~ '^[a-z0-9]{12}$'::text)
);

-- trades ----------------------------------------------------------------------------------------------

create table trades (
  commission numeric default 0.0,
  created_at timestamp without time zone default timezone('UTC'::text, now()),
  entry_price numeric not null,
  entry_timestamp bigint not null,
  exit_price numeric,
  exit_timestamp bigint,
  id bigint not null default nextval('trades_id_seq'::regclass),
  order_id character varying(50),
  pnl numeric(38,8),
  pnl_net numeric(38,8),
  pnl_pct numeric(38,4),
  quantity numeric not null,
  side character varying(10) not null,
  status character varying(20) not null,
  symbol character varying(20) not null,
  trade_id character varying(50),
  constraint trades_closed_check CHECK (
CASE status
    WHEN 'CLOSED'::text THEN exit_price IS NOT NULL AND exit_timestamp IS NOT NULL
    ELSE exit_price IS NULL AND exit_timestamp IS NULL
END),
  constraint trades_commission_check CHECK (commission > '-1000000000000'::numeric AND commission < '1000000000000'::numeric),
  constraint trades_commission_decimals_check CHECK (commission = round(commission, 8) AND scale(commission) <= 32),
  constraint trades_created_at_check CHECK (created_at IS NOT NULL AND isfinite(created_at)),
  constraint trades_entry_price_check CHECK (entry_price > 0::numeric AND entry_price < '1000000000000'::numeric),
  constraint trades_entry_price_decimals_check CHECK (entry_price = round(entry_price, 8) AND scale(entry_price) <= 32),
  constraint trades_entry_timestamp_check CHECK (entry_timestamp >= '100000000000'::numeric::bigint AND entry_timestamp < '100000000000000'::numeric::bigint),
  constraint trades_exit_price_check CHECK (exit_price > 0::numeric AND exit_price < '1000000000000'::numeric),
  constraint trades_exit_price_decimals_check CHECK (exit_price = round(exit_price, 8) AND scale(exit_price) <= 32),
  constraint trades_exit_timestamp_check CHECK (exit_timestamp >= entry_timestamp AND exit_timestamp < '100000000000000'::numeric::bigint),
  constraint trades_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(order_id),
  constraint trades_pkey PRIMARY KEY (id),
  constraint trades_quantity_check CHECK (quantity > 0::numeric AND quantity < '1000000000000'::numeric),
  constraint trades_quantity_decimals_check CHECK (quantity = round(quantity, 8) AND scale(quantity) <= 32),
  constraint trades_side_check CHECK (side::text = ANY (ARRAY['BUY'::text, 'SELL'::text])),
  constraint trades_status_check CHECK (status::text = ANY (ARRAY['OPEN'::text, 'CLOSED'::text])),
  constraint trades_symbol_check CHECK (symbol::text <> ''::text AND symbol::text = btrim(symbol::text, E' \t\n\r'::text)),
  constraint trades_trade_id_check CHECK (btrim(trade_id::text, E' \t\n\r'::text) <> ''::text),
  constraint trades_trade_id_key UNIQUE (trade_id)
);

alter table trades set (autovacuum_analyze_scale_factor = 0.02);

alter table trades set (autovacuum_vacuum_scale_factor = 0.02);

create sequence trades_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence trades_id_seq owned by trades.id;

CREATE INDEX idx_trades_entry_timestamp_id ON trades USING btree (entry_timestamp, id);

CREATE INDEX idx_trades_exit_timestamp ON trades USING btree (exit_timestamp) INCLUDE (symbol, pnl, pnl_net, commission) WHERE status::text = 'CLOSED'::text;

CREATE INDEX idx_trades_order_id ON trades USING btree (order_id);

CREATE INDEX idx_trades_status_entry ON trades USING btree (status, entry_timestamp, id) WHERE status::text = 'OPEN'::text;

CREATE INDEX idx_trades_symbol_entry_timestamp_id ON trades USING btree (symbol, entry_timestamp, id);

CREATE INDEX idx_trades_symbol_side_entry ON trades USING btree (symbol, side, entry_timestamp, id) WHERE status::text = 'OPEN'::text;

CREATE TRIGGER a_fill_created_at BEFORE INSERT ON trades FOR EACH ROW WHEN (new.created_at IS NULL) EXECUTE FUNCTION fill_created_at();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON trades FOR EACH ROW WHEN (new.entry_timestamp >= '100000000'::numeric::bigint AND new.entry_timestamp < '100000000000'::numeric::bigint OR new.exit_timestamp >= '100000000'::numeric::bigint AND new.exit_timestamp < '100000000000'::numeric::bigint) EXECUTE FUNCTION trade_seconds_to_milliseconds();

CREATE TRIGGER trades_agree_insert AFTER INSERT ON trades REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION trades_agree_with_orders();

CREATE TRIGGER trades_lock_risk BEFORE DELETE OR UPDATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION lock_risk_of_trades();

CREATE TRIGGER trades_positions_delete AFTER DELETE ON trades REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_insert AFTER INSERT ON trades REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_truncate AFTER TRUNCATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_update AFTER UPDATE ON trades REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_record_log_delete AFTER DELETE ON trades REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('trade');

CREATE TRIGGER trades_record_log_insert AFTER INSERT ON trades REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('trade');

CREATE TRIGGER trades_record_log_update AFTER UPDATE ON trades REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION log_rows('trade');

CREATE TRIGGER trades_refuse_removal BEFORE DELETE OR TRUNCATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER trades_risk_delete AFTER DELETE ON trades REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION follow_trades();

CREATE TRIGGER trades_risk_insert AFTER INSERT ON trades REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION follow_trades();

CREATE TRIGGER trades_risk_update AFTER UPDATE ON trades REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION follow_trades();

CREATE TRIGGER trigger_calculate_pnl BEFORE INSERT OR UPDATE ON trades FOR EACH ROW WHEN (new.status::text IS DISTINCT FROM 'OPEN'::text OR new.pnl IS NOT NULL OR new.pnl_pct IS NOT NULL OR new.pnl_net IS NOT NULL) EXECUTE FUNCTION calculate_pnl();

CREATE TRIGGER z_guard_trade_update BEFORE UPDATE ON trades FOR EACH ROW EXECUTE FUNCTION guard_trade_update();

-- changed_reservations --------------------------------------------------------------------------------

create view changed_reservations as
-- order_id character varying(50), symbol character varying(20), side character varying(10), reduces boolean, price numeric, was numeric, is_now numeric
 SELECT d.order_id,
    d.symbol,
    d.side,
    d.reduces,
    COALESCE(d.price, 0::numeric) AS price,
    COALESCE(d.reserved_quantity, 0::numeric) AS was,
        CASE
            WHEN d.released_reason IS NOT NULL THEN 0::numeric
            WHEN o.quantity = 'NaN'::numeric OR o.quantity = 'Infinity'::numeric OR d.price = 'NaN'::numeric OR d.price = 'Infinity'::numeric THEN 0::numeric
            WHEN o.status::text = 'PENDING'::text OR o.status::text = 'FILLED'::text AND NOT d.reduces THEN GREATEST(0::numeric, o.quantity - (( SELECT COALESCE(sum(t.quantity), 0::numeric) AS "coalesce"
               FROM trades t
              WHERE t.order_id::text = d.order_id::text)))
            ELSE 0::numeric
        END AS is_now
   FROM ( SELECT DISTINCT reservation_changes.order_id
           FROM reservation_changes) c
     CROSS JOIN LATERAL ( SELECT x.order_id,
            x.signal_id,
            x.symbol,
            x.side,
            x.decision,
            x.reduces,
            x."timestamp",
            x.quantity,
            x.price,
            x.notional,
            x.reason,
            x.broken,
            x.details,
            x.limits_version,
            x.exposure,
            x."position",
            x.open_trades,
            x.daily_pnl,
            x.asked_quantity,
            x.asked_notional,
            x.asked_price,
            x.reserved_quantity,
            x.released_reason,
            x.actor,
            x.created_at
           FROM decisions x
          WHERE x.order_id::text = c.order_id::text
         OFFSET 0) d
     LEFT JOIN LATERAL ( SELECT x.status,
            x.quantity
           FROM orders x
          WHERE x.order_id::text = c.order_id::text
         OFFSET 0) o ON true;

-- exposure --------------------------------------------------------------------------------------------

create view exposure as
-- symbol character varying(20), long numeric, short numeric, gross numeric, net numeric
 SELECT symbol,
    COALESCE(sum(total_value_usd) FILTER (WHERE side::text = 'BUY'::text), 0::numeric) AS long,
    COALESCE(sum(total_value_usd) FILTER (WHERE side::text = 'SELL'::text), 0::numeric) AS short,
    sum(total_value_usd) AS gross,
    sum(
        CASE side
            WHEN 'BUY'::text THEN total_value_usd
            ELSE - total_value_usd
        END) AS net
   FROM position_sums
  GROUP BY symbol;

-- exposure_parts --------------------------------------------------------------------------------------

create view exposure_parts as
-- symbol character varying(20), side character varying(10), quantity numeric, notional numeric, num_trades bigint, closing numeric
 SELECT position_totals.symbol,
    position_totals.side,
    position_totals.quantity,
    position_totals.notional,
    position_totals.num_trades,
    0::numeric AS closing
   FROM position_totals
UNION ALL
 SELECT position_changes.symbol,
    position_changes.side,
    position_changes.quantity,
    position_changes.notional,
    position_changes.num_trades,
    0 AS closing
   FROM position_changes
UNION ALL
 SELECT reservation_totals.symbol,
    reservation_totals.side,
    0 AS quantity,
    reservation_totals.notional,
    reservation_totals.num_orders AS num_trades,
    reservation_totals.closing
   FROM reservation_totals
UNION ALL
 SELECT changed_reservations.symbol,
    changed_reservations.side,
    0 AS quantity,
        CASE
            WHEN changed_reservations.reduces THEN 0::numeric
            ELSE (changed_reservations.is_now - changed_reservations.was) * changed_reservations.price
        END AS notional,
        CASE
            WHEN changed_reservations.reduces THEN 0
            ELSE (changed_reservations.is_now > 0::numeric)::integer - (changed_reservations.was > 0::numeric)::integer
        END AS num_trades,
        CASE
            WHEN changed_reservations.reduces THEN changed_reservations.is_now - changed_reservations.was
            ELSE 0::numeric
        END AS closing
   FROM changed_reservations;

-- horizons_in_force -----------------------------------------------------------------------------------

create view horizons_in_force as
-- version bigint, table_name text, keep_seconds bigint, reason text, actor text, created_at timestamp without time zone
 SELECT version,
    table_name,
    keep_seconds,
    reason,
    actor,
    created_at
   FROM retention_horizons h
  WHERE NOT (EXISTS ( SELECT
           FROM retention_horizons newer
          WHERE newer.table_name = h.table_name AND newer.version > h.version));

-- limits_in_force -------------------------------------------------------------------------------------

create view limits_in_force as
-- version bigint, symbol character varying(20), max_exposure numeric, max_position numeric, max_order_size numeric, max_open_trades bigint, max_orders_per_minute bigint, max_drawdown numeric, max_drawdown_pct numeric, min_confidence numeric, max_signal_age_ms bigint, time_zone text, enforce_halts text, enforce_limits text, breaker_halts text, reason text, actor text, created_at timestamp without time zone
 SELECT version,
    symbol,
    max_exposure,
    max_position,
    max_order_size,
    max_open_trades,
    max_orders_per_minute,
    max_drawdown,
    max_drawdown_pct,
    min_confidence,
    max_signal_age_ms,
    time_zone,
    enforce_halts,
    enforce_limits,
    breaker_halts,
    reason,
    actor,
    created_at
   FROM limits l
  WHERE NOT (EXISTS ( SELECT
           FROM limits newer
          WHERE NOT newer.symbol::text IS DISTINCT FROM l.symbol::text AND newer.version > l.version));

-- position_sums ---------------------------------------------------------------------------------------

create view position_sums as
-- symbol character varying(20), side character varying(10), total_quantity numeric, num_trades bigint, total_value_usd numeric
 SELECT symbol,
    side,
    sum(quantity) AS total_quantity,
    sum(num_trades)::bigint AS num_trades,
    sum(notional) AS total_value_usd
   FROM ( SELECT position_totals.symbol,
            position_totals.side,
            position_totals.quantity,
            position_totals.notional,
            position_totals.num_trades
           FROM position_totals
        UNION ALL
         SELECT position_changes.symbol,
            position_changes.side,
            position_changes.quantity,
            position_changes.notional,
            position_changes.num_trades
           FROM position_changes) parts
  GROUP BY symbol, side
 HAVING sum(num_trades) > 0::numeric;

-- positions -------------------------------------------------------------------------------------------

create view positions as
-- symbol character varying(20), side character varying(10), total_quantity numeric, avg_entry_price numeric, num_trades bigint, total_value_usd numeric, first_entry bigint, last_entry bigint
 SELECT s.symbol,
    s.side,
    s.total_quantity,
    s.total_value_usd / s.total_quantity AS avg_entry_price,
    s.num_trades,
    s.total_value_usd,
    oldest.entry_timestamp AS first_entry,
    newest.entry_timestamp AS last_entry
   FROM position_sums s
     LEFT JOIN LATERAL ( SELECT t.entry_timestamp
           FROM trades t
          WHERE t.status::text = 'OPEN'::text AND t.symbol::text = s.symbol::text AND t.side::text = s.side::text
          ORDER BY t.entry_timestamp
         LIMIT 1) oldest ON true
     LEFT JOIN LATERAL ( SELECT t.entry_timestamp
           FROM trades t
          WHERE t.status::text = 'OPEN'::text AND t.symbol::text = s.symbol::text AND t.side::text = s.side::text
          ORDER BY t.entry_timestamp DESC
         LIMIT 1) newest ON true;

-- reservations ----------------------------------------------------------------------------------------

create view reservations as
-- order_id character varying(50), signal_id character varying(50), symbol character varying(20), side character varying(10), status character varying(20), decision text, reduces boolean, quantity numeric, notional numeric, "timestamp" bigint, created_at timestamp without time zone
 SELECT d.order_id,
    d.signal_id,
    d.symbol,
    d.side,
    o.status,
    d.decision,
    d.reduces,
    r.quantity,
        CASE
            WHEN d.reduces THEN 0::numeric
            ELSE r.quantity * d.price
        END AS notional,
    d."timestamp",
    d.created_at
   FROM decisions d
     JOIN orders o ON o.order_id::text = d.order_id::text
     LEFT JOIN changed_reservations c ON c.order_id::text = d.order_id::text
     CROSS JOIN LATERAL ( SELECT COALESCE(c.is_now, d.reserved_quantity) AS quantity) r
  WHERE d.reserved_quantity IS DISTINCT FROM 0::numeric AND r.quantity > 0::numeric;

-- unneeded_orders -------------------------------------------------------------------------------------

create view unneeded_orders as
-- id bigint, order_id character varying(50), signal_id character varying(50), created_at timestamp without time zone, changed_at timestamp without time zone, written_by xid
 SELECT id,
    order_id,
    signal_id,
    created_at,
    GREATEST(updated_at, ( SELECT max(h.created_at) AS max
           FROM order_history h
          WHERE h.order_id::text = o.order_id::text), ( SELECT max(c.created_at) AS max
           FROM corrections c
          WHERE c.table_name = 'orders'::text AND c.row_id = o.id)) AS changed_at,
    xmin AS written_by
   FROM orders o
  WHERE status::text <> 'PENDING'::text AND NOT (EXISTS ( SELECT
           FROM trades t
          WHERE t.order_id::text = o.order_id::text
         OFFSET 0)) AND NOT (EXISTS ( SELECT
           FROM decisions d
          WHERE d.order_id::text = o.order_id::text AND d.reserved_quantity IS DISTINCT FROM 0::numeric
         OFFSET 0)) AND NOT (order_id::text IN ( SELECT c.order_id
           FROM reservation_changes c)) AND NOT (order_id::text IN ( SELECT q."row" ->> 'order_id'::text
           FROM quarantine q
          WHERE q.table_name = 'trades'::text AND q.state = 'held'::text AND (q."row" ->> 'order_id'::text) IS NOT NULL));

-- unneeded_risk_events --------------------------------------------------------------------------------

create view unneeded_risk_events as
-- id bigint, created_at timestamp without time zone, changed_at timestamp without time zone, written_by xid
 SELECT id,
    created_at,
    ( SELECT max(c.created_at) AS max
           FROM corrections c
          WHERE c.table_name = 'risk_events'::text AND c.row_id = e.id) AS changed_at,
    xmin AS written_by
   FROM risk_events e;

-- unneeded_signals ------------------------------------------------------------------------------------

create view unneeded_signals as
-- id bigint, signal_id character varying(50), created_at timestamp without time zone, changed_at timestamp without time zone, written_by xid
 SELECT id,
    signal_id,
    created_at,
    ( SELECT max(c.created_at) AS max
           FROM corrections c
          WHERE c.table_name = 'signals'::text AND c.row_id = s.id) AS changed_at,
    xmin AS written_by
   FROM signals s
  WHERE NOT (EXISTS ( SELECT
           FROM orders o
          WHERE o.signal_id::text = s.signal_id::text
         OFFSET 0)) AND NOT (signal_id::text IN ( SELECT q."row" ->> 'signal_id'::text
           FROM quarantine q
          WHERE q.table_name = 'orders'::text AND q.state = 'held'::text AND (q."row" ->> 'signal_id'::text) IS NOT NULL));

-- untraded_signals ------------------------------------------------------------------------------------

create view untraded_signals as
-- signal_id character varying(50), symbol character varying(20), side character varying(10), price numeric, confidence numeric, "timestamp" bigint, order_id character varying(50), reason text
 SELECT s.signal_id,
    s.symbol,
    s.side,
    s.price,
    s.confidence,
    s."timestamp",
    o.order_id,
        CASE
            WHEN o.order_id IS NULL THEN 'Not decided'::text
            WHEN o.status::text = 'CANCELLED'::text THEN 'Cancelled'::text || COALESCE(': '::text || o.rejection_reason, ''::text)
            ELSE o.rejection_reason
        END AS reason
   FROM signals s
     LEFT JOIN LATERAL ( SELECT x.order_id,
            x.status,
            x.rejection_reason
           FROM orders x
          WHERE x.signal_id::text = s.signal_id::text
          ORDER BY x.id DESC
         LIMIT 1) o ON true
  WHERE NOT (EXISTS ( SELECT
           FROM orders x
          WHERE x.signal_id::text = s.signal_id::text AND (x.status::text = ANY (ARRAY['PENDING'::text, 'FILLED'::text]))));

-- positions_realtime ----------------------------------------------------------------------------------

create materialized view positions_realtime as
-- symbol character varying(20), side character varying(10), total_quantity numeric, avg_entry_price numeric, num_trades bigint, total_value_usd numeric, first_entry bigint, last_entry bigint
 SELECT symbol,
    side,
    total_quantity,
    avg_entry_price,
    num_trades,
    total_value_usd,
    first_entry,
    last_entry
   FROM positions;

CREATE UNIQUE INDEX idx_positions_realtime_symbol_side ON positions_realtime USING btree (symbol, side);

-- functions -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION actor()
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select session_user::text || coalesce(' (' || left(nullif(current_setting('claire.actor', true), ''), 100) || ')', '');
$function$;

revoke execute on function actor() from public;

CREATE OR REPLACE FUNCTION answer_direct_order(d decisions, l limits)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  is_halted constant boolean := 'halted' = any (d.broken);
  over constant text[] := array_remove(d.broken, 'halted');
begin
  if is_halted and l.enforce_halts = 'on' then
    raise exception 'order %: %', d.order_id, d.reason
      using errcode = 'check_violation', constraint = 'orders_wait_while_halted', table = 'orders';
  end if;
  -- Limits that cannot be read are not known to be kept.
  if cardinality(over) > 0 and coalesce(l.enforce_limits, 'on') = 'on'
    or 'limits_unreadable' = any (over) and l.enforce_limits = 'warn'
  then
    raise exception 'order %: %, %', d.order_id, refusal_of(over[1], d.reason), d.details
      using errcode = 'check_violation', constraint = 'orders_within_limits', table = 'orders';
  end if;
  insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp)
  select 'evt-' || md5(told.event_type || d.order_id), told.event_type, d.signal_id, d.symbol,
    'Order accepted by plain SQL: ' || refusal_of(told.broken, d.reason),
    d.details || jsonb_build_object('order_id', d.order_id), d.timestamp
  from (
    select distinct on (1) coalesce(
      event_type_of(b.broken), case b.broken when 'halted' then 'circuit_breaker_triggered' else 'position_limit_exceeded' end
    ) as event_type, b.broken
    from unnest(d.broken) with ordinality as b (broken, place)
    where case b.broken when 'halted' then l.enforce_halts else l.enforce_limits end = 'warn'
    order by 1, b.place
  ) as told;
end;
$function$;

revoke execute on function answer_direct_order(decisions, limits) from public;

CREATE OR REPLACE FUNCTION answer_kept(by text, wanted text)
 RETURNS idempotency_keys
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  whose constant text := session_user || ' ' || by;
  kept idempotency_keys;
begin
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || whose || ' ' || wanted, 32));
  select * into kept from idempotency_keys as k where k.caller = whose and k.key = wanted;
  return kept;
end;
$function$;

revoke execute on function answer_kept(text, text) from public;

CREATE OR REPLACE FUNCTION answers_of(order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], fresh decisions[])
 RETURNS TABLE(place bigint, outcome text, differing text[], decided decisions)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  return query
  select i.place,
    case when s.signal_id is null then 'signal_unknown'
      when cardinality(x.differing) > 0 then 'conflict'
      else 'already_recorded' end,
    x.differing, d
  from unnest(order_ids, signal_ids, quantities, notionals, prices) with ordinality
    as i (order_id, signal_id, quantity, notional, price, place)
  left join signals as s on s.signal_id = i.signal_id
  -- An order that was placed without decide was not decided.
  left join decisions as d on d.order_id = i.order_id and d.decision <> 'direct'
  cross join lateral (
    select case when d.order_id is null then array['order_id'] else array_remove(array[
      case when d.signal_id is distinct from i.signal_id then 'signal_id' end,
      case when d.asked_quantity is distinct from i.quantity then 'quantity' end,
      case when d.asked_notional is distinct from i.notional then 'notional' end,
      case when d.asked_price is distinct from i.price then 'price' end
    ], null) end as differing
  ) as x
  where i.order_id not in (select f.order_id from unnest(fresh) as f);
end;
$function$;

revoke execute on function answers_of(text[], text[], numeric[], numeric[], numeric[], decisions[]) from public;

CREATE OR REPLACE FUNCTION append_position_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if tg_op = 'INSERT' then
    insert into position_changes (symbol, side, quantity, notional, num_trades)
    select symbol, side, sum(quantity), sum(quantity * entry_price), count(*)
    from new_rows
    where status = 'OPEN' and abs(quantity) < 'Infinity' and abs(entry_price) < 'Infinity'
    group by symbol, side;
  elsif tg_op = 'UPDATE' then
    insert into position_changes (symbol, side, quantity, notional, num_trades)
    select symbol, side, sum(sign * quantity), sum(sign * quantity * entry_price), sum(sign)
    from (
      select -1 as sign, symbol, side, quantity, entry_price, status from old_rows
      union all
      select 1, symbol, side, quantity, entry_price, status from new_rows
    ) as moved
    where status = 'OPEN' and abs(quantity) < 'Infinity' and abs(entry_price) < 'Infinity'
    group by symbol, side
    having sum(sign) <> 0 or sum(sign * quantity) <> 0 or sum(sign * quantity * entry_price) <> 0;
  elsif tg_op = 'DELETE' then
    insert into position_changes (symbol, side, quantity, notional, num_trades)
    select symbol, side, -sum(quantity), -sum(quantity * entry_price), -count(*)
    from old_rows
    where status = 'OPEN' and abs(quantity) < 'Infinity' and abs(entry_price) < 'Infinity'
    group by symbol, side;
  else
    delete from position_changes;
    delete from position_totals;
  end if;
  return null;
end;
$function$;

revoke execute on function append_position_changes() from public;

CREATE OR REPLACE FUNCTION as_milliseconds(market_time bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when market_time >= 1e8::bigint and market_time < 1e11::bigint then market_time * 1000 else market_time end;
$function$;

revoke execute on function as_milliseconds(bigint) from public;

CREATE OR REPLACE FUNCTION as_ms(recorded timestamp without time zone)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select floor(extract(epoch from recorded) * 1000)::bigint;
$function$;

revoke execute on function as_ms(timestamp without time zone) from public;

CREATE OR REPLACE FUNCTION balance_of(day_from bigint)
 RETURNS numeric
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select amount from capital where since is null or since <= day_from order by version desc limit 1;
$function$;

revoke execute on function balance_of(bigint) from public;

CREATE OR REPLACE FUNCTION begin_retention(what text, backup text, covered_until timestamp without time zone, covered_ids jsonb, as_of timestamp without time zone DEFAULT NULL::timestamp without time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  moment constant timestamp := least(as_of, timezone('UTC', now()));
  due constant timestamp := due_before(what, moment, covered_until);
  written bigint;
begin
  -- Of these the process was killed: what they removed is gone, and the next run goes on from there.
  update retention_runs set outcome = 'cut_off'
  where outcome = 'running' and ended_at < timezone('UTC', now()) - interval '10 minutes';
  -- A quarter of a year of hourly runs.
  delete from retention_runs where id <= (select id from retention_runs order by id desc offset 9999 limit 1);
  if due is not null then
    insert into retention_runs (table_name, as_of, due_before, backup, covered_until, covered_ids)
    values (what, moment, due, backup, covered_until, covered_ids)
    returning id into written;
  end if;
  return written;
end;
$function$;

revoke execute on function begin_retention(text, text, timestamp without time zone, jsonb, timestamp without time zone) from public;

CREATE OR REPLACE FUNCTION book_limits()
 RETURNS limits
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select * from limits where symbol is null order by version desc limit 1;
$function$;

revoke execute on function book_limits() from public;

CREATE OR REPLACE FUNCTION calculate_pnl()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  profit record;
begin
  if tg_op = 'UPDATE' and
    (new.status, new.side, new.quantity, new.entry_price, new.exit_price, new.pnl, new.pnl_pct)
    is not distinct from
    (old.status, old.side, old.quantity, old.entry_price, old.exit_price, old.pnl, old.pnl_pct)
  then
    if (new.commission, new.pnl_net) is distinct from (old.commission, old.pnl_net) then
      new.pnl_net := case
        when new.status = 'CLOSED' and new.commission > -1e12 and new.commission < 1e12 then new.pnl - new.commission
      end;
    end if;
    return new;
  end if;
  new.pnl := null;
  new.pnl_pct := null;
  new.pnl_net := null;
  if new.status = 'CLOSED' then
    profit := profit_of(new.side, new.quantity, new.entry_price, new.exit_price, new.commission);
    new.pnl := profit.pnl;
    new.pnl_pct := profit.pnl_pct;
    new.pnl_net := profit.pnl_net;
  end if;
  return new;
end;
$function$;

revoke execute on function calculate_pnl() from public;

CREATE OR REPLACE FUNCTION candidates_of(order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], ats bigint[], closes_opposed boolean[], l limits)
 RETURNS decisions[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  moment constant bigint := now_ms();
begin
  return array(
    select row(
      i.order_id, i.signal_id, s.symbol, s.side, case when i.closes_opposed then 'closing' else 'opening' end, false,
      i.at, 0, price_of(s.side, i.price, s.price), 0, null, signal_broken(s, i.at, l), signal_numbers(s, i.at, l),
      null, null, null, null, null, i.quantity, i.notional, i.price, null, null, actor(),
      timezone('UTC', now())
    )::decisions
    from (
      select o.order_id, o.signal_id, o.quantity, o.notional, o.price, o.closes_opposed, o.place,
        coalesce(o.at, moment) as at
      from unnest(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed) with ordinality
        as o (order_id, signal_id, quantity, notional, price, at, closes_opposed, place)
    ) as i
    join signals as s on s.signal_id = i.signal_id
    order by i.place
  );
end;
$function$;

revoke execute on function candidates_of(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[], limits) from public;

CREATE OR REPLACE FUNCTION closing_time(wanted_symbol text, wanted_side text, wanted_quantity numeric, entered bigint, price_at_exit numeric)
 RETURNS bigint
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select case when count(*) = 1 then max(ended) end
  from (
    select coalesce(as_milliseconds(s.timestamp), floor(extract(epoch from o.created_at) * 1000)::bigint) as ended
    from orders as o left join signals as s on s.signal_id = o.signal_id
    where o.symbol = wanted_symbol and o.quantity = wanted_quantity and o.status = 'FILLED'
      and o.side = case wanted_side when 'BUY' then 'SELL' when 'SELL' then 'BUY' end
      and o.price = price_at_exit
      and not exists (select from trades as t where t.order_id = o.order_id)
      -- A trade that does not name its order may be the one that this order opened.
      and not exists (
        select from trades as t
        where t.order_id is null and t.symbol = o.symbol and t.side = o.side and t.quantity = o.quantity
      )
  ) as closing
  where ended >= entered and not exists (
    select from trades as t
    where t.symbol = wanted_symbol and t.side = wanted_side and t.quantity = wanted_quantity
      and (t.status = 'OPEN' or t.exit_timestamp is null and t.exit_price = price_at_exit)
    having count(*) > 1
  ) and not exists (
    -- It has closed another one.
    select from trades as t
    where t.symbol = wanted_symbol and t.quantity = wanted_quantity and as_milliseconds(t.exit_timestamp) = ended
  );
$function$;

revoke execute on function closing_time(text, text, numeric, bigint, numeric) from public;

CREATE OR REPLACE FUNCTION correct_record(what text, wanted_id bigint, changes jsonb, why text, law text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  before constant jsonb := lock_record(what, wanted_id);
  after jsonb;
  columns text;
begin
  perform refuse_fixed_columns(what, before, changes);
  select string_agg(format('%I', key), ', ') into columns from jsonb_object_keys(changes) as key;
  if columns is null then
    raise exception 'of % cannot be corrected: nothing was given', what
      using errcode = 'check_violation', constraint = 'corrections_columns';
  end if;
  insert into permits (table_name, action, reason) values (what, 'correct', why);
  execute format(
    'update %I as t set (%s) = (select %s from jsonb_populate_record(t, $2)) where id = $1 returning to_jsonb(t)',
    what, 'id, ' || columns, 'id, ' || columns
  ) into after using wanted_id, changes;
  perform refuse_broken_chain(what, wanted_id);
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'correct';
  return record_corrections(what, wanted_id, before, after, why, law);
end;
$function$;

revoke execute on function correct_record(text, bigint, jsonb, text, text) from public;

CREATE OR REPLACE FUNCTION create_token(new_id text, new_name text, for_role text, secret_hash bytea)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
begin
  -- Two at once would both find that the name is free.
  lock table tokens in share row exclusive mode;
  if exists (select from tokens where name = new_name and revoked_at is null) then
    raise exception 'there is a token called %', new_name
      using errcode = 'unique_violation', constraint = 'tokens_name_taken', table = 'tokens';
  end if;
  insert into tokens (token_id, name, role, hash) values (new_id, new_name, for_role, secret_hash);
end;
$function$;

revoke execute on function create_token(text, text, text, bytea) from public;

CREATE OR REPLACE FUNCTION decide(wanted_signal text, wanted_quantity numeric, wanted_order text DEFAULT NULL::text, limit_price numeric DEFAULT NULL::numeric, at bigint DEFAULT NULL::bigint)
 RETURNS decisions
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  answer record;
begin
  select * into answer from decide_orders(
    array[coalesce(wanted_order, order_id_for(wanted_signal))], array[wanted_signal], array[wanted_quantity],
    array[null::numeric], array[limit_price], array[at], array[false]
  );
  if answer.outcome = 'signal_unknown' then
    raise exception 'there is no signal %', wanted_signal
      using errcode = 'foreign_key_violation', constraint = 'orders_signal_id_fkey', table = 'orders';
  elsif answer.outcome = 'conflict' then
    raise exception 'something else was decided under this order id: % differ', array_to_string(answer.differing, ', ')
      using errcode = 'unique_violation', constraint = 'orders_order_id_key', table = 'orders';
  end if;
  return answer.decided;
end;
$function$;

revoke execute on function decide(text, numeric, text, numeric, bigint) from public;

CREATE OR REPLACE FUNCTION decide_orders(order_ids text[], signal_ids text[], quantities numeric[], notionals numeric[], prices numeric[], ats bigint[], closes_opposed boolean[])
 RETURNS TABLE(place bigint, outcome text, differing text[], decided decisions)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  r risk;
  g halt_gate;
  l limits;
  candidates decisions[];
  judged decisions[];
  newest bigint;
  taken text[];
begin
  perform refuse_older_moment();
  if num_nonnulls(variadic ats) > 0 then
    perform refuse_time_to_come((select max(at) from unnest(ats) as at));
  end if;
  -- What can be read before the lock is, so that others wait for less.
  select * into l from limits where symbol is null order by version desc limit 1;
  candidates := candidates_of(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed, l);
  update risk set decided = risk.decided + 1 returning * into r;
  select gate.halt_id, gate.despite_from, gate.despite_until,
    (select max(x.version) from limits as x where x.symbol is null),
    array(
      select o.order_id from orders as o where o.order_id = any (order_ids)
      union all
      -- In quarantine an order keeps its decision.
      select d.order_id from decisions as d where d.order_id = any (order_ids)
    )
  into g.halt_id, g.despite_from, g.despite_until, newest, taken
  from halt_gate as gate for share;
  if l.version is distinct from newest then
    select * into l from limits where symbol is null order by version desc limit 1;
    candidates := candidates_of(order_ids, signal_ids, quantities, notionals, prices, ats, closes_opposed, l);
  end if;
  if cardinality(taken) > 0 then
    candidates := array(select c from unnest(candidates) as c where c.order_id <> all (taken));
  end if;
  -- The profit that everybody goes on from moves on once a minute, not with each decision; back to an earlier day, as a
  -- replay begins.
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) > 0 and limits_problem(l) is null
    and (
      r.profit_at is null or candidates[1].timestamp > r.profit_at + 60000 or candidates[1].timestamp < r.day_from
    )
  then
    r := risk_at(r, l, candidates[1].timestamp);
    update risk set
      (profit_at, day_from, day_until, day_pnl, window_pnl) =
      (r.profit_at, r.day_from, r.day_until, r.day_pnl, r.window_pnl);
  end if;
  -- What has changed is moved into the totals where it is found, so that nobody reads it twice.
  if exists (select from reservation_changes) then
    perform sum_reservations();
  end if;
  judged := judge_orders(candidates, r, g, l);
  if cardinality(judged) = 1 and cardinality(order_ids) = 1 then
    place := 1;
    outcome := 'recorded';
    differing := '{}';
    decided := judged[1];
    perform place_decided(decided);
    return next;
    return;
  end if;
  insert into decisions select j.* from unnest(judged) as j;
  insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp)
  select j.order_id, j.signal_id, j.symbol, j.side, j.quantity, j.asked_price,
    case j.decision when 'rejected' then 'REJECTED' else 'PENDING' end, j.reason, j.timestamp
  from unnest(judged) as j;
  perform follow_decisions(judged);
  return query
  select i.place, 'recorded', '{}'::text[], j
  from unnest(judged) as j join unnest(order_ids) with ordinality as i (order_id, place) on i.order_id = j.order_id;
  if cardinality(candidates) < cardinality(order_ids) then
    return query select * from answers_of(order_ids, signal_ids, quantities, notionals, prices, candidates);
  end if;
end;
$function$;

revoke execute on function decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[]) from public;

CREATE OR REPLACE FUNCTION decide_quarantined(wanted_id bigint, decision text, why text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  held quarantine;
begin
  select * into held from quarantine where id = wanted_id for update;
  if not found then
    raise exception 'there is no % in quarantine', wanted_id
      using errcode = 'check_violation', constraint = 'quarantine_row';
  end if;
  if held.state <> 'held' then
    raise exception '% in quarantine (% %) was % by %: %',
      wanted_id, held.table_name, held.row_id, held.state, held.decided_by, held.decided_reason
      using errcode = 'check_violation', constraint = 'quarantine_decided', table = 'quarantine';
  end if;
  insert into permits (table_name, action, reason) values ('quarantine', 'correct', why);
  update quarantine set
    state = decision, decided_reason = why, decided_by = actor(), decided_at = timezone('UTC', now())
  where id = wanted_id;
  delete from permits
  where transaction_id = pg_current_xact_id() and table_name = 'quarantine' and action = 'correct';
end;
$function$;

revoke execute on function decide_quarantined(bigint, text, text) from public;

CREATE OR REPLACE FUNCTION direct_candidate(order_id text, signal_id text, symbol text, side text, quantity numeric, price numeric, at bigint, moment bigint, l limits)
 RETURNS decisions
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  s signals;
  d decisions;
begin
  select * into s from signals as x where x.signal_id = direct_candidate.signal_id;
  d.order_id := order_id;
  d.signal_id := signal_id;
  d.symbol := symbol;
  d.side := side;
  d.decision := 'direct';
  d.timestamp := least(usable_time(at, moment), moment);
  d.asked_quantity := quantity;
  d.asked_price := price;
  d.price := price_of(side, price, coalesce(s.price, (
    select x.price from signals as x where x.symbol = direct_candidate.symbol order by x.timestamp desc limit 1
  )));
  d.broken := coalesce(signal_broken(s, d.timestamp, l), '{}');
  d.details := coalesce(signal_numbers(s, d.timestamp, l), '{}');
  d.quantity := quantity;
  d.notional := quantity * d.price;
  d.reduces := false;
  d.actor := actor();
  d.created_at := timezone('UTC', now());
  return d;
end;
$function$;

revoke execute on function direct_candidate(text, text, text, text, numeric, numeric, bigint, bigint, limits) from public;

CREATE OR REPLACE FUNCTION discard_row(wanted_id bigint, why text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select decide_quarantined(wanted_id, 'discarded', why);
$function$;

revoke execute on function discard_row(bigint, text) from public;

CREATE OR REPLACE FUNCTION drawdown_breach(r risk, l limits)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  balance numeric;
  lowest numeric;
  told text;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 then
    return null;
  end if;
  balance := balance_of(r.day_from);
  lowest := greatest(l.max_drawdown, l.max_drawdown_pct * balance / 100);
  if r.day_pnl < lowest or r.window_pnl < lowest then
    null;
  elsif l.max_drawdown_pct is not null and balance is null then
    -- Not known to be kept; nothing to trip the breaker by.
    return '{"reason": "No capital is recorded for this day", "details": {}}';
  else
    return null;
  end if;
  told := coalesce(trim_scale(round(lowest / balance * 100, 2)) || '%', trim_scale(lowest)::text);
  return jsonb_build_object(
    'reason', case when r.day_pnl < lowest then 'Daily drawdown exceeded ' else 'Drawdown of 24 hours exceeded ' end || told,
    'details', case when r.day_pnl < lowest then jsonb_build_object('daily_pnl', trim_scale(r.day_pnl))
      else jsonb_build_object('rolling_pnl', trim_scale(r.window_pnl)) end
      || jsonb_strip_nulls(jsonb_build_object('max_drawdown', trim_scale(lowest), 'balance', trim_scale(balance)))
  );
end;
$function$;

revoke execute on function drawdown_breach(risk, limits) from public;

CREATE OR REPLACE FUNCTION due_before(what text, as_of timestamp without time zone, covered_until timestamp without time zone)
 RETURNS timestamp without time zone
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select case when keep_seconds is not null then least(as_of - keep_seconds * interval '1 second', covered_until) end
  from horizons_in_force where table_name = what;
$function$;

revoke execute on function due_before(text, timestamp without time zone, timestamp without time zone) from public;

CREATE OR REPLACE FUNCTION end_retention(run_id bigint, how text, was_searched boolean)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  update retention_state set searched_at = timezone('UTC', now())
  where was_searched and table_name = (select table_name from retention_runs where id = run_id);
  update retention_runs set outcome = how, ended_at = timezone('UTC', clock_timestamp())
  where id = run_id and outcome = 'running';
$function$;

revoke execute on function end_retention(bigint, text, boolean) from public;

CREATE OR REPLACE FUNCTION event_type_of(broken text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case broken
    when 'max_exposure' then 'exposure_limit_exceeded'
    when 'max_position' then 'position_limit_exceeded'
    when 'max_drawdown' then 'daily_drawdown_exceeded'
  end;
$function$;

revoke execute on function event_type_of(text) from public;

CREATE OR REPLACE FUNCTION exact_word(found text, VARIADIC words text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when upper(trimmed(found)) = any (words) then upper(trimmed(found)) else found end;
$function$;

revoke execute on function exact_word(text, text[]) from public;

CREATE OR REPLACE FUNCTION fill_created_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  new.created_at := timezone('UTC', now());
  return new;
end;
$function$;

revoke execute on function fill_created_at() from public;

CREATE OR REPLACE FUNCTION fill_order_times()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  new.created_at := coalesce(new.created_at, timezone('UTC', now()));
  new.updated_at := coalesce(new.updated_at, new.created_at);
  return new;
end;
$function$;

revoke execute on function fill_order_times() from public;

CREATE OR REPLACE FUNCTION fold_position_changes(batch_size integer DEFAULT 10000)
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  with taken as (
    delete from position_changes
    where ctid = any (array(
      select ctid from position_changes limit batch_size for update skip locked
    ))
    returning symbol, side, quantity, notional, num_trades
  ),
  folded as (
    insert into position_totals as t (symbol, side, quantity, notional, num_trades)
    select symbol, side, sum(quantity), sum(notional), sum(num_trades)
    from taken
    group by symbol, side
    order by symbol, side
    on conflict (symbol, side) do update set
      quantity = t.quantity + excluded.quantity,
      notional = t.notional + excluded.notional,
      num_trades = t.num_trades + excluded.num_trades
  )
  select count(*) from taken;
$function$;

revoke execute on function fold_position_changes(integer) from public;

CREATE OR REPLACE FUNCTION fold_reservation_changes()
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if not exists (select from reservation_changes) then
    return 0;
  end if;
  -- Whoever holds it does this for himself, or keeps it for long: nothing else of the upkeep should wait for him.
  perform from risk for update skip locked;
  if not found then
    return 0;
  end if;
  return sum_reservations();
end;
$function$;

revoke execute on function fold_reservation_changes() from public;

CREATE OR REPLACE FUNCTION follow_decisions(judged decisions[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  d decisions;
  num_rejected integer := 0;
begin
  foreach d in array judged loop
    num_rejected := num_rejected + (d.decision = 'rejected')::int;
  end loop;
  if num_rejected > 0 then
    -- Two where the limit that names the reason has a type of its own: one is of the signal, as in the seed's example,
    -- one of the limit.
    insert into risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp)
    select 'evt-' || md5(e.event_type || j.order_id), e.event_type, j.signal_id, j.symbol, j.reason, j.details, j.timestamp
    from unnest(judged) as j
    cross join lateral (values ('signal_rejected'), (event_type_of(j.broken[1]))) as e (event_type)
    where j.decision = 'rejected' and e.event_type is not null;
  end if;
  if num_rejected < cardinality(judged) then
    insert into reservation_totals as t (symbol, side, closing, notional, num_orders)
    select j.symbol, j.side,
      coalesce(sum(j.quantity) filter (where j.reduces), 0),
      coalesce(sum(j.notional) filter (where not j.reduces), 0),
      count(*) filter (where not j.reduces)
    from unnest(judged) as j
    where j.decision <> 'rejected'
    group by j.symbol, j.side
    order by j.symbol, j.side
    on conflict (symbol, side) do update set
      closing = t.closing + excluded.closing,
      notional = t.notional + excluded.notional,
      num_orders = t.num_orders + excluded.num_orders;
  end if;
end;
$function$;

revoke execute on function follow_decisions(decisions[]) from public;

CREATE OR REPLACE FUNCTION follow_orders()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if tg_op = 'DELETE' then
    insert into reservation_changes (order_id)
    select d.order_id from decisions as d
    where d.order_id = any (array(select o.order_id from old_rows as o)) and d.reserved_quantity is distinct from 0;
    return null;
  end if;
  if exists (
    select from new_rows as n join old_rows as o on o.id = n.id where n.status = 'PENDING' and o.status <> 'PENDING'
  ) then
    raise exception 'an order that was decided does not become PENDING again'
      using errcode = 'check_violation', constraint = 'orders_final_state', table = 'orders',
        hint = 'Place another order, which is decided by the limits.';
  end if;
  insert into order_history (order_id, from_status, to_status, reason)
  select n.order_id, o.status, n.status, n.rejection_reason
  from new_rows as n join old_rows as o on o.id = n.id
  where n.status <> o.status
  order by n.id;
  insert into reservation_changes (order_id)
  select n.order_id
  from new_rows as n join old_rows as o on o.id = n.id
  where (n.status, n.quantity) is distinct from (o.status, o.quantity)
    and exists (
      select from decisions as d
      where d.order_id = n.order_id and (d.reserved_quantity is distinct from 0 or n.status = 'PENDING') offset 0
    );
  return null;
end;
$function$;

revoke execute on function follow_orders() from public;

CREATE OR REPLACE FUNCTION follow_profit(ended bigint[], amounts numeric[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  l constant limits := book_limits();
  r risk;
  moment bigint;
  added record;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 or limits_problem(l) is not null then
    return;
  end if;
  select * into r from risk for update;
  if r.profit_at is not null then
    select coalesce(sum(amount) filter (where at >= r.day_from), 0) as day_pnl,
      coalesce(sum(amount) filter (where at > r.profit_at - 86400000), 0) as window_pnl
    into added
    from unnest(ended, amounts) as e (at, amount)
    -- Later ones are read from the trades below, where they stand already.
    where at <= r.profit_at and amount <> 'NaN';
    r.day_pnl := r.day_pnl + added.day_pnl;
    r.window_pnl := r.window_pnl + added.window_pnl;
    if exists (
      select from unnest(ended) as e (at) where at < r.day_from and at > r.profit_at - 86400000
    ) then
      perform trip_breaker(r, l, r.profit_at);
    end if;
  end if;
  for moment in select distinct at from unnest(ended) as e (at)
    -- A time that is still to come is a slip of somebody's clock, and must not move the record's.
    where (r.profit_at is null or at >= r.day_from) and at <= now_ms() + 60000
    order by at
  loop
    r := risk_at(r, l, moment);
    perform trip_breaker(r, l, moment);
  end loop;
  update risk set
    (profit_at, day_from, day_until, day_pnl, window_pnl) =
    (r.profit_at, r.day_from, r.day_until, r.day_pnl, r.window_pnl);
end;
$function$;

revoke execute on function follow_profit(bigint[], numeric[]) from public;

CREATE OR REPLACE FUNCTION follow_trades()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  ended bigint[];
  amounts numeric[];
  seen record;
  moved_orders text[];
  filled record;
begin
  if tg_op = 'INSERT' then
    -- Most fills are of nothing but this: asked first, because everybody who opens a trade pays for it.
    select bool_or(n.status = 'CLOSED') as is_closed, bool_or(n.status = 'OPEN') as is_open,
      bool_or(n.order_id is not null) as is_ordered
    into seen from new_rows as n;
    if seen.is_closed then
      select array_agg(n.exit_timestamp), array_agg(n.pnl) into ended, amounts
      from new_rows as n where n.status = 'CLOSED';
    end if;
    if seen.is_ordered then
      insert into reservation_changes (order_id)
      select d.order_id from new_rows as n
      -- Order by order (offset 0 keeps it so): decisions is long, and a plan once made for a batch would read all of it.
      cross join lateral (select * from decisions as x where x.order_id = n.order_id offset 0) as d
      where d.reserved_quantity is distinct from 0;
    end if;
    if seen.is_open and (
      (select num_nonnulls(max_exposure, max_position) > 0
       from limits where symbol is null order by version desc limit 1)
      or exists (select from limits where symbol is not null)
    ) then
      -- One order in nearly all cases; of a batch it is not told which one it was.
      select array_agg(symbol) as symbols, array_agg(notional) as opened, max(entered) as entered,
        case when min(order_id) = max(last_order) then min(order_id) end as order_id,
        string_agg(names, ' ') as names, bool_or(notional > released) as is_more
      into filled
      from (
        select n.symbol, sum(n.quantity * n.entry_price) as notional, max(n.entry_timestamp) as entered,
          min(n.order_id) as order_id, max(n.order_id) as last_order,
          string_agg(coalesce(n.trade_id, n.id::text), ' ') as names,
          coalesce(sum(least(n.quantity, coalesce(d.reserved_quantity, 0)) * d.price) filter (where not d.reduces), 0) as released
        from new_rows as n
        left join lateral (select * from decisions as x where x.order_id = n.order_id offset 0) as d on true
        where n.status = 'OPEN'
        group by n.symbol
      ) as s;
      if filled.is_more then
        perform tell_overrun(filled.symbols, filled.opened, filled.entered, filled.order_id, filled.names);
      end if;
    end if;
  elsif tg_op = 'UPDATE' then
    select array_agg(at), array_agg(amount) into ended, amounts
    from (
      select o.exit_timestamp as at, -o.pnl as amount
      from old_rows as o join new_rows as n on n.id = o.id
      where o.status = 'CLOSED' and (o.status, o.pnl, o.exit_timestamp) is distinct from (n.status, n.pnl, n.exit_timestamp)
      union all
      select n.exit_timestamp, n.pnl
      from old_rows as o join new_rows as n on n.id = o.id
      where n.status = 'CLOSED' and (o.status, o.pnl, o.exit_timestamp) is distinct from (n.status, n.pnl, n.exit_timestamp)
    ) as moved;
    -- Of a corrected trade the order may reserve again.
    moved_orders := array(
      select unnest(array[o.order_id, n.order_id]) from old_rows as o join new_rows as n on n.id = o.id
      where (o.order_id, o.quantity) is distinct from (n.order_id, n.quantity)
    );
    if cardinality(moved_orders) > 0 then
      insert into reservation_changes (order_id)
      select d.order_id from decisions as d where d.order_id = any (moved_orders);
    end if;
  else
    select array_agg(o.exit_timestamp), array_agg(-o.pnl) into ended, amounts
    from old_rows as o where o.status = 'CLOSED';
    insert into reservation_changes (order_id)
    select d.order_id from decisions as d where d.order_id = any (array(select o.order_id from old_rows as o));
  end if;
  if ended is not null then
    perform follow_profit(ended, amounts);
  end if;
  return null;
end;
$function$;

revoke execute on function follow_trades() from public;

CREATE OR REPLACE FUNCTION guard_order_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  facts orders;
begin
  new.updated_at := old.updated_at;
  if new is not distinct from old then
    return new;
  end if;
  facts := new;
  facts.status := old.status;
  facts.rejection_reason := old.rejection_reason;
  new.updated_at := timezone('UTC', now());
  if (facts is not distinct from old and old.status = 'PENDING') or has_permit('orders'::text, 'correct'::text) then
    return new;
  end if;
  if facts is distinct from old then
    raise exception 'order %: only status and rejection_reason move', old.order_id
      using errcode = 'check_violation', constraint = 'orders_facts_are_fixed', table = 'orders';
  end if;
  raise exception 'order % is % and stays so; % was asked for', old.order_id, old.status, new.status
    using errcode = 'check_violation', constraint = 'orders_final_state', table = 'orders';
end;
$function$;

revoke execute on function guard_order_update() from public;

CREATE OR REPLACE FUNCTION guard_trade_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  facts trades;
begin
  facts := new;
  facts.commission := old.commission;
  facts.pnl_net := old.pnl_net;
  if old.status = 'OPEN' then
    facts.status := old.status;
    facts.exit_price := old.exit_price;
    facts.exit_timestamp := old.exit_timestamp;
    facts.pnl := old.pnl;
    facts.pnl_pct := old.pnl_pct;
  end if;
  if new is not distinct from old
    or (
      facts is not distinct from old
      and (old.status = 'OPEN' or (coalesce(old.commission, 0) = 0 and new.commission is not null))
    )
    or has_permit('trades'::text, 'correct'::text)
  then
    return new;
  end if;
  if old.status = 'CLOSED' then
    raise exception 'trade % is closed and does not change', coalesce(old.trade_id, old.id::text)
      using errcode = 'check_violation', constraint = 'trades_closed_is_final', table = 'trades',
        hint = 'A commission that is NULL or 0 may still be set; else use claire correct.';
  end if;
  if new.quantity is distinct from old.quantity and new.status = 'CLOSED' then
    raise exception 'trade % is open with %; closing % of it is not possible',
      coalesce(old.trade_id, old.id::text), old.quantity, new.quantity
      using errcode = 'check_violation', constraint = 'trades_close_whole', table = 'trades';
  end if;
  raise exception 'trade %: what was entered does not change', coalesce(old.trade_id, old.id::text)
    using errcode = 'check_violation', constraint = 'trades_entry_is_fixed', table = 'trades',
      hint = 'An addition is a trade of its own; a mistake goes through claire correct.';
end;
$function$;

revoke execute on function guard_trade_update() from public;

CREATE OR REPLACE FUNCTION halt_at(g halt_gate, at bigint)
 RETURNS halts
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select * from halts where id = g.halt_id and (until is null or until > at);
$function$;

revoke execute on function halt_at(halt_gate, bigint) from public;

CREATE OR REPLACE FUNCTION halt_trading(why text, at bigint DEFAULT NULL::bigint, until_time bigint DEFAULT NULL::bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET lock_timeout TO '10s'
AS $function$
declare
  moment constant bigint := coalesce(at, now_ms());
  g halt_gate;
  present halts;
begin
  perform refuse_time_to_come(moment);
  select * into g from halt_gate for update;
  present := halt_at(g, moment);
  if present.id is not null and (present.until is null or present.until >= until_time) then
    return present.id;
  end if;
  g.halt_id := record_halt(why, 'hand', moment, until_time, jsonb_build_object('actor', actor()));
  update halt_gate set halt_id = g.halt_id;
  return g.halt_id;
end;
$function$;

revoke execute on function halt_trading(text, bigint, bigint) from public;

CREATE OR REPLACE FUNCTION has_permit(wanted_table text, wanted_action text)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select exists (
    select from permits
    where transaction_id = pg_current_xact_id_if_assigned()
      and table_name = wanted_table and action = wanted_action
  );
$function$;

revoke execute on function has_permit(text, text) from public;

CREATE OR REPLACE FUNCTION held_exposure(wanted text[], OUT gross numeric, OUT num_trades bigint, OUT symbols text[], OUT notionals numeric[], OUT longs numeric[], OUT shorts numeric[], OUT closing_buys numeric[], OUT closing_sells numeric[], OUT max_positions numeric[], OUT max_order_sizes numeric[], OUT are_unsound boolean[])
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  select
    sum(s.notional), sum(s.num_trades),
    array_agg(s.symbol), array_agg(s.notional), array_agg(s.long), array_agg(s.short),
    array_agg(s.closing_buy), array_agg(s.closing_sell), array_agg(o.max_position), array_agg(o.max_order_size),
    array_agg(not is_amount(coalesce(o.max_position, 1)) or not is_amount(coalesce(o.max_order_size, 1)))
  into gross, num_trades, symbols, notionals, longs, shorts, closing_buys, closing_sells, max_positions, max_order_sizes,
    are_unsound
  from (
    select p.symbol, sum(p.notional) as notional, sum(p.num_trades) as num_trades,
      coalesce(sum(p.quantity) filter (where p.side = 'BUY'), 0) as long,
      coalesce(sum(p.quantity) filter (where p.side = 'SELL'), 0) as short,
      coalesce(sum(p.closing) filter (where p.side = 'BUY'), 0) as closing_buy,
      coalesce(sum(p.closing) filter (where p.side = 'SELL'), 0) as closing_sell
    from (
      -- The symbols that nobody asked for are one.
      select case when e.symbol = any (wanted) then e.symbol end as symbol,
        e.side, e.quantity, e.notional, e.num_trades, e.closing
      from exposure_parts as e
      union all
      select w, 'BUY', 0, 0, 0, 0 from unnest(wanted) as w
    ) as p
    group by p.symbol
  ) as s
  left join lateral (
    select x.max_position, x.max_order_size from limits as x
    where x.symbol = s.symbol order by x.version desc limit 1
  ) as o on true;
end;
$function$;

revoke execute on function held_exposure(text[]) from public;

CREATE OR REPLACE FUNCTION hold_the_door()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  moment constant bigint := now_ms();
  candidates decisions[];
  l limits;
  r risk;
  g halt_gate;
  broken decisions;
  known record;
begin
  -- What decide placed needs no second look; this is asked first because it is cheap.
  select count(*) filter (where d.order_id is null) as num_fresh,
    count(*) filter (where d.order_id is null and n.status = 'PENDING') as num_waiting,
    array_agg(d.order_id) filter (
      where n.status = 'PENDING' and d.decision <> 'rejected' and d.reserved_quantity is distinct from n.quantity
    ) as returned
  into known
  from new_rows as n
  left join lateral (
    select x.order_id, x.decision, x.reserved_quantity from decisions as x where x.order_id = n.order_id offset 0
  ) as d on true;
  if known.returned is not null then
    -- Back from quarantine.
    insert into reservation_changes (order_id) select unnest(known.returned);
  end if;
  if known.num_fresh = 0 then
    return null;
  end if;
  insert into order_history (order_id, to_status, reason)
  select n.order_id, n.status, n.rejection_reason from new_rows as n
  where not exists (select from decisions as d where d.order_id = n.order_id offset 0)
  order by n.id;
  if known.num_waiting = 0 then
    -- Refused, filled or cancelled: facts.
    return null;
  end if;
  l := book_limits();
  select * into g from halt_gate;
  -- Where it is refused it must be sure; where it is only told nobody waits for it.
  if l.enforce_limits = 'on' or (halt_at(g, moment)).id is not null then
    perform refuse_older_moment();
    update risk set decided = decided + 1;
  end if;
  select * into g from halt_gate for share;
  select * into r from risk;
  candidates := array(
    select direct_candidate(n.order_id, n.signal_id, n.symbol, n.side, n.quantity, n.price, n.timestamp, moment, l)
    from new_rows as n
    where n.status = 'PENDING' and not exists (select from decisions as d where d.order_id = n.order_id offset 0)
    order by n.id
  );
  if g.halt_id is null and not is_anything_limited(l) then
    candidates := unjudged(candidates);
  else
    -- Each judgement looks up what was not summed yet: of thousands in one transaction that would be all, for each.
    if (select count(*) > 100 from (select from reservation_changes limit 101) as c) then
      update risk set decided = decided + 1;
      perform sum_reservations();
    end if;
    candidates := judge_orders(candidates, r, g, l);
  end if;
  insert into decisions select j.* from unnest(candidates) as j;
  insert into reservation_changes (order_id) select j.order_id from unnest(candidates) as j;
  for broken in select j.* from unnest(candidates) as j where cardinality(j.broken) > 0 loop
    perform answer_direct_order(broken, l);
  end loop;
  return null;
end;
$function$;

revoke execute on function hold_the_door() from public;

CREATE OR REPLACE FUNCTION is_amount(amount numeric)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select amount > 0 and amount < 1e15;
$function$;

revoke execute on function is_amount(numeric) from public;

CREATE OR REPLACE FUNCTION is_anything_limited(l limits)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  return limits_problem(l) is not null
    or l.enforce_limits <> 'off' and (
      num_nonnulls(
        l.max_exposure, l.max_position, l.max_order_size, l.max_open_trades, l.max_orders_per_minute, l.max_drawdown,
        l.max_drawdown_pct, l.min_confidence, l.max_signal_age_ms
      ) > 0
      or exists (select from limits where symbol is not null)
    );
end;
$function$;

revoke execute on function is_anything_limited(limits) from public;

CREATE OR REPLACE FUNCTION is_least_confidence(confidence numeric)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select confidence > 0 and confidence <= 1;
$function$;

revoke execute on function is_least_confidence(numeric) from public;

CREATE OR REPLACE FUNCTION is_loss(amount numeric)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select amount < 0 and amount > -1e15;
$function$;

revoke execute on function is_loss(numeric) from public;

CREATE OR REPLACE FUNCTION is_loss_percent(percent numeric)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select percent < 0 and percent >= -100;
$function$;

revoke execute on function is_loss_percent(numeric) from public;

CREATE OR REPLACE FUNCTION is_minute_full(at bigint, accepted bigint[], most bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select count(*) >= most
  from (
    select from (
      select from decisions
      where decision in ('opening', 'direct') and not reduces and timestamp > at - 60000 and timestamp < at + 60000
      limit most
    ) as recorded
    union all
    select from unnest(accepted) as a (moment) where moment > at - 60000 and moment < at + 60000
  ) as orders;
$function$;

revoke execute on function is_minute_full(bigint, bigint[], bigint) from public;

CREATE OR REPLACE FUNCTION is_number_of(things bigint)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select things > 0;
$function$;

revoke execute on function is_number_of(bigint) from public;

CREATE OR REPLACE FUNCTION judge_orders(candidates decisions[], r risk, g halt_gate, l limits)
 RETURNS decisions[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  of_book constant text := limits_problem(l);
  problem text;
  is_minute_limited constant boolean := l.max_orders_per_minute is not null;
  judged decisions[] := '{}';
  held record;
  d decisions;
  of_symbol limits := l;
  moment bigint;
  breach jsonb;
  halted halts;
  at integer;
  closable numeric;
  accepted bigint[] := '{}';
begin
  held := held_exposure(case when cardinality(candidates) = 1 then array[candidates[1].symbol]::text[]
    else array(select distinct c.symbol from unnest(candidates) as c) end);
  foreach d in array candidates loop
    at := array_position(held.symbols, d.symbol);
    problem := case when held.are_unsound[at] then coalesce(of_book, d.symbol) else of_book end;
    -- Where both sides are open, closing one makes the net position larger: that is for who asks to close, and means it.
    closable := case d.side when 'BUY' then held.shorts[at] - held.closing_buys[at]
      else held.longs[at] - held.closing_sells[at] end
      - case when d.decision = 'closing' then 0 when d.side = 'BUY' then held.longs[at] else held.shorts[at] end;
    d.quantity := case when d.decision = 'closing' and closable > 0 then closable
      else coalesce(d.asked_quantity, trunc(d.asked_notional / d.price, 8)) end;
    d.notional := d.quantity * d.price;
    d.exposure := held.gross;
    d.position := held.notionals[at];
    d.open_trades := held.num_trades;
    d.limits_version := l.version;
    d.reduces := d.quantity > 0 and d.quantity <= closable;
    if d.reduces then
      d.broken := '{}';
    else
      -- A batch is of few moments, mostly of one.
      if d.timestamp is distinct from moment then
        moment := d.timestamp;
        if problem is null then
          r := risk_at(r, l, moment);
          breach := standing_breach(g, r, l, moment);
        end if;
        halted := case when g.halt_id is not null then halt_at(g, moment) end;
      end if;
      d.daily_pnl := case when r.profit_at is not null then r.day_pnl end;
      of_symbol.max_position := coalesce(held.max_positions[at], l.max_position);
      of_symbol.max_order_size := coalesce(held.max_order_sizes[at], l.max_order_size);
      -- In the order of precedence: the first one names the reason.
      d.broken := array_remove(array[
          case when problem is not null then 'limits_unreadable' end,
          case when halted.id is not null then 'halted' end,
          case when breach is not null then 'max_drawdown' end
        ], null) || d.broken || limits_broken(d, of_symbol);
      if is_minute_limited and is_minute_full(d.timestamp, accepted, l.max_orders_per_minute) then
        d.broken := d.broken || 'max_orders_per_minute'::text;
      end if;
    end if;
    if cardinality(d.broken) > 0 then
      d.reason := refusal_of(d.broken[1], case d.broken[1]
        when 'limits_unreadable' then 'The limits cannot be read: ' || problem
        when 'halted' then 'Trading is halted: ' || halted.reason
        else breach ->> 'reason' end);
      d.details := numbers_of(d, of_symbol, breach);
    else
      d.details := null;
    end if;
    if d.decision <> 'direct' then
      d.decision := case when cardinality(d.broken) > 0 then 'rejected' when d.reduces then 'closing' else 'opening' end;
      d.reserved_quantity := case when d.decision = 'rejected' then 0 else d.quantity end;
    end if;
    if d.decision = 'rejected' then
      -- An order has a quantity, also one that buys nothing.
      d.quantity := greatest(d.quantity, 0.00000001);
    elsif not d.reduces then
      held.gross := held.gross + coalesce(d.notional, 0);
      held.notionals[at] := d.position + coalesce(d.notional, 0);
      held.num_trades := held.num_trades + 1;
      if is_minute_limited then accepted := accepted || d.timestamp; end if;
    elsif d.side = 'BUY' then
      held.closing_buys[at] := held.closing_buys[at] + d.quantity;
    else
      held.closing_sells[at] := held.closing_sells[at] + d.quantity;
    end if;
    judged := judged || d;
  end loop;
  return judged;
end;
$function$;

revoke execute on function judge_orders(decisions[], risk, halt_gate, limits) from public;

CREATE OR REPLACE FUNCTION keep_answer(by text, new_key text, hash text, status bigint, answer text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  insert into idempotency_keys (caller, key, request_hash, status, answer)
  values (session_user || ' ' || by, new_key, hash, status, answer);
$function$;

revoke execute on function keep_answer(text, text, text, bigint, text) from public;

CREATE OR REPLACE FUNCTION limits_as_json(l limits)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select jsonb_strip_nulls(jsonb_build_object(
    'version', l.version, 'symbol', l.symbol, 'max_exposure', l.max_exposure::text, 'max_position', l.max_position::text,
    'max_order_size', l.max_order_size::text, 'max_open_trades', l.max_open_trades,
    'max_orders_per_minute', l.max_orders_per_minute, 'max_drawdown', l.max_drawdown::text,
    'max_drawdown_pct', l.max_drawdown_pct::text, 'min_confidence', l.min_confidence::text,
    'max_signal_age_ms', l.max_signal_age_ms, 'time_zone', l.time_zone, 'enforce_halts', l.enforce_halts,
    'enforce_limits', l.enforce_limits, 'breaker_halts', l.breaker_halts, 'reason', l.reason, 'actor', l.actor,
    'created_at', as_ms(l.created_at)
  ));
$function$;

revoke execute on function limits_as_json(limits) from public;

CREATE OR REPLACE FUNCTION limits_broken(d decisions, l limits)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select array_remove(array[
    case when d.quantity = 0 then 'order_too_small' end,
    case when d.price is null and num_nonnulls(l.max_exposure, l.max_position, l.max_order_size) > 0 then 'price_unknown' end,
    case when d.notional > l.max_order_size then 'max_order_size' end,
    case when d.exposure + d.notional > l.max_exposure then 'max_exposure' end,
    case when d.position + d.notional > l.max_position then 'max_position' end,
    case when d.open_trades >= l.max_open_trades then 'max_open_trades' end
  ], null);
$function$;

revoke execute on function limits_broken(decisions, limits) from public;

CREATE OR REPLACE FUNCTION limits_problem(l limits)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case
    when l.version is null then 'no limits are recorded'
    when not is_amount(l.max_exposure) then 'max_exposure'
    when not is_amount(l.max_position) then 'max_position'
    when not is_amount(l.max_order_size) then 'max_order_size'
    when not is_number_of(l.max_open_trades) then 'max_open_trades'
    when not is_number_of(l.max_orders_per_minute) then 'max_orders_per_minute'
    when not is_loss(l.max_drawdown) then 'max_drawdown'
    when not is_loss_percent(l.max_drawdown_pct) then 'max_drawdown_pct'
    when not is_least_confidence(l.min_confidence) then 'min_confidence'
    when not is_number_of(l.max_signal_age_ms) then 'max_signal_age_ms'
    when l.time_zone is null then 'time_zone'
  end;
$function$;

revoke execute on function limits_problem(limits) from public;

CREATE OR REPLACE FUNCTION lock_record(what text, wanted_id bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  stored jsonb;
begin
  if what not in ('signals', 'orders', 'trades', 'risk_events') then
    raise exception '% is not signals, orders, trades or risk_events', what
      using errcode = 'check_violation', constraint = 'corrections_table';
  end if;
  -- As every other change of a trade takes it: the risk row first.
  if what = 'trades' then
    perform lock_risk();
  end if;
  execute format('select to_jsonb(t) from %I as t where id = $1 for update', what) into stored using wanted_id;
  if stored is null then
    raise exception 'there is no row % in %', wanted_id, what
      using errcode = 'check_violation', constraint = 'corrections_row';
  end if;
  return stored;
end;
$function$;

revoke execute on function lock_record(text, bigint) from public;

CREATE OR REPLACE FUNCTION lock_risk()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if (
    select num_nonnulls(max_drawdown, max_drawdown_pct) > 0
    from limits where symbol is null order by version desc limit 1
  ) then
    perform from risk for update;
  end if;
end;
$function$;

revoke execute on function lock_risk() from public;

CREATE OR REPLACE FUNCTION lock_risk_of_trades()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  perform lock_risk();
  return null;
end;
$function$;

revoke execute on function lock_risk_of_trades() from public;

CREATE OR REPLACE FUNCTION lock_unneeded(what text, ids bigint[], covered_until timestamp without time zone, open_from xid8)
 RETURNS bigint[]
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  unneeded constant text := format(
    'select array(
       select id from %I
       where id = any ($1) and ($2 is null or coalesce(changed_at < $2, true)) and was_seen(written_by, $3)
     )', 'unneeded_' || what
  );
  found bigint[];
begin
  execute unneeded into found using ids, covered_until, open_from;
  execute format('select array(select id from %I where id = any ($1) for update skip locked)', what) into found using found;
  -- Again, by a snapshot from after the locks: what was committed in between names or changed them.
  execute unneeded into found using found, covered_until, open_from;
  return found;
end;
$function$;

revoke execute on function lock_unneeded(text, bigint[], timestamp without time zone, xid8) from public;

CREATE OR REPLACE FUNCTION log_rows()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  what constant text := tg_argv[0];
  found bigint[];
  left_behind text[];
begin
  if tg_op = 'UPDATE' then
    found := array(
      select n.id from new_rows as n join old_rows as o on o.id = n.id where n is distinct from o order by n.id
    );
  elsif what = 'limits' then
    found := array(select version from new_rows order by version);
  elsif tg_op = 'INSERT' then
    found := array(select id from new_rows order by id);
  end if;
  if cardinality(found) > 0 then
    insert into record_log (what, action, ids) values (what, lower(tg_op), found);
  end if;
  if what <> 'trade' or tg_op = 'INSERT' then
    return null;
  end if;
  -- Into quarantine, or corrected: the position that it left is told by no trade.
  if tg_op = 'DELETE' then
    left_behind := array(select distinct side || ' ' || symbol from old_rows order by 1);
  else
    left_behind := array(
      select distinct o.side || ' ' || o.symbol from new_rows as n join old_rows as o on o.id = n.id
      where (o.side, o.symbol) is distinct from (n.side, n.symbol) order by 1
    );
  end if;
  if cardinality(left_behind) > 0 then
    insert into record_log (what, action, ids, places) values ('position', lower(tg_op), '{}', left_behind);
  end if;
  return null;
end;
$function$;

revoke execute on function log_rows() from public;

CREATE OR REPLACE FUNCTION mark_token_used(wanted text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  update tokens set last_used_day = timezone('UTC', now())::date
  where token_id = wanted and last_used_day is distinct from timezone('UTC', now())::date;
$function$;

revoke execute on function mark_token_used(text) from public;

CREATE OR REPLACE FUNCTION market_day(at bigint, zone text, OUT day_from bigint, OUT day_until bigint)
 RETURNS record
 LANGUAGE sql
 STABLE
AS $function$
  select
    floor(extract(epoch from timezone(zone, case when is_early then local_day - interval '1 day' else local_day end)) * 1000)::bigint,
    floor(extract(epoch from timezone(zone, case when is_early then local_day else local_day + interval '1 day' end)) * 1000)::bigint
  from date_trunc('day', timezone(zone, to_timestamp(at / 1000.0))) as local_day,
    lateral (select timezone(zone, local_day) > to_timestamp(at / 1000.0) as is_early) as e;
$function$;

revoke execute on function market_day(bigint, text) from public;

CREATE OR REPLACE FUNCTION mend_rows(what text, first_id bigint, last_id bigint, wanted jsonb, source text DEFAULT ''::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  columns text;
  computed text;
  mended bigint;
begin
  select string_agg(format('%I', key), ', '), string_agg(value ->> 'is', ', ') into columns, computed
  from jsonb_each(wanted);
  -- The guards of recorded rows let it pass; a second call of one transaction finds its permit there.
  insert into permits (table_name, action, reason) values (what, 'correct', 'old rows') on conflict do nothing;
  execute format(
    $sql$
      with found as (
        select t.id, to_jsonb(t) as before, %2$s
        from %1$I as t%5$s
        where t.id > $1 and t.id <= $2 and row(%3$s) is distinct from row(%4$s)
        -- What a client changes meanwhile is read again: else the update would write back what stood there before.
        for no key update of t
      ),
      changed as (
        update %1$I as t set (%6$s) = row(%7$s)
        from found where t.id = found.id
        returning t.id, found.before, to_jsonb(t) as after
      ),
      recorded as (
        insert into corrections (table_name, row_id, column_name, before, after, law, reason, version)
        select $3, changed.id, b.key, b.value, a.value, coalesce(w.value ->> 'law', 'closed_trades_have_their_profit'),
          coalesce(w.value ->> 'why', 'follows from what was corrected'), '1.2'
        from changed
        cross join jsonb_each(changed.before) as b
        join jsonb_each(changed.after) as a on a.key = b.key and a.value is distinct from b.value
        left join jsonb_each($4) as w on w.key = b.key
        -- The net profit is new, and when an order was last touched is not a fact of the market.
        where b.key not in ('pnl_net', 'updated_at')
        order by changed.id, b.key
      )
      select count(*) from changed
    $sql$,
    what,
    (select string_agg(format('%s as %I', value ->> 'is', 'new_' || key), ', ') from jsonb_each(wanted)),
    (select string_agg(format('t.%I', key), ', ') from jsonb_each(wanted)),
    computed,
    source,
    columns,
    (select string_agg(format('found.%I', 'new_' || key), ', ') from jsonb_each(wanted))
  ) into mended using first_id, last_id, what, wanted;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and reason = 'old rows';
  return mended;
end;
$function$;

revoke execute on function mend_rows(text, bigint, bigint, jsonb, text) from public;

CREATE OR REPLACE FUNCTION now_ms()
 RETURNS bigint
 LANGUAGE sql
AS $function$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint;
$function$;

revoke execute on function now_ms() from public;

CREATE OR REPLACE FUNCTION numbers_of(d decisions, l limits, breach jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  numbers jsonb := '{}';
begin
  if 'max_drawdown' = any (d.broken) then
    numbers := numbers || coalesce(breach -> 'details', '{}');
  end if;
  if 'max_exposure' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_exposure', trim_scale(d.exposure), 'max_exposure', trim_scale(l.max_exposure),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_position' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_position', trim_scale(d.position), 'max_position', trim_scale(l.max_position),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_order_size' = any (d.broken) then
    numbers := numbers
      || jsonb_build_object('order_size', trim_scale(d.notional), 'max_order_size', trim_scale(l.max_order_size));
  end if;
  if 'max_open_trades' = any (d.broken) then
    numbers := numbers || jsonb_build_object('open_trades', d.open_trades, 'max_open_trades', l.max_open_trades);
  end if;
  if 'max_orders_per_minute' = any (d.broken) then
    numbers := numbers || jsonb_build_object('max_orders_per_minute', l.max_orders_per_minute);
  end if;
  -- What decide knows of the signal stands there already.
  numbers := numbers || coalesce(d.details, '{}');
  return case when cardinality(d.broken) > 1 then numbers || jsonb_build_object('broken', d.broken) else numbers end;
end;
$function$;

revoke execute on function numbers_of(decisions, limits, jsonb) from public;

CREATE OR REPLACE FUNCTION order_as_json(o orders)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select jsonb_build_object(
    'order_id', o.order_id, 'signal_id', o.signal_id, 'symbol', o.symbol, 'side', o.side,
    'quantity', o.quantity::text, 'price', o.price::text, 'status', o.status, 'rejection_reason', o.rejection_reason,
    'timestamp', o.timestamp, 'created_at', as_ms(o.created_at),
    'decision', (
      select jsonb_build_object(
        'decision', d.decision, 'reduces', d.reduces, 'timestamp', d.timestamp, 'quantity', d.quantity::text,
        'price', d.price::text, 'notional', d.notional::text, 'reason', d.reason, 'broken', d.broken,
        'details', d.details, 'exposure', d.exposure::text, 'position', d.position::text,
        'open_trades', d.open_trades, 'daily_pnl', d.daily_pnl::text, 'reserved_quantity', coalesce(
          (select r.quantity::text from reservations as r where r.order_id = d.order_id), '0'
        ),
        'released_reason', d.released_reason, 'actor', d.actor, 'created_at', as_ms(d.created_at),
        'limits', (select limits_as_json(l) from limits as l where l.version = d.limits_version),
        'symbol_limits', (
          select limits_as_json(l) from limits as l
          where l.symbol = d.symbol and l.created_at <= d.created_at order by l.version desc limit 1
        )
      )
      from decisions as d where d.order_id = o.order_id
    ),
    'history', coalesce((
      select jsonb_agg(jsonb_build_object(
        'from', h.from_status, 'to', h.to_status, 'reason', h.reason, 'actor', h.actor, 'at', as_ms(h.created_at)
      ) order by h.id)
      from order_history as h where h.order_id = o.order_id
    ), '[]'),
    'trades', coalesce((
      select jsonb_agg(trade_as_json(t) order by t.id) from trades as t where t.order_id = o.order_id
    ), '[]')
  );
$function$;

revoke execute on function order_as_json(orders) from public;

CREATE OR REPLACE FUNCTION order_id_for(signal_id text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when length(signal_id) <= 46 then 'ord-' || signal_id
    else left('ord-' || signal_id, 17) || '-' || left(encode(sha256(convert_to('ord-' || signal_id, 'UTF8')), 'hex'), 32)
  end;
$function$;

revoke execute on function order_id_for(text) from public;

CREATE OR REPLACE FUNCTION orders_agree_with_signals()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  wrong record;
begin
  select n.order_id, n.symbol, s.signal_id, s.symbol as signal_symbol into wrong
  from new_rows as n join signals as s on s.signal_id = n.signal_id
  where s.symbol <> n.symbol
  limit 1;
  if found then
    raise exception 'order % is for %, its signal % for %',
      wrong.order_id, wrong.symbol, wrong.signal_id, wrong.signal_symbol
      using errcode = 'check_violation', constraint = 'orders_agree_with_signals', table = 'orders';
  end if;
  return null;
end;
$function$;

revoke execute on function orders_agree_with_signals() from public;

CREATE OR REPLACE FUNCTION place_decided(d decisions)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  insert into decisions select d.*;
  insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, timestamp)
  values (
    d.order_id, d.signal_id, d.symbol, d.side, d.quantity, d.asked_price,
    case d.decision when 'rejected' then 'REJECTED' else 'PENDING' end, d.reason, d.timestamp
  );
  if d.decision <> 'rejected' then
    update reservation_totals as t set
      closing = t.closing + case when d.reduces then d.quantity else 0 end,
      notional = t.notional + case when d.reduces then 0 else coalesce(d.notional, 0) end,
      num_orders = t.num_orders + (not d.reduces)::int
    where t.symbol = d.symbol and t.side = d.side;
    if found then
      return;
    end if;
  end if;
  perform follow_decisions(array[d]);
end;
$function$;

revoke execute on function place_decided(decisions) from public;

CREATE OR REPLACE FUNCTION price_of(side text, limit_price numeric, last_price numeric)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case side when 'SELL' then greatest(limit_price, last_price) else coalesce(limit_price, last_price) end;
$function$;

revoke execute on function price_of(text, numeric, numeric) from public;

CREATE OR REPLACE FUNCTION profit_between(after_time bigint, up_to bigint)
 RETURNS numeric
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
  where status = 'CLOSED' and exit_timestamp > after_time and exit_timestamp <= up_to;
$function$;

revoke execute on function profit_between(bigint, bigint) from public;

CREATE OR REPLACE FUNCTION profit_of(side text, quantity numeric, entry_price numeric, exit_price numeric, commission numeric, OUT pnl numeric, OUT pnl_pct numeric, OUT pnl_net numeric)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  -- Values that a CHECK will refuse are left alone: an overflow or a division by zero would hide its name.
  if quantity > 0 and quantity < 1e12
    and entry_price > 0 and entry_price < 1e12
    and exit_price > 0 and exit_price < 1e12
  then
    pnl := round(quantity * (exit_price - entry_price) * case side when 'BUY' then 1 when 'SELL' then -1 end, 8);
    pnl_pct := round(
      (exit_price - entry_price) / entry_price * 100 * case side when 'BUY' then 1 when 'SELL' then -1 end, 4
    );
    if commission > -1e12 and commission < 1e12 then
      pnl_net := pnl - commission;
    end if;
  end if;
end;
$function$;

revoke execute on function profit_of(text, numeric, numeric, numeric, numeric) from public;

CREATE OR REPLACE FUNCTION prune_answers(batch_size integer DEFAULT 10000)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  gone bigint;
begin
  delete from idempotency_keys where ctid = any (array(
    select ctid from idempotency_keys where created_at < timezone('UTC', now()) - interval '24 hours' limit batch_size
  ));
  get diagnostics gone = row_count;
  return gone;
end;
$function$;

revoke execute on function prune_answers(integer) from public;

CREATE OR REPLACE FUNCTION prune_record_log(batch_size integer DEFAULT 10000)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  gone bigint;
begin
  delete from record_log as l
  using (
    select o.xid, o.id, bool_or(o.stays) over (order by o.xid, o.id) as stays,
      lead(o.stays, 1, true) over (order by o.xid, o.id) as is_last
    from (
      select xid, id,
        created_at >= timezone('UTC', now()) - interval '24 hours'
        and id > (select last_value from record_log_id_seq) - 1000000 as stays
      from record_log order by xid, id limit batch_size
    ) as o
  ) as oldest
  where not oldest.stays and not oldest.is_last and l.xid = oldest.xid and l.id = oldest.id;
  get diagnostics gone = row_count;
  return gone;
end;
$function$;

revoke execute on function prune_record_log(integer) from public;

CREATE OR REPLACE FUNCTION quarantine_row(what text, wanted_id bigint, laws text[], why text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  stored constant jsonb := lock_record(what, wanted_id);
  quarantined bigint;
  named_by text;
begin
  insert into quarantine (table_name, row_id, row, laws, reason, version)
  values (what, wanted_id, stored, laws, why, schema_version())
  returning id into quarantined;
  insert into permits (table_name, action, reason) values (what, 'delete', why);
  begin
    execute format('delete from %I where id = $1', what) using wanted_id;
  exception when foreign_key_violation then
    -- The server's own words name the table only; they are kept for tables that are not Claire's.
    get stacked diagnostics named_by = pg_exception_detail;
    raise exception '% % is named by %', what, wanted_id, coalesce(
      (select 'order ' || o.order_id from orders as o
       where what = 'signals' and o.signal_id = stored ->> 'signal_id' limit 1),
      (select 'trade ' || coalesce(t.trade_id, t.id::text) from trades as t
       where what = 'orders' and t.order_id = stored ->> 'order_id' limit 1),
      named_by
    )
      using errcode = 'check_violation', constraint = 'quarantine_lineage', table = what,
        hint = 'Quarantine the row that names it first.';
  end;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'delete';
  return quarantined;
end;
$function$;

revoke execute on function quarantine_row(text, bigint, text[], text) from public;

CREATE OR REPLACE FUNCTION record_corrections(what text, wanted_id bigint, before jsonb, after jsonb, why text, law text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  recorded integer;
begin
  insert into corrections (table_name, row_id, column_name, before, after, law, reason, actor, version)
  select what, wanted_id, b.key, b.value, a.value, law, why, actor(), schema_version()
  from jsonb_each(before) as b join jsonb_each(after) as a on a.key = b.key
  where a.value is distinct from b.value
    -- It moves with every change; only where there was none is it a value that was filled in.
    and (b.key <> 'updated_at' or b.value = 'null');
  get diagnostics recorded = row_count;
  return recorded;
end;
$function$;

revoke execute on function record_corrections(text, bigint, jsonb, jsonb, text, text) from public;

CREATE OR REPLACE FUNCTION record_halt(why_halted text, caused_by text, at bigint, until_time bigint, numbers jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  written bigint;
begin
  insert into halts (action, cause, reason, timestamp, until, details)
  values ('halt', caused_by, why_halted, at, until_time, numbers)
  returning id into written;
  insert into risk_events (event_id, event_type, reason, details, timestamp)
  -- By the count and not by the id, which is another one where a transaction before was rolled back.
  select 'evt-' || md5(event_type || at || ' ' || (select count(*) from halts)), event_type, why_halted, numbers, at
  from (values (1, 'daily_drawdown_exceeded'), (2, 'circuit_breaker_triggered')) as events (place, event_type)
  where event_type = 'circuit_breaker_triggered' or caused_by = 'drawdown'
  order by place;
  return written;
end;
$function$;

revoke execute on function record_halt(text, text, bigint, bigint, jsonb) from public;

CREATE OR REPLACE FUNCTION record_waiting_orders()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  insert into decisions (order_id, signal_id, symbol, side, decision, reduces, timestamp, quantity, price, notional, actor)
  select o.order_id, o.signal_id, o.symbol, o.side, 'direct',
    -- In turn, as if each had been judged when it came.
    coalesce(sum(o.quantity) over (partition by o.symbol, o.side order by o.id) <= (
      select sum(t.quantity) from trades as t where t.symbol = o.symbol and t.side <> o.side and t.status = 'OPEN'
    ), false),
    usable_time(o.timestamp, case when isfinite(o.created_at) then usable_time(as_ms(o.created_at), now_ms()) else now_ms() end),
    o.quantity, p.price, o.quantity * p.price, 'from before 1.3'
  from orders as o
  left join signals as s on s.signal_id = o.signal_id
  cross join lateral (
    select price_of(o.side, o.price, coalesce(s.price, (
      select x.price from signals as x where x.symbol = o.symbol order by x.timestamp desc limit 1
    ))) as price
  ) as p
  where o.status = 'PENDING'
  on conflict do nothing;
  insert into reservation_changes (order_id)
  select order_id from decisions where reserved_quantity is null;
end;
$function$;

revoke execute on function record_waiting_orders() from public;

CREATE OR REPLACE FUNCTION refresh_positions_realtime()
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  changed boolean;
begin
  select exists (
    (table positions except table positions_realtime)
    union all
    (table positions_realtime except table positions)
  ) into changed;
  if changed then
    refresh materialized view concurrently positions_realtime;
  end if;
  insert into materialized_view_refreshes (view_name, last_refresh)
  values ('positions_realtime', timezone('UTC', now()))
  on conflict (view_name) do update set last_refresh = excluded.last_refresh;
  return changed;
end;
$function$;

revoke execute on function refresh_positions_realtime() from public;

CREATE OR REPLACE FUNCTION refusal_of(broken text, fallback text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case broken
    when 'signal_from_future' then 'Signal from the future'
    when 'max_signal_age_ms' then 'Signal too old'
    when 'min_confidence' then 'Confidence too low'
    when 'order_too_small' then 'Order too small'
    when 'price_unknown' then 'No price is known'
    when 'max_order_size' then 'Order size limit exceeded'
    when 'max_exposure' then 'Exposure limit exceeded'
    when 'max_position' then 'Position limit exceeded'
    when 'max_open_trades' then 'Open trades limit exceeded'
    when 'max_orders_per_minute' then 'Orders per minute limit exceeded'
    else fallback
  end;
$function$;

revoke execute on function refusal_of(text, text) from public;

CREATE OR REPLACE FUNCTION refuse_broken_chain(what text, wanted_id bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if exists (
    select from orders as o join signals as s on s.signal_id = o.signal_id
    where s.symbol <> o.symbol
      and ((what = 'orders' and o.id = wanted_id) or (what = 'signals' and s.id = wanted_id))
  ) or exists (
    select from trades as t join orders as o on o.order_id = t.order_id
    where (o.symbol <> t.symbol or o.side <> t.side)
      and ((what = 'trades' and t.id = wanted_id) or (what = 'orders' and o.id = wanted_id))
  ) or exists (
    select from orders as o join trades as t on t.order_id = o.order_id
    where (what = 'orders' and o.id = wanted_id)
      or (what = 'trades' and o.order_id = (select n.order_id from trades as n where n.id = wanted_id))
    group by o.order_id, o.quantity
    having sum(t.quantity) > o.quantity
  ) then
    raise exception '% % would not agree with what names it, or what it names', what, wanted_id
      using errcode = 'check_violation', constraint = 'corrections_lineage', table = what,
        hint = 'Correct nothing else than the row that is wrong; symbol and side of a chain are one.';
  end if;
end;
$function$;

revoke execute on function refuse_broken_chain(text, bigint) from public;

CREATE OR REPLACE FUNCTION refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if new is not distinct from old or has_permit(tg_table_name::text, 'correct'::text) then
    return new;
  end if;
  raise exception '% % is recorded and does not change', tg_table_name, old.id
    using errcode = 'check_violation', constraint = 'recorded_rows_are_final', table = tg_table_name,
      hint = 'Use claire correct, which records what was changed and why.';
end;
$function$;

revoke execute on function refuse_change() from public;

CREATE OR REPLACE FUNCTION refuse_fixed_columns(what text, stored jsonb, changes jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  fixed constant text[] := array[
    'id', 'signal_id', 'order_id', 'trade_id', 'event_id', 'created_at', 'updated_at', 'pnl', 'pnl_pct', 'pnl_net'
  ];
  wrong text;
begin
  select string_agg(key, ', ') into wrong from jsonb_object_keys(changes) as key
  where not stored ? key
    or key = any (fixed) and not (
      key like '%\_id' and btrim(stored ->> key, e' \t\n\r') = ''
      or key like '%\_at' and coalesce(stored ->> key, 'infinity') in ('infinity', '-infinity')
    );
  if wrong is not null then
    raise exception 'of % cannot be corrected: %', what, wrong
      using errcode = 'check_violation', constraint = 'corrections_columns';
  end if;
end;
$function$;

revoke execute on function refuse_fixed_columns(text, jsonb, jsonb) from public;

CREATE OR REPLACE FUNCTION refuse_older_moment()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the transaction is %', current_setting('transaction_isolation')
      using errcode = 'active_sql_transaction', constraint = 'decide_reads_committed',
        hint = 'Decide in a transaction of READ COMMITTED, which is the default.';
  end if;
end;
$function$;

revoke execute on function refuse_older_moment() from public;

CREATE OR REPLACE FUNCTION refuse_removal()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if has_permit(tg_table_name::text, 'delete'::text) then
    return null;
  end if;
  raise exception '% from % needs a permit of the same transaction', tg_op, tg_table_name
    using errcode = 'check_violation', constraint = 'removal_needs_a_permit', table = tg_table_name,
      hint = 'Rows leave by retention or into quarantine only.';
end;
$function$;

revoke execute on function refuse_removal() from public;

CREATE OR REPLACE FUNCTION refuse_time_to_come(at bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if at > now_ms() + 60000 then
    raise exception '% is still to come', at
      using errcode = 'check_violation', constraint = 'risk_time_to_come';
  end if;
end;
$function$;

revoke execute on function refuse_time_to_come(bigint) from public;

CREATE OR REPLACE FUNCTION refuse_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if has_permit(tg_table_name::text, 'correct'::text) then
    return new;
  end if;
  raise exception 'rows of % do not change', tg_table_name
    using errcode = 'check_violation', constraint = 'recorded_rows_are_final', table = tg_table_name,
      hint = 'A change is a row of its own.';
end;
$function$;

revoke execute on function refuse_update() from public;

CREATE OR REPLACE FUNCTION release_reservation(wanted_order text, why text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  d decisions;
begin
  perform from risk for update;
  select * into d from decisions where order_id = wanted_order;
  if d.order_id is null or coalesce(d.reserved_quantity, 1) = 0
    or (select status from orders where order_id = wanted_order) = 'PENDING'
  then
    raise exception 'order % reserves nothing, or is PENDING', wanted_order
      using errcode = 'check_violation', constraint = 'decisions_reservation', table = 'decisions';
  end if;
  update decisions set released_reason = why where order_id = wanted_order;
  insert into reservation_changes (order_id) values (wanted_order);
  insert into order_history (order_id, from_status, to_status, reason)
  select order_id, status, status, why from orders where order_id = wanted_order;
  perform sum_reservations();
end;
$function$;

revoke execute on function release_reservation(text, text) from public;

CREATE OR REPLACE FUNCTION release_row(wanted_id bigint, changes jsonb, why text)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  held quarantine;
  before jsonb;
  after jsonb;
begin
  perform decide_quarantined(wanted_id, 'released', why);
  select * into held from quarantine where id = wanted_id;
  -- As a row of today's table: columns that came since are NULL, and can be among the changes.
  execute format('select to_jsonb(jsonb_populate_record(null::%I, $1))', held.table_name)
  into before using held.row;
  perform refuse_fixed_columns(held.table_name, before, changes);
  execute format(
    'insert into %1$I as t select r.* from jsonb_populate_record(null::%1$I, $1) as r returning to_jsonb(t)',
    held.table_name
  ) into after using before || coalesce(changes, '{}');
  perform refuse_broken_chain(held.table_name, held.row_id);
  return record_corrections(held.table_name, held.row_id, before, after, why);
end;
$function$;

revoke execute on function release_row(bigint, jsonb, text) from public;

CREATE OR REPLACE FUNCTION remove_candles(batch_size integer, due timestamp without time zone, r retention_runs)
 RETURNS retention_runs
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  gone record;
begin
  with gone_now as (
    delete from candles as c
    where ctid = any (array(
      select ctid from candles
      where created_at < due and was_seen(xmin, (r.covered_ids ->> 'transaction')::xid8)
      order by created_at limit batch_size for update skip locked
    ))
    returning pg_column_size(c.*) as size
  )
  select count(*) as removed, coalesce(sum(size), 0) as size into gone from gone_now;
  r.looked := r.looked + gone.removed;
  r.removed := r.removed + gone.removed;
  r.bytes := r.bytes + gone.size;
  return r;
end;
$function$;

revoke execute on function remove_candles(integer, timestamp without time zone, retention_runs) from public;

CREATE OR REPLACE FUNCTION remove_due(ids bigint[], r retention_runs)
 RETURNS retention_runs
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  gone constant bigint[] := lock_unneeded(
    r.table_name, ids, r.covered_until, (r.covered_ids ->> 'transaction')::xid8
  );
  waiting bigint[];
  one record;
begin
  if r.table_name = 'orders' then
    r := remove_orders(gone, r);
    waiting := array(
      select o.id from orders as o
      where o.id = any (ids) and not exists (select from trades as t where t.order_id = o.order_id offset 0)
    );
  else
    one := remove_rows(r.table_name, 'id', gone);
    r.removed := r.removed + one.removed;
    r.bytes := r.bytes + one.size;
    execute format('select array(select id from %I where id = any ($1))', 'unneeded_' || r.table_name)
    into waiting using ids;
  end if;
  delete from retention_waiting as w
  where w.table_name = r.table_name and w.row_id = any (ids) and w.row_id not in (select unnest(waiting));
  insert into retention_waiting (table_name, row_id) select r.table_name, unnest(waiting) on conflict do nothing;
  return r;
end;
$function$;

revoke execute on function remove_due(bigint[], retention_runs) from public;

CREATE OR REPLACE FUNCTION remove_orders(ids bigint[], r retention_runs)
 RETURNS retention_runs
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  order_ids text[];
  signal_ids text[];
  due constant timestamp := due_before('signals', r.as_of, r.covered_until);
  last_covered constant bigint := (r.covered_ids ->> 'signals')::bigint;
  alone bigint[];
  gone bigint[];
  one record;
begin
  select array_agg(order_id), array_agg(distinct signal_id) filter (where signal_id is not null)
  into order_ids, signal_ids
  from orders where id = any (ids);
  one := remove_rows('decisions', 'order_id', order_ids);
  r.with_decisions := r.with_decisions + one.removed;
  r.bytes := r.bytes + one.size;
  one := remove_rows('order_history', 'order_id', order_ids);
  r.with_history := r.with_history + one.removed;
  r.bytes := r.bytes + one.size;
  one := remove_rows('orders', 'id', ids);
  r.removed := r.removed + one.removed;
  r.bytes := r.bytes + one.size;
  alone := array(select id from unneeded_signals where signal_id = any (signal_ids));
  gone := lock_unneeded('signals', array(
    select id from signals where id = any (alone) and created_at < due and id <= coalesce(last_covered, id)
  ), r.covered_until, (r.covered_ids ->> 'transaction')::xid8);
  one := remove_rows('signals', 'id', gone);
  r.with_signals := r.with_signals + one.removed;
  r.bytes := r.bytes + one.size;
  update retention_state as s set watermark = least(s.watermark, left_behind.id - 1)
  from (select min(id) as id from unnest(alone) as id where id <> all (gone)) as left_behind
  where s.table_name = 'signals' and left_behind.id is not null;
  return r;
end;
$function$;

revoke execute on function remove_orders(bigint[], retention_runs) from public;

CREATE OR REPLACE FUNCTION remove_rows(what text, key text, keys anyarray, OUT removed bigint, OUT size bigint)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  insert into permits (table_name, action, reason) values (what, 'delete', 'retention');
  execute format(
    'with gone as (delete from %I as t where %I = any ($1) returning pg_column_size(t.*) as size)
     select count(*), coalesce(sum(size), 0) from gone', what, key
  ) into removed, size using keys;
  delete from permits where transaction_id = pg_current_xact_id() and table_name = what and action = 'delete';
end;
$function$;

revoke execute on function remove_rows(text, text, anyarray) from public;

CREATE OR REPLACE FUNCTION resume_trading(why text, despite boolean DEFAULT false, at bigint DEFAULT NULL::bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET lock_timeout TO '10s'
AS $function$
declare
  moment constant bigint := coalesce(at, now_ms());
  l constant limits := book_limits();
  g halt_gate;
  r risk;
  breach jsonb;
  written bigint;
begin
  perform refuse_time_to_come(moment);
  select * into g from halt_gate for update;
  if (halt_at(g, moment)).id is null then
    return null;
  end if;
  select * into r from risk;
  -- What is known later counts: else any earlier day would do.
  r := risk_at(r, l, greatest(moment, r.profit_at));
  breach := drawdown_breach(r, l);
  if breach is not null and not despite then
    raise exception '%: %', breach ->> 'reason', breach ->> 'details'
      using errcode = 'check_violation', constraint = 'halts_limit_still_broken', table = 'halts';
  end if;
  insert into halts (action, cause, reason, timestamp, despite_limit, details)
  values ('resume', 'hand', why, moment, breach is not null, breach -> 'details')
  returning id into written;
  update halt_gate set
    halt_id = null,
    despite_from = case when breach is not null then r.day_from end,
    despite_until = case when breach is not null then r.day_until end;
  return written;
end;
$function$;

revoke execute on function resume_trading(text, boolean, bigint) from public;

CREATE OR REPLACE FUNCTION retain(run_id bigint, batch_size integer, after_id bigint DEFAULT NULL::bigint, of_waiting boolean DEFAULT false, OUT looked bigint, OUT looked_to bigint, OUT removed bigint, OUT is_last boolean)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
declare
  r retention_runs;
  before retention_runs;
  due timestamp;
  mark bigint;
  due_ids bigint[];
  young_id bigint;
begin
  -- Rows that are there again after a crash go again, and so nobody's commit waits on the disk behind this one's.
  perform set_config('synchronous_commit', 'off', true);
  select * into r from retention_runs where id = run_id for update;
  if r.outcome is distinct from 'running' then
    raise exception 'run % of retention is %', run_id, coalesce(r.outcome, 'not recorded')
      using errcode = 'check_violation', constraint = 'retention_runs_running', table = 'retention_runs';
  end if;
  before := r;
  perform from retention_state
  where table_name = r.table_name or (r.table_name = 'orders' and table_name = 'signals')
  order by table_name for update;
  select watermark into mark from retention_state where table_name = r.table_name;
  -- As it is in force now: where somebody has lengthened the horizon meanwhile, that holds.
  due := due_before(r.table_name, r.as_of, r.covered_until);
  if due is null then
    looked := 0;
  elsif r.table_name = 'candles' then
    r := remove_candles(batch_size, least(due, r.due_before), r);
    looked := r.looked - before.looked;
  else
    due := least(due, r.due_before);
    execute format(
      case when of_waiting then
        'select array_agg(t.id) filter (where t.created_at < $1), count(*), max(w.row_id), null::bigint, count(*) < $4
         from (
           select row_id from retention_waiting where table_name = %1$L and row_id > $2 order by row_id limit $4
         ) as w left join %1$I as t on t.id = w.row_id'
      else
        'select array_agg(id) filter (where created_at < $1), count(*), max(id),
           min(id) filter (where created_at >= least($1, $5 - interval ''1 hour'') and created_at <= $5),
           count(*) < $4 or bool_or(created_at >= $1 + interval ''1 hour'' and created_at <= $5)
         from (select id, created_at from %1$I where id > $2 and id <= coalesce($3, id) order by id limit $4) as t'
      end, r.table_name
    )
    into due_ids, looked, looked_to, young_id, is_last
    using due, coalesce(after_id, case when of_waiting then 0 else mark end),
      (r.covered_ids ->> r.table_name)::bigint, batch_size, timezone('UTC', now());
    r.looked := r.looked + looked;
    if due_ids is not null then
      r := remove_due(due_ids, r);
    end if;
    -- Only from the watermark on, without a gap, and not beyond the last row before the first that was too young: between
    -- them may come old ones that somebody is still importing.
    if not of_waiting and coalesce(after_id, mark) = mark then
      update retention_state
      set watermark = case
        when young_id is null then looked_to
        else coalesce((select max(id) from unnest(due_ids) as id where id < young_id), watermark)
      end
      where table_name = r.table_name and looked > 0;
    end if;
  end if;
  removed := r.removed - before.removed;
  is_last := coalesce(is_last, looked < batch_size);
  update retention_runs as x set
    looked = r.looked, removed = r.removed, with_decisions = r.with_decisions, with_history = r.with_history,
    with_signals = r.with_signals, bytes = r.bytes, ended_at = timezone('UTC', clock_timestamp())
  where x.id = run_id;
end;
$function$;

revoke execute on function retain(bigint, integer, bigint, boolean) from public;

CREATE OR REPLACE FUNCTION revoke_token(wanted text)
 RETURNS timestamp without time zone
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  update tokens set revoked_at = timezone('UTC', now()), revoked_by = actor()
  where token_id = wanted and revoked_at is null;
  return (select revoked_at from tokens where token_id = wanted);
end;
$function$;

revoke execute on function revoke_token(text) from public;

CREATE OR REPLACE FUNCTION risk_at(r risk, l limits, at bigint)
 RETURNS risk
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  window_ms constant bigint := 86400000;
  bounds record;
  gained numeric;
  fallen_out numeric;
begin
  if num_nonnulls(l.max_drawdown, l.max_drawdown_pct) = 0 then
    return r;
  end if;
  if r.profit_at is null or at < r.day_from or at >= r.day_until then
    bounds := market_day(at, l.time_zone);
    r.day_from := bounds.day_from;
    r.day_until := bounds.day_until;
    r.day_pnl := profit_between(r.day_from - 1, at);
    r.window_pnl := profit_between(at - window_ms, at);
    r.profit_at := at;
  elsif at > r.profit_at then
    -- Not by the function: its call would take longer than the sum, for each decision under the lock.
    select
      (select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
       where status = 'CLOSED' and exit_timestamp > r.profit_at and exit_timestamp <= at),
      (select coalesce(sum(pnl) filter (where pnl <> 'NaN'), 0) from trades
       where status = 'CLOSED' and exit_timestamp > r.profit_at - window_ms and exit_timestamp <= at - window_ms)
    into gained, fallen_out;
    r.day_pnl := r.day_pnl + gained;
    r.window_pnl := r.window_pnl + gained - fallen_out;
    r.profit_at := at;
  end if;
  return r;
end;
$function$;

revoke execute on function risk_at(risk, limits, bigint) from public;

CREATE OR REPLACE FUNCTION schema_version()
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  return (select version from schema_migrations order by number desc limit 1);
end;
$function$;

revoke execute on function schema_version() from public;

CREATE OR REPLACE FUNCTION seconds_to_milliseconds()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  -- What stands there already is for the migration, which records what it changes.
  if tg_op = 'INSERT' or new.timestamp is distinct from old.timestamp then
    new.timestamp := as_milliseconds(new.timestamp);
  end if;
  return new;
end;
$function$;

revoke execute on function seconds_to_milliseconds() from public;

CREATE OR REPLACE FUNCTION set_capital(new_amount numeric, why text, from_time bigint DEFAULT NULL::bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  before capital;
  written bigint;
begin
  perform from risk for update;
  select * into before from capital order by version desc limit 1;
  if before.amount = new_amount and before.since is not distinct from from_time then
    return before.version;
  end if;
  insert into capital (amount, since, reason) values (new_amount, from_time, why) returning version into written;
  update risk set profit_at = null;
  return written;
end;
$function$;

revoke execute on function set_capital(numeric, text, bigint) from public;

CREATE OR REPLACE FUNCTION set_horizon(what text, keep bigint, why text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  before retention_horizons;
  written bigint;
begin
  if what = 'trades' then
    raise exception 'trades are kept for ever, and with them the orders and signals that they name'
      using errcode = 'check_violation', constraint = 'retention_horizons_trades', table = 'retention_horizons';
  end if;
  perform from retention_state where table_name = what for update;
  select * into before from horizons_in_force where table_name = what;
  if before.version is not null and before.keep_seconds is not distinct from keep then
    return before.version;
  end if;
  insert into retention_horizons (table_name, keep_seconds, reason) values (what, keep, why)
  returning version into written;
  return written;
end;
$function$;

revoke execute on function set_horizon(text, bigint, text) from public;

CREATE OR REPLACE FUNCTION set_limits(changes jsonb, why text, for_symbol text DEFAULT NULL::text, new_symbol boolean DEFAULT false)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
declare
  meta constant text[] := array['version', 'symbol', 'reason', 'actor', 'created_at'];
  before limits;
  after limits;
  wrong text;
begin
  if for_symbol is null and changes ?| array['max_drawdown', 'max_drawdown_pct'] then
    -- From here on whoever closes a trade adds to the day's profit; this waits for those that began without.
    lock table trades in share row exclusive mode;
  end if;
  perform from risk for update;
  select * into before from limits where symbol is not distinct from for_symbol order by version desc limit 1;
  select string_agg(key, ', ' order by key) into wrong from jsonb_object_keys(changes) as key
  where key = any (meta) or not to_jsonb(before) ? key;
  if wrong is not null or changes = '{}' then
    raise exception 'there is no limit %', coalesce(wrong, '(none was given)')
      using errcode = 'check_violation', constraint = 'limits_name', table = 'limits';
  end if;
  after := jsonb_populate_record(before, changes);
  if to_jsonb(after) = to_jsonb(before) then
    return before.version;
  end if;
  if for_symbol is not null and before.version is null and not new_symbol
    and not exists (select from signals where symbol = for_symbol)
    and not exists (select from orders where symbol = for_symbol)
    and not exists (select from trades where symbol = for_symbol)
  then
    raise exception 'nothing is recorded for symbol %', for_symbol
      using errcode = 'check_violation', constraint = 'limits_symbol_known', table = 'limits';
  end if;
  if not exists (select from pg_timezone_names where name = coalesce(after.time_zone, 'UTC')) then
    raise exception '% is no time zone', after.time_zone
      using errcode = 'check_violation', constraint = 'limits_time_zone', table = 'limits';
  end if;
  after.version := nextval('limits_version_seq');
  after.symbol := for_symbol;
  after.reason := why;
  after.actor := actor();
  after.created_at := timezone('UTC', now());
  insert into limits select (after).*;
  if after.max_drawdown_pct is not null and not exists (select from capital) then
    raise exception 'of what max_drawdown_pct is the percentage is not known'
      using errcode = 'check_violation', constraint = 'limits_capital', table = 'limits';
  end if;
  update risk set profit_at = null;
  return after.version;
end;
$function$;

revoke execute on function set_limits(jsonb, text, text, boolean) from public;

CREATE OR REPLACE FUNCTION signal_broken(s signals, at bigint, l limits)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select array_remove(array[
    case when s.timestamp > at + 5000 then 'signal_from_future' end,
    case when s.timestamp < at - l.max_signal_age_ms then 'max_signal_age_ms' end,
    case when s.confidence < l.min_confidence then 'min_confidence' end
  ], null);
$function$;

revoke execute on function signal_broken(signals, bigint, limits) from public;

CREATE OR REPLACE FUNCTION signal_numbers(s signals, at bigint, l limits)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when s.confidence < l.min_confidence then jsonb_build_object(
      'confidence', trim_scale(s.confidence), 'min_confidence', trim_scale(l.min_confidence)) else '{}' end
    || case when s.timestamp > at + 5000 or s.timestamp < at - l.max_signal_age_ms then jsonb_build_object(
      'signal_age_ms', at - s.timestamp, 'max_signal_age_ms', l.max_signal_age_ms) else '{}' end;
$function$;

revoke execute on function signal_numbers(signals, bigint, limits) from public;

CREATE OR REPLACE FUNCTION standing_breach(g halt_gate, r risk, l limits, at bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  return case when not coalesce(at >= g.despite_from and at < g.despite_until, false) then drawdown_breach(r, l) end;
end;
$function$;

revoke execute on function standing_breach(halt_gate, risk, limits, bigint) from public;

CREATE OR REPLACE FUNCTION sum_reservations()
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  looked_at bigint;
begin
  with found as materialized (select * from changed_reservations),
  gone as (delete from reservation_changes returning order_id),
  written as (
    update decisions as d set reserved_quantity = f.is_now from found as f
    where d.order_id = any (array(select order_id from found)) and d.order_id = f.order_id
      and d.reserved_quantity is distinct from f.is_now
  ),
  summed as (
    insert into reservation_totals as t (symbol, side, closing, notional, num_orders)
    select symbol, side,
      coalesce(sum(is_now - was) filter (where reduces), 0),
      coalesce(sum((is_now - was) * price) filter (where not reduces), 0),
      coalesce(sum((is_now > 0)::int - (was > 0)::int) filter (where not reduces), 0)
    from found
    where is_now <> was
    group by symbol, side
    order by symbol, side
    on conflict (symbol, side) do update set
      closing = t.closing + excluded.closing,
      notional = t.notional + excluded.notional,
      num_orders = t.num_orders + excluded.num_orders
  )
  select count(*) into looked_at from gone;
  return looked_at;
end;
$function$;

revoke execute on function sum_reservations() from public;

CREATE OR REPLACE FUNCTION tell_overrun(wanted text[], opened numeric[], at bigint, filled_order text, filled_trades text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  l constant limits := book_limits();
  held record;
  of_symbol integer;
  total numeric;
  largest numeric;
  of_order constant jsonb := jsonb_strip_nulls(jsonb_build_object('order_id', filled_order));
begin
  held := held_exposure(wanted);
  if held.gross > l.max_exposure then
    insert into risk_events (event_id, event_type, symbol, reason, details, timestamp)
    select 'evt-' || md5('exposure' || filled_trades), 'exposure_limit_exceeded',
      case cardinality(wanted) when 1 then wanted[1] end, 'Exposure limit exceeded by a fill',
      jsonb_build_object('current_exposure', trim_scale(held.gross - sum(x)), 'max_exposure', trim_scale(l.max_exposure),
        'new_position', trim_scale(sum(x))) || of_order, at
    from unnest(opened) as x;
  end if;
  for place in 1..cardinality(wanted) loop
    of_symbol := array_position(held.symbols, wanted[place]);
    total := held.notionals[of_symbol];
    largest := coalesce(held.max_positions[of_symbol], l.max_position);
    if total > largest then
      insert into risk_events (event_id, event_type, symbol, reason, details, timestamp)
      values (
        'evt-' || md5('position' || wanted[place] || filled_trades), 'position_limit_exceeded', wanted[place],
        'Position limit exceeded by a fill',
        jsonb_build_object('current_position', trim_scale(total - opened[place]), 'max_position', trim_scale(largest),
          'new_position', trim_scale(opened[place])) || of_order, at
      );
    end if;
  end loop;
end;
$function$;

revoke execute on function tell_overrun(text[], numeric[], bigint, text, text) from public;

CREATE OR REPLACE FUNCTION token_of(wanted text)
 RETURNS tokens
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select * from tokens where token_id = wanted and revoked_at is null;
$function$;

revoke execute on function token_of(text) from public;

CREATE OR REPLACE FUNCTION trade_as_json(t trades)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select jsonb_build_object(
    'id', t.id::text, 'trade_id', t.trade_id, 'order_id', t.order_id, 'symbol', t.symbol, 'side', t.side,
    'quantity', t.quantity::text, 'entry_price', t.entry_price::text, 'entry_timestamp', t.entry_timestamp,
    'exit_price', t.exit_price::text, 'exit_timestamp', t.exit_timestamp, 'status', t.status, 'pnl', t.pnl::text,
    'pnl_pct', t.pnl_pct::text, 'pnl_net', t.pnl_net::text, 'commission', t.commission::text
  );
$function$;

revoke execute on function trade_as_json(trades) from public;

CREATE OR REPLACE FUNCTION trade_seconds_to_milliseconds()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  if tg_op = 'INSERT' or new.entry_timestamp is distinct from old.entry_timestamp then
    new.entry_timestamp := as_milliseconds(new.entry_timestamp);
  end if;
  if tg_op = 'INSERT' or new.exit_timestamp is distinct from old.exit_timestamp then
    new.exit_timestamp := as_milliseconds(new.exit_timestamp);
  end if;
  return new;
end;
$function$;

revoke execute on function trade_seconds_to_milliseconds() from public;

CREATE OR REPLACE FUNCTION trades_agree_with_orders()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  wrong record;
begin
  select n.trade_id, n.symbol, n.side, o.order_id, o.symbol as order_symbol, o.side as order_side into wrong
  from new_rows as n join orders as o on o.order_id = n.order_id
  where o.symbol <> n.symbol or o.side <> n.side
  limit 1;
  if found then
    raise exception 'trade % is % %, its order % is % %',
      coalesce(wrong.trade_id, ''), wrong.side, wrong.symbol,
      wrong.order_id, wrong.order_side, wrong.order_symbol
      using errcode = 'check_violation', constraint = 'trades_agree_with_orders', table = 'trades';
  end if;
  return null;
end;
$function$;

revoke execute on function trades_agree_with_orders() from public;

CREATE OR REPLACE FUNCTION trimmed(found text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(nullif(btrim(found, e' \t\n\r'), ''), found);
$function$;

revoke execute on function trimmed(text) from public;

CREATE OR REPLACE FUNCTION trip_breaker(r risk, l limits, at bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO {book}, 'pg_temp'
AS $function$
declare
  ends constant bigint := case l.breaker_halts when 'until_next_day' then r.day_until end;
  breach jsonb;
  g halt_gate;
  present halts;
begin
  breach := drawdown_breach(r, l);
  if breach is null or breach -> 'details' = '{}' then
    return;
  end if;
  select * into g from halt_gate for update;
  present := halt_at(g, at);
  if standing_breach(g, r, l, at) is null or present.id is not null and (present.until is null or present.until >= ends) then
    return;
  end if;
  update halt_gate set halt_id = record_halt(breach ->> 'reason', 'drawdown', at, ends, breach -> 'details');
end;
$function$;

revoke execute on function trip_breaker(risk, limits, bigint) from public;

CREATE OR REPLACE FUNCTION unjudged(candidates decisions[])
 RETURNS decisions[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
begin
  return array(
    select jsonb_populate_record(c, jsonb_build_object('reduces', c.quantity <= coalesce((
      select sum(case when p.side = c.side then -p.quantity else p.quantity end) from (
        select side, quantity from position_totals where symbol = c.symbol
        union all
        select side, quantity from position_changes where symbol = c.symbol
        union all
        select c.side, closing from reservation_totals where symbol = c.symbol and side = c.side
      ) as p
    ), 0)))
    from unnest(candidates) as c
  );
end;
$function$;

revoke execute on function unjudged(decisions[]) from public;

CREATE OR REPLACE FUNCTION usable_time(market_time bigint, otherwise bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when market_time >= 1e11::bigint and market_time < 1e14::bigint then market_time else otherwise end;
$function$;

revoke execute on function usable_time(bigint, bigint) from public;

CREATE OR REPLACE FUNCTION was_seen(written_by xid, open_from xid8)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select open_from is null or (
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - open_from::text::bigint between 0 and 2000000000
    and age(written_by) > age(open_from::xid)
  );
$function$;

revoke execute on function was_seen(xid, xid8) from public;

CREATE OR REPLACE FUNCTION why(wanted text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO {book}, 'pg_temp'
AS $function$
  with trade as (
    select t from trades as t where t.trade_id = wanted
  ),
  named as (
    select o.signal_id, o.order_id from orders as o
    where o.order_id = wanted or o.order_id = (select (t).order_id from trade)
  ),
  chain as (
    select coalesce((select n.signal_id from named as n limit 1), wanted) as signal_id
  ),
  found as (
    select o from orders as o where o.signal_id = (select signal_id from chain)
    union
    select o from orders as o where o.order_id = (select n.order_id from named as n limit 1)
  ),
  signal as (
    select s from signals as s where s.signal_id = (select signal_id from chain)
  )
  select jsonb_build_object(
    'signal', (
      select jsonb_build_object(
        'signal_id', (s).signal_id, 'symbol', (s).symbol, 'side', (s).side, 'price', (s).price::text,
        'confidence', (s).confidence::text, 'timestamp', (s).timestamp, 'metadata', (s).metadata,
        'created_at', as_ms((s).created_at)
      ) from signal
    ),
    'orders', coalesce((select jsonb_agg(order_as_json(o) order by (o).id) from found), '[]'),
    -- A trade that names no order has no other place.
    'trades', coalesce((select jsonb_agg(trade_as_json(t)) from trade where (t).order_id is null), '[]'),
    'risk_events', coalesce((
      select jsonb_agg(jsonb_build_object(
        'event_id', e.event_id, 'event_type', e.event_type, 'reason', e.reason, 'details', e.details,
        'timestamp', e.timestamp
      ) order by e.id)
      from risk_events as e
      -- An OR of the two would read the whole table.
      where e.id = any (array(
        select x.id from risk_events as x where x.signal_id = (select signal_id from chain)
        union
        -- Those of an order by plain SQL, and of a fill over a limit.
        select y.id from found cross join risk_events as y
        where y.details @> jsonb_build_object('order_id', (o).order_id)
      ))
    ), '[]')
  )
  where exists (select from signal) or exists (select from found) or exists (select from trade);
$function$;

revoke execute on function why(text) from public;
