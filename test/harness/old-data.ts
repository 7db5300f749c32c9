import type { Fixture } from './book.js';

/** Above 2 MB, from where a table is not rewritten but gets its ids beside running writers. */
export const MANY = 12_000;

/**
 * Rows of a book by hand as the seed's clients write them: `signals` of them, a tenth of it orders, trades (nine in ten
 * closed, with the seed's own profit) and risk events. All of one meaning.
 */
export async function fillWithOldRows(book: Fixture, name: string, signals = MANY): Promise<void> {
  const others = Math.ceil(signals / 10);
  const statements = [
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp, metadata)
     select 's' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 100 + n % 50, 0.5,
       1705072800000 + n, jsonb_build_object('n', n, 'note', repeat('x', 40))
     from generate_series(1, ${signals}) as n`,
    `insert into orders (order_id, signal_id, symbol, side, quantity, price, status)
     select 'o' || n, 's' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 1.5, 100, 'FILLED'
     from generate_series(1, ${others}) as n`,
    `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
     select 'o' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 1.5, 100, 1705072800000 + n, 'OPEN'
     from generate_series(1, ${others}) as n`,
    `update trades set status = 'CLOSED', exit_price = 101.25, exit_timestamp = entry_timestamp + 1000,
       pnl = case side when 'BUY' then 1.875 else -1.875 end, pnl_pct = case side when 'BUY' then 1.25 else -1.25 end
     where id % 10 <> 0`,
    `insert into risk_events (event_type, signal_id, symbol, reason, details, timestamp)
     select 'signal_rejected', 's' || n, 'SYM' || n % 7, 'r', jsonb_build_object('current_exposure', n), 1705072800000 + n
     from generate_series(1, ${others}) as n`,
  ];
  for (const statement of statements) await book.sql(statement, name);
}

/** What no migration may change, whatever it does to the rest: a checksum of the seed's columns of each table. */
export async function checksums(book: Fixture, name: string): Promise<Record<string, unknown>[]> {
  const columns = {
    signals:
      'id::bigint, signal_id, symbol, side, price::text, confidence::text, timestamp, metadata, created_at',
    orders:
      'id::bigint, order_id, signal_id, symbol, side, quantity::text, price::text, status, rejection_reason, created_at',
    trades: `id::bigint, order_id, symbol, side, quantity::text, entry_price::text, entry_timestamp, exit_price::text,
      exit_timestamp, status, pnl::text, pnl_pct::text, commission::text, created_at`,
    risk_events: 'id::bigint, event_type, signal_id, symbol, reason, details, timestamp, created_at',
  };
  const parts = Object.entries(columns).map(
    ([table, list]) =>
      `select '${table}' as name, count(*) as rows, md5(string_agg(md5(row(${list})::text), '' order by id)) as sum from ${table}`,
  );
  return book.sql(parts.join(' union all '), name);
}
