import type { Queryable } from '../../database/index.js';

/** Rows of a loaded book that statements are asked about: real ones, from the middle of it. */
export interface Ground {
  signal: Named & { signal_id: string };
  /** Signals without an order. */
  undecided: (Named & { signal_id: string })[];
  filled: Named & { order_id: string; signal_id: string };
  pending: Named & { order_id: string };
  open: (Named & { trade_id: string; order_id: string; timestamp: number })[];
  closed: Named & { trade_id: string; order_id: string; timestamp: number; exit_timestamp: number };
  /** The number of a trade from before 1.2, which has no id of its own. */
  numbered: string;
  event: Named & { event_id: string; event_type: string; signal_id: string };
  candle: { symbol: string; timestamp: number };
  correction: { id: string; row_id: string; created_at: number };
  /** Numbers of rows in quarantine. */
  held: string[];
  /** An order that is filled and whose trade never came. */
  unclaimed: string;
  /** When somebody decided, in the middle. */
  decidedAt: number;
}

interface Named {
  symbol: string;
  side: string;
  timestamp: number;
}

/**
 * Rows of the tables that the loader leaves empty, as many as an old book may have: candles for half of the signals,
 * corrections for a tenth and quarantine for a twentieth. `book` is quoted.
 */
export async function fillBeside(session: Queryable, book: string, signals: number): Promise<void> {
  const spread = `timezone('UTC', now()) - n * interval '1 second'`;
  await session.query(
    `insert into ${book}.candles (symbol, timestamp, open, high, low, close, volume)
     select symbol, 1760000000000 + n * 60000, 100, 101, 99, 100, 5
     from generate_series(1, $1::int / 100) as n
       cross join (select distinct symbol from (select symbol from ${book}.signals limit 1000) as s) as symbols`,
    [signals],
  );
  await session.query(
    `insert into ${book}.corrections (table_name, row_id, column_name, before, after, law, reason, version, created_at)
     select (array['signals', 'orders', 'trades', 'trades'])[n % 4 + 1], n, (array['price', 'side', 'pnl'])[n % 3 + 1], '1', '2',
       case n % 5 when 0 then 'signals_price_check' end, 'old rows', '1.2', ${spread}
     from generate_series($1::int / 10, 1, -1) as n`,
    [signals],
  );
  await session.query(
    `insert into ${book}.quarantine (table_name, row_id, row, laws, reason, version, state, decided_reason, decided_by, decided_at)
     select case n % 10 when 0 then 'orders' else 'trades' end, n + 1000000000, '{"symbol": "X"}', array['trades_closed_check'],
       'old rows', '1.2', 'discarded', 'decided', 'desk', ${spread}
     from generate_series(1, $1::int / 20) as n`,
    [signals],
  );
  await session.query(
    `insert into ${book}.trades (symbol, side, quantity, entry_price, entry_timestamp, status)
     values ('BTCUSDT', 'BUY', 1, 100, 1760000000000, 'OPEN')`,
  );
  await session.query(
    `select ${book}.quarantine_row('risk_events', id, array['risk_events_reason_check'], 'without a sure meaning')
     from (select id from ${book}.risk_events order by id limit 40) as e`,
  );
  await fillDecisions(session, book);
  while (
    (await session.query<{ folded: number }>(`select ${book}.fold_position_changes() as folded`))[0]!.folded >
    0
  );
  await session.query('vacuum (analyze)');
}

const UNCLAIMED = 'plans_unclaimed';

