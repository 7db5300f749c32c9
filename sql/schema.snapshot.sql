-- The schema of a book at 1.3, as PostgreSQL 18 writes it. Made by `npm run docs`: do not edit.

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

CREATE INDEX idx_candles_timestamp_symbol ON candles USING btree ("timestamp", symbol);

-- corrections -----------------------------------------------------------------------------------------

create table corrections (
  actor text not null default SESSION_USER,
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

-- materialized_view_refreshes -------------------------------------------------------------------------

create table materialized_view_refreshes (
  last_refresh timestamp without time zone default timezone('UTC'::text, now()),
  view_name text not null,
  constraint materialized_view_refreshes_pkey PRIMARY KEY (view_name)
);

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

create sequence orders_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence orders_id_seq owned by orders.id;

CREATE INDEX idx_orders_created_at_id ON orders USING btree (created_at, id);

CREATE INDEX idx_orders_signal_id ON orders USING btree (signal_id);

CREATE INDEX idx_orders_status_created ON orders USING btree (status, created_at, id);

CREATE INDEX idx_orders_symbol_created_at_id ON orders USING btree (symbol, created_at, id);

CREATE TRIGGER a_fill_order_times BEFORE INSERT ON orders FOR EACH ROW WHEN (new.created_at IS NULL OR new.updated_at IS NULL) EXECUTE FUNCTION fill_order_times();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON orders FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

CREATE TRIGGER orders_agree_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION orders_agree_with_signals();

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
  actor text not null default SESSION_USER,
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

create sequence risk_events_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence risk_events_id_seq owned by risk_events.id;

CREATE INDEX idx_risk_events_jsonb ON risk_events USING gin (details jsonb_path_ops);

CREATE INDEX idx_risk_events_signal_id ON risk_events USING btree (signal_id);

CREATE INDEX idx_risk_events_symbol_timestamp_id ON risk_events USING btree (symbol, "timestamp", id);

CREATE INDEX idx_risk_events_timestamp_id ON risk_events USING btree ("timestamp", id);

CREATE INDEX idx_risk_events_type_timestamp ON risk_events USING btree (event_type, "timestamp", id);

CREATE TRIGGER a_fill_created_at BEFORE INSERT ON risk_events FOR EACH ROW WHEN (new.created_at IS NULL) EXECUTE FUNCTION fill_created_at();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON risk_events FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

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

create sequence signals_id_seq as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 no cycle;

alter sequence signals_id_seq owned by signals.id;

CREATE INDEX idx_signals_recent ON signals USING btree ("timestamp" DESC);

CREATE INDEX idx_signals_symbol_timestamp ON signals USING btree (symbol, "timestamp" DESC);

CREATE TRIGGER a_fill_created_at BEFORE INSERT ON signals FOR EACH ROW WHEN (new.created_at IS NULL) EXECUTE FUNCTION fill_created_at();

CREATE TRIGGER a_seconds_to_milliseconds BEFORE INSERT OR UPDATE ON signals FOR EACH ROW WHEN (new."timestamp" >= '100000000'::numeric::bigint AND new."timestamp" < '100000000000'::numeric::bigint) EXECUTE FUNCTION seconds_to_milliseconds();

CREATE TRIGGER signals_refuse_change BEFORE UPDATE ON signals FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER signals_refuse_removal BEFORE DELETE OR TRUNCATE ON signals FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

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

CREATE TRIGGER trades_positions_delete AFTER DELETE ON trades REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_insert AFTER INSERT ON trades REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_truncate AFTER TRUNCATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_positions_update AFTER UPDATE ON trades REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION append_position_changes();

CREATE TRIGGER trades_refuse_removal BEFORE DELETE OR TRUNCATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

CREATE TRIGGER trigger_calculate_pnl BEFORE INSERT OR UPDATE ON trades FOR EACH ROW WHEN (new.status::text IS DISTINCT FROM 'OPEN'::text OR new.pnl IS NOT NULL OR new.pnl_pct IS NOT NULL OR new.pnl_net IS NOT NULL) EXECUTE FUNCTION calculate_pnl();

CREATE TRIGGER z_guard_trade_update BEFORE UPDATE ON trades FOR EACH ROW EXECUTE FUNCTION guard_trade_update();

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

CREATE OR REPLACE FUNCTION as_milliseconds(market_time bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when market_time >= 1e8::bigint and market_time < 1e11::bigint then market_time * 1000 else market_time end;
$function$;

CREATE OR REPLACE FUNCTION calculate_pnl()
 RETURNS trigger
 LANGUAGE plpgsql
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
    state = decision, decided_reason = why, decided_by = session_user, decided_at = timezone('UTC', now())
  where id = wanted_id;
  delete from permits
  where transaction_id = pg_current_xact_id() and table_name = 'quarantine' and action = 'correct';
end;
$function$;

CREATE OR REPLACE FUNCTION discard_row(wanted_id bigint, why text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO {book}, 'pg_temp'
AS $function$
  select decide_quarantined(wanted_id, 'discarded', why);
$function$;

revoke execute on function discard_row(bigint, text) from public;

CREATE OR REPLACE FUNCTION exact_word(found text, VARIADIC words text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when upper(trimmed(found)) = any (words) then upper(trimmed(found)) else found end;
$function$;

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

CREATE OR REPLACE FUNCTION guard_order_update()
 RETURNS trigger
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION guard_trade_update()
 RETURNS trigger
 LANGUAGE plpgsql
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
  execute format('select to_jsonb(t) from %I as t where id = $1 for update', what) into stored using wanted_id;
  if stored is null then
    raise exception 'there is no row % in %', wanted_id, what
      using errcode = 'check_violation', constraint = 'corrections_row';
  end if;
  return stored;
end;
$function$;

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
  values (what, wanted_id, stored, laws, why, '1.2')
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
  select what, wanted_id, b.key, b.value, a.value, law, why, session_user, '1.2'
  from jsonb_each(before) as b join jsonb_each(after) as a on a.key = b.key
  where a.value is distinct from b.value
    -- It moves with every change; only where there was none is it a value that was filled in.
    and (b.key <> 'updated_at' or b.value = 'null');
  get diagnostics recorded = row_count;
  return recorded;
end;
$function$;

CREATE OR REPLACE FUNCTION refresh_positions_realtime()
 RETURNS boolean
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION refuse_removal()
 RETURNS trigger
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION seconds_to_milliseconds()
 RETURNS trigger
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION trade_seconds_to_milliseconds()
 RETURNS trigger
 LANGUAGE plpgsql
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

CREATE OR REPLACE FUNCTION trimmed(found text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select coalesce(nullif(btrim(found, e' \t\n\r'), ''), found);
$function$;
