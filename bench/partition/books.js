/** Two books with the same signals: one as Claire has it, one with signals in a partition a day and their keys apart. */
import { SYMBOLS } from '../../dist/bench/data.js';
import { migrate } from '../../dist/schema/index.js';

/** One signal in so many is named by an order, as in `src/bench/data.ts`, and so is kept. */
export const NAMED = 5;
const DAY_MS = 86_400_000;

export const symbolOf = (n) => SYMBOLS[n % SYMBOLS.length];
const dayName = (day) => `signals_day_${day}`;

/** Makes an empty book. `days` are partitions to begin with; the first of them begins at `from` (Unix ms). */
export async function makeBook(place, url, { name, partitioned, days, perDay, from }) {
  const pool = place.pool(url, 2);
  await migrate(pool, name);
  await pool.close();
  const client = await place.bare(url);
  await client.query(`set search_path to ${name}`);
  // Nothing that is measured asks them, and they would be most of the loading.
  await client.query('drop index idx_orders_created_at_id, idx_orders_status_created');
  await client.query('drop index idx_orders_symbol_created_at_id');
  await client.query('alter table orders disable trigger user');
  const book = { name, url, client, partitioned, perDay, from };
  if (partitioned) await splitSignals(book, days);
  return book;
}

/** The laws of the table as it was: columns, checks, triggers and indexes are read from the catalog. */
async function splitSignals(book, days) {
  const { client } = book;
  const textsOf = async (query) => (await client.query(query)).rows.map(({ text }) => text);
  const triggers = await textsOf(
    `select pg_get_triggerdef(oid) as text from pg_trigger where tgrelid = 'signals'::regclass and not tgisinternal`,
  );
  const indexes = await textsOf(
    `select pg_get_indexdef(indexrelid) as text from pg_index where indrelid = 'signals'::regclass and not indisunique`,
  );
  await client.query(`
    alter sequence signals_id_seq owned by none;
    create table split (like signals including defaults including constraints) partition by range (created_at);
    drop table signals cascade;
    alter table split rename to signals;
    alter table signals add constraint signals_pkey primary key (id, created_at);
    create index idx_signals_signal_id on signals (signal_id);
    create table signal_keys (
      signal_id varchar(50) constraint signals_signal_id_key primary key,
      created_at timestamp not null
    );
    alter table signal_keys set (autovacuum_vacuum_scale_factor = 0.02);
    alter table orders add constraint orders_signal_id_fkey foreign key (signal_id) references signal_keys;
    create function register_signals() returns trigger language plpgsql security definer
    set search_path to ${book.name}, pg_temp as $$
    begin
      insert into signal_keys (signal_id, created_at) select signal_id, created_at from new_rows;
      return null;
    end;
    $$;
    create trigger signals_register after insert on signals referencing new table as new_rows
    for each statement execute function register_signals();
    create trigger signal_keys_refuse_removal before delete or truncate on signal_keys
    for each statement execute function refuse_removal();
    create table signals_kept partition of signals default;
  `);
  for (const statement of [...indexes, ...triggers]) await client.query(statement);
  for (let day = 0; day < days; day++) await addDay(book, day);
}

const moment = ({ from }, day) =>
  new Date(from + day * DAY_MS).toISOString().replace('T', ' ').replace('Z', '');

async function addDay(book, day) {
  await book.client.query(
    `create table ${dayName(day)} partition of signals for values from ('${moment(book, day)}') to ('${moment(book, day + 1)}')`,
  );
}

/** Rows `n` from 1 on, in the order of time; ids as the services make them, so that each symbol has a place of its own. */
const SIGNALS = `
  insert into signals (signal_id, symbol, side, price, confidence, timestamp, metadata, created_at)
  select 'sma-' || symbol || '-' || at, symbol, case when n % 3 = 0 then 'SELL' else 'BUY' end, 100 + (n % 1000) / 100.0,
    n % 101 / 100.0, at, case when n % 10 = 0 then '{"strategy": "momentum", "window": 20}'::jsonb end,
    timezone('UTC', to_timestamp(at / 1000.0))
  from (
    select n, ($3::text[])[n % 50 + 1] as symbol, $4::bigint + n * 86400000 / $5::bigint as at
    from generate_series($1::bigint, $2::bigint) as n
  ) as r
  order by n`;

