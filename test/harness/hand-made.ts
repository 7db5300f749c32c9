/** What people made from the seed's text by hand: its tables at 1.0, and each piece that it adds at 1.1. */
export const TABLES_BY_HAND = [
  `create table signals (
     id serial primary key, signal_id varchar(50) unique not null, symbol varchar(20) not null,
     side varchar(10) not null, price numeric(20, 8) not null, confidence numeric(3, 2) not null,
     timestamp bigint not null, metadata jsonb, created_at timestamp default now())`,
  `create table orders (
     id serial primary key, order_id varchar(50) unique not null,
     signal_id varchar(50) references signals (signal_id), symbol varchar(20) not null,
     side varchar(10) not null, quantity numeric(20, 8) not null, price numeric(20, 8),
     status varchar(20) not null, rejection_reason text, created_at timestamp default now(),
     updated_at timestamp default now())`,
  `create table trades (
     id serial primary key, order_id varchar(50) references orders (order_id), symbol varchar(20) not null,
     side varchar(10) not null, quantity numeric(20, 8) not null, entry_price numeric(20, 8) not null,
     entry_timestamp bigint not null, exit_price numeric(20, 8), exit_timestamp bigint,
     status varchar(20) not null, pnl numeric(20, 8), pnl_pct numeric(10, 4),
     commission numeric(20, 8) default 0.0, created_at timestamp default now())`,
  `create table risk_events (
     id serial primary key, event_type varchar(50) not null, signal_id varchar(50), symbol varchar(20),
     reason text not null, details jsonb, timestamp bigint not null, created_at timestamp default now())`,
];

/** In the order of the seed, with the name of the piece that each makes. */
export const PIECES_BY_HAND: Record<string, string> = {
  signals_price_check: 'alter table signals add constraint signals_price_check check (price > 0)',
  signals_confidence_check:
    'alter table signals add constraint signals_confidence_check check (confidence >= 0 and confidence <= 1)',
  signals_side_check: `alter table signals add constraint signals_side_check check (side in ('BUY', 'SELL'))`,
  idx_signals_symbol_timestamp:
    'create index idx_signals_symbol_timestamp on signals (symbol, timestamp desc)',
  orders_quantity_check: 'alter table orders add constraint orders_quantity_check check (quantity > 0)',
  orders_status_check: `alter table orders add constraint orders_status_check
    check (status in ('PENDING', 'FILLED', 'REJECTED', 'CANCELLED'))`,
  idx_orders_status_created: 'create index idx_orders_status_created on orders (status, created_at desc)',
  trades_quantity_check: 'alter table trades add constraint trades_quantity_check check (quantity > 0)',
  trades_entry_price_check:
    'alter table trades add constraint trades_entry_price_check check (entry_price > 0)',
  trades_exit_price_check:
    'alter table trades add constraint trades_exit_price_check check (exit_price is null or exit_price > 0)',
  trades_status_check: `alter table trades add constraint trades_status_check check (status in ('OPEN', 'CLOSED'))`,
  idx_trades_status_entry: `create index idx_trades_status_entry on trades (status, entry_timestamp desc)
    where status = 'OPEN'`,
  'calculate_pnl()': `create function calculate_pnl() returns trigger language plpgsql as $$ begin return new; end; $$`,
  trigger_calculate_pnl: `create trigger trigger_calculate_pnl before insert or update on trades
    for each row execute function calculate_pnl()`,
  risk_events_type_check: `alter table risk_events add constraint risk_events_type_check check (event_type in (
    'signal_rejected', 'circuit_breaker_triggered', 'exposure_limit_exceeded', 'position_limit_exceeded',
    'daily_drawdown_exceeded'))`,
  idx_risk_events_jsonb: 'create index idx_risk_events_jsonb on risk_events using gin (details)',
  idx_risk_events_type_timestamp:
    'create index idx_risk_events_type_timestamp on risk_events (event_type, timestamp desc)',
  positions_realtime: `create materialized view positions_realtime as
    select symbol, side, sum(quantity) as total_quantity, avg(entry_price) as avg_entry_price,
      count(*) as num_trades, sum(quantity * entry_price) as total_value_usd,
      min(entry_timestamp) as first_entry, max(entry_timestamp) as last_entry
    from trades where status = 'OPEN' group by symbol, side`,
  idx_positions_realtime_symbol_side:
    'create unique index idx_positions_realtime_symbol_side on positions_realtime (symbol, side)',
  materialized_view_refreshes:
    'create table materialized_view_refreshes (view_name text primary key, last_refresh timestamp default now())',
};

/** The statements of a book by hand, as far as it came. */
export const byHand = (version: '1.0' | '1.1', without: string[] = []): string[] =>
  version === '1.0'
    ? TABLES_BY_HAND
    : [
        ...TABLES_BY_HAND,
        ...Object.entries(PIECES_BY_HAND)
          .filter(([name]) => !without.includes(name))
          .map(([, statement]) => statement),
      ];
