-- title: The candles that were replayed
-- version: 1.2
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates a table

create table if not exists candles (
  symbol varchar(20) not null constraint candles_symbol_check check (symbol <> '' and symbol = btrim(symbol, e' \t\n\r')),
  timestamp bigint not null
    constraint candles_timestamp_check check (timestamp >= 1e11::bigint and timestamp < 1e14::bigint),
  open numeric not null,
  high numeric not null,
  low numeric not null,
  close numeric not null,
  volume numeric not null,
  created_at timestamp not null default timezone('UTC', now()),
  primary key (symbol, timestamp),
  constraint candles_price_check check (
    low > 0 and high < 1e12 and low <= open and low <= close and high >= open and high >= close
  ),
  constraint candles_volume_check check (volume >= 0 and volume < 1e18)
);