const ORDERS = `
  insert into orders (order_id, signal_id, symbol, side, quantity, status, created_at, updated_at)
  select 'ord-' || id, signal_id, symbol, side, 1.5, 'FILLED', created_at, created_at
  from signals where id between $1 and $2 and id % $3 = 0 order by id`;

/** Records the rows from `first` to `last`, and an order of each fifth where it is not of a day in `unnamed`. */
async function record({ client, from, perDay }, first, last, unnamed = []) {
  // A row of the very end of a day would belong to the next.
  await client.query(SIGNALS, [first - 1, last - 1, SYMBOLS, from, perDay]);
  const edges = [first, ...unnamed.flatMap((day) => [day * perDay + 1, (day + 1) * perDay + 1]), last + 1];
  for (let at = 0; at < edges.length; at += 2)
    await client.query(ORDERS, [edges[at], edges[at + 1] - 1, NAMED]);
}

/** Loads so many rows; keys and indexes are made afterwards, as a restore does it. */
export async function load(book, rows, unnamed) {
  const { client, partitioned } = book;
  await client.query("set maintenance_work_mem to '512MB'");
  await client.query('set synchronous_commit to off');
  await client.query('alter table orders drop constraint orders_signal_id_fkey');
  const later = partitioned ? await dropOfPartitioned(client) : await dropOfPlain(client);
  await record(book, 1, rows, unnamed);
  for (const statement of later) await client.query(statement);
  await client.query('vacuum (analyze) signals');
  if (partitioned) await client.query('vacuum (analyze) signal_keys');
  await client.query('vacuum (analyze) orders');
  await client.query('reset synchronous_commit');
}

async function dropOfPlain(client) {
  await client.query('alter table signals drop constraint signals_signal_id_key');
  await client.query('drop index idx_signals_recent, idx_signals_symbol_timestamp');
  return [
    'alter table signals add constraint signals_signal_id_key unique (signal_id)',
    'create index idx_signals_recent on signals (timestamp desc)',
    'create index idx_signals_symbol_timestamp on signals (symbol, timestamp desc)',
    'alter table orders add constraint orders_signal_id_fkey foreign key (signal_id) references signals (signal_id)',
  ];
}

async function dropOfPartitioned(client) {
  await client.query('alter table signals disable trigger signals_register');
  await client.query('alter table signal_keys drop constraint signals_signal_id_key');
  await client.query('drop index idx_signals_recent, idx_signals_symbol_timestamp, idx_signals_signal_id');
  return [
    'alter table signals enable trigger signals_register',
    'insert into signal_keys (signal_id, created_at) select signal_id, created_at from signals',
    'alter table signal_keys add constraint signals_signal_id_key primary key (signal_id)',
    'create index idx_signals_signal_id on signals (signal_id)',
    'create index idx_signals_recent on signals (timestamp desc)',
    'create index idx_signals_symbol_timestamp on signals (symbol, timestamp desc)',
    'alter table orders add constraint orders_signal_id_fkey foreign key (signal_id) references signal_keys',
  ];
}

/** A day comes, as clients would have recorded it, in batches of 1,000. */
export async function recordDay(book, day) {
  if (book.partitioned) await addDay(book, day);
  const end = (day + 1) * book.perDay;
  for (let first = day * book.perDay + 1; first <= end; first += 1000)
    await record(book, first, Math.min(end, first + 999));
}

/** Signals, indexes and, where they stand apart, keys; in MB. */
export async function sizeOf({ client, partitioned }) {
  const { rows } = await client.query(
    partitioned
      ? `select (sum(pg_total_relation_size(relid)) + pg_total_relation_size('signal_keys')) / 1e6::float8 as size
         from pg_partition_tree('signals')`
      : `select pg_total_relation_size('signals') / 1e6::float8 as size`,
  );
  return rows[0].size;
}

export { dayName };
