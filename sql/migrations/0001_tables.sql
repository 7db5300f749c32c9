-- title: The four tables of the seed
-- version: 1.0
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates tables

-- The seed's own columns, which its clients' scripts name so; 1.2 makes the ids 64-bit.
-- squawk-ignore-file prefer-bigint-over-int

create table if not exists signals (
  id serial primary key,
  signal_id varchar(50) unique not null,
  symbol varchar(20) not null,
  side varchar(10) not null,
  price numeric(20, 8) not null,
  confidence numeric(3, 2) not null,
  timestamp bigint not null,
  metadata jsonb,
  created_at timestamp default now()
);

create table if not exists orders (
  id serial primary key,
  order_id varchar(50) unique not null,
  signal_id varchar(50) references signals (signal_id),
  symbol varchar(20) not null,
  side varchar(10) not null,
  quantity numeric(20, 8) not null,
  price numeric(20, 8),
  status varchar(20) not null,
  rejection_reason text,
  created_at timestamp default now(),
  updated_at timestamp default now()
);

create table if not exists trades (
  id serial primary key,
  order_id varchar(50) references orders (order_id),
  symbol varchar(20) not null,
  side varchar(10) not null,
  quantity numeric(20, 8) not null,
  entry_price numeric(20, 8) not null,
  entry_timestamp bigint not null,
  exit_price numeric(20, 8),
  exit_timestamp bigint,
  status varchar(20) not null,
  pnl numeric(20, 8),
  pnl_pct numeric(10, 4),
  commission numeric(20, 8) default 0.0,
  created_at timestamp default now()
);

create table if not exists risk_events (
  id serial primary key,
  event_type varchar(50) not null,
  signal_id varchar(50),
  symbol varchar(20),
  reason text not null,
  details jsonb,
  timestamp bigint not null,
  created_at timestamp default now()
);