/** What was decided of the orders that were loaded, each state that they were in, and limits that ask for everything. */
async function fillDecisions(session: Queryable, book: string): Promise<void> {
  await session.query(
    `insert into ${book}.decisions (
       order_id, signal_id, symbol, side, decision, reduces, timestamp, quantity, price, notional, reason,
       limits_version, exposure, position, open_trades, reserved_quantity, created_at
     )
     select o.order_id, o.signal_id, o.symbol, o.side, case o.status when 'REJECTED' then 'rejected' else 'opening' end,
       false, ${book}.as_ms(o.created_at), o.quantity, 100, o.quantity * 100, o.rejection_reason, 1, 0, 0, 0, 0, o.created_at
     from ${book}.orders as o where o.status in ('FILLED', 'REJECTED') order by o.id`,
  );
  await session.query(
    `insert into ${book}.order_history (order_id, from_status, to_status, created_at)
     select order_id, 'PENDING', status, created_at from ${book}.orders where status = 'FILLED' order by id`,
  );
  await session.query(
    `insert into ${book}.orders (order_id, symbol, side, quantity, price, status, timestamp)
     values ($1, 'NOSHORTS', 'BUY', 1, 100, 'PENDING', 1760000000000)`,
    [UNCLAIMED],
  );
  await session.query(`update ${book}.orders set status = 'FILLED' where order_id = $1`, [UNCLAIMED]);
  await session.query(
    `insert into ${book}.halts (action, cause, reason, timestamp)
     select case n % 2 when 0 then 'resume' else 'halt' end, 'hand', 'a test', 1760000000000 + n
     from generate_series(1, 2000) as n`,
  );
  await session.query(`select ${book}.set_capital(1000000000, 'a test')`);
  await session.query(
    `select ${book}.set_limits('{"max_exposure": 1e14, "max_position": 1e13, "max_order_size": 1e9,
       "max_open_trades": 1000000000, "max_orders_per_minute": 1000000, "max_drawdown": -1e12, "max_drawdown_pct": -50,
       "min_confidence": 0.0001, "max_signal_age_ms": 3000000000000}', 'a test')`,
  );
  while (
    (await session.query<{ folded: number }>(`select ${book}.fold_reservation_changes() as folded`))[0]!
      .folded > 0
  );
}

/** Looks the rows up. @throws Error where a book holds too little to ask about */
export async function survey(session: Queryable, book: string): Promise<Ground> {
  const all = async <Row>(text: string): Promise<Row[]> => {
    const rows = await session.query<Row>(text.replaceAll('{book}', book));
    if (rows.length === 0) throw new Error(`the book is too small for bench/plans: ${text}`);
    return rows;
  };
  const one = async <Row>(text: string): Promise<Row> => (await all<Row>(text))[0]!;
  const middle = (table: string, condition: string) =>
    `from {book}.${table} where ${condition} and id >= (select max(id) / 2 from {book}.${table}) order by id limit 1`;
  const trade = 'trade_id, order_id, symbol, side, entry_timestamp as timestamp';
  return {
    signal: await one(`select signal_id, symbol, side, timestamp ${middle('signals', 'true')}`),
    undecided: await all(
      `select signal_id, symbol, side, timestamp from {book}.signals as s
       where not exists (select from {book}.orders as o where o.signal_id = s.signal_id) limit 500`,
    ),
    filled: await one(
      `select order_id, signal_id, symbol, side, 0 as timestamp
       ${middle('orders', `status = 'FILLED' and signal_id is not null`)}`,
    ),
    pending: await one(
      `select order_id, symbol, side, 0 as timestamp from {book}.orders where status = 'PENDING' limit 1`,
    ),
    open: await all(
      `select ${trade} from {book}.trades where status = 'OPEN' and trade_id is not null order by id limit 400`,
    ),
    closed: await one(`select ${trade}, exit_timestamp ${middle('trades', `status = 'CLOSED'`)}`),
    numbered: (await one<{ id: string }>(`select id::text from {book}.trades where trade_id is null`)).id,
    event: await one(
      `select event_id, event_type, signal_id, symbol, '' as side, timestamp ${middle('risk_events', 'true')}`,
    ),
    candle: await one(`select symbol, timestamp from {book}.candles offset 100 limit 1`),
    correction: await one(`select id::text, row_id::text, created_at ${middle('corrections', 'true')}`),
    unclaimed: UNCLAIMED,
    decidedAt: (
      await one<{ at: number }>(
        `select {book}.as_ms(created_at) as at from {book}.decisions offset 100 limit 1`,
      )
    ).at,
    held: (
      await all<{ id: string }>(`select id::text from {book}.quarantine where state = 'held' order by id`)
    ).map(({ id }) => id),
  };
}
