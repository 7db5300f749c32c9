import { describe, expect, test } from 'vitest';
import { migrate } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';

/**
 * What running the seed's SQL showed, trap by trap: 1.1 does it, 1.2 does not. The numbers are those of the list in
 * docs/traps.md.
 */
const book = useBook();

const signal = (values: string) =>
  `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values (${values}) returning *`;
const trade = (values: string) =>
  `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values (${values}) returning *`;
const order = (values: string) =>
  `insert into orders (order_id, symbol, side, quantity, status) values (${values}) returning *`;

describe('trap 1: idx_signals_recent', () => {
  const seedText = `create index idx_signals_recent_seed on signals (timestamp desc)
    where timestamp > extract(epoch from now() - interval '7 days') * 1000`;

  test("1.1: the seed's statement cannot be executed", async () => {
    const error = await refusal(book.sql(seedText, await book.bookAt('1.1')));
    expect(error.message).toMatch(/must be marked IMMUTABLE/);
  });

  test('1.2: an index of that name serves the signals of the last days, newest first', async () => {
    await book.sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
      select 'recent-' || n, 'BTCUSDT', 'BUY', 1, 0.5, 1700000000000 + n * 60000 from generate_series(1, 20000) n`);
    await book.sql('analyze signals');
    const plan = await book.sql(
      'explain select * from signals where timestamp > 1701000000000 order by timestamp desc limit 100',
    );
    expect(JSON.stringify(plan)).toMatch(/Index Scan using idx_signals_recent/);
  });
});

describe('trap 2: NaN and infinity', () => {
  test('1.1: a price of NaN passes "> 0" and is stored', async () => {
    const old = await book.bookAt('1.1');
    expect(await book.sql(signal(`'nan', 'X', 'BUY', 'NaN', 0.5, 1705072800000`), old)).toHaveLength(1);
    expect(await book.sql(order(`'nan', 'X', 'BUY', 'NaN', 'PENDING'`), old)).toHaveLength(1);
  });

  test.each([
    ['signals_price_check', signal(`'n1', 'X', 'BUY', 'NaN', 0.5, 1705072800000`)],
    ['signals_price_check', signal(`'n1', 'X', 'BUY', 'Infinity', 0.5, 1705072800000`)],
    ['signals_confidence_check', signal(`'n1', 'X', 'BUY', 1, 'NaN', 1705072800000`)],
    ['orders_quantity_check', order(`'n1', 'X', 'BUY', 'NaN', 'PENDING'`)],
    ['trades_quantity_check', trade(`'X', 'BUY', 'NaN', 1, 1705072800000, 'OPEN'`)],
    ['trades_entry_price_check', trade(`'X', 'BUY', 1, 'NaN', 1705072800000, 'OPEN'`)],
    [
      'trades_commission_check',
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status, commission)
      values ('X', 'BUY', 1, 1, 1705072800000, 'OPEN', 'NaN')`,
    ],
    [
      'trades_exit_price_check',
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
      values ('X', 'BUY', 1, 1, 1705072800000, 'NaN', 1705072800000, 'CLOSED')`,
    ],
  ])('1.2: %s refuses it', async (law, statement) => {
    expect((await refusal(book.sql(statement))).law).toBe(law);
  });
});

describe('trap 3: sides', () => {
  const lower = `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
    values ('X', 'buy', 1, 100, 1705072800000, 110, 1705072900000, 'CLOSED') returning pnl`;

  test('1.1: a long written as "buy" from 100 to 110 is booked as a loss of 10', async () => {
    expect(await book.sql(lower, await book.bookAt('1.1'))).toEqual([{ pnl: '-10' }]);
  });

  test('1.2: anything but BUY and SELL is refused by name', async () => {
    expect((await refusal(book.sql(lower))).law).toBe('trades_side_check');
    expect((await refusal(book.sql(order(`'s', 'X', 'Buy', 1, 'PENDING'`)))).law).toBe('orders_side_check');
  });
});

describe('trap 4: states', () => {
  const withoutExit = trade(`'X', 'BUY', 1, 100, 1705072800000, 'CLOSED'`);
  const rejected = order(`'r', 'X', 'BUY', 1, 'REJECTED'`);

  test('1.1: closed without an exit, FILLED back to PENDING, REJECTED without a reason, updated_at at rest', async () => {
    const old = await book.bookAt('1.1');
    expect(await book.sql(withoutExit, old)).toMatchObject([{ status: 'CLOSED', pnl: null }]);
    expect(await book.sql(rejected, old)).toHaveLength(1);
    await book.sql(order(`'f', 'X', 'BUY', 1, 'FILLED'`), old);
    expect(
      await book.sql(
        `update orders set status = 'PENDING' where order_id = 'f' returning status, updated_at = created_at as still`,
        old,
      ),
    ).toEqual([{ status: 'PENDING', still: true }]);
  });

  test('1.2: each is refused by name', async () => {
    expect((await refusal(book.sql(withoutExit))).law).toBe('trades_closed_check');
    expect((await refusal(book.sql(rejected))).law).toBe('orders_rejection_reason_check');
    await book.sql(order(`'f', 'X', 'BUY', 1, 'FILLED'`));
    const back = await refusal(book.sql(`update orders set status = 'PENDING' where order_id = 'f'`));
    expect(back).toMatchObject({ law: 'orders_final_state', code: 'order_final' });
  });

  test('1.2: updated_at moves with the order, and not where nothing changed', async () => {
    await book.sql(order(`'u', 'X', 'BUY', 1, 'PENDING'`));
    const [moved] = await book.sql(
      `update orders set status = 'FILLED' where order_id = 'u' returning updated_at > created_at as moved, updated_at`,
    );
    expect(moved).toMatchObject({ moved: true });
    const [again] = await book.sql(
      `update orders set status = 'FILLED', updated_at = now() where order_id = 'u' returning updated_at`,
    );
    expect(again!.updated_at).toBe(moved!.updated_at);
  });
});

describe('trap 5: a profit over 999,999.9999 %', () => {
  const open = trade(`'X', 'BUY', 1000000, 0.00000001, 1705072800000, 'OPEN'`);
  const close = `update trades set exit_price = 100, exit_timestamp = 1705072900000, status = 'CLOSED'
    where symbol = 'X' and status = 'OPEN' returning pnl, pnl_pct`;

  test('1.1: the trade cannot be closed at all', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(open, old);
    expect((await refusal(book.sql(close, old))).message).toMatch(/overflow/);
  });

  test('1.2: it closes, and so does the largest trade that is accepted', async () => {
    await book.sql(open);
    expect(await book.sql(close)).toEqual([{ pnl: '99999999.99', pnl_pct: '999999999900' }]);
    await book.sql(trade(`'X', 'BUY', 999999999999.99999999, 0.00000001, 1705072800000, 'OPEN'`));
    const widest = close.replace('= 100,', '= 999999999999.99999999,');
    expect(await book.sql(widest)).toMatchObject([{ pnl_pct: '9999999999999999999800' }]);
  });
});

describe('trap 6: seconds', () => {
  test('1.1: seconds and milliseconds land in one column', async () => {
    const old = await book.bookAt('1.1');
    expect(await book.sql(trade(`'X', 'BUY', 1, 1, 1705072800, 'OPEN'`), old)).toMatchObject([
      { entry_timestamp: 1705072800 },
    ]);
  });

  test('1.2: what can only be seconds becomes milliseconds, microseconds are refused', async () => {
    expect(await book.sql(trade(`'SEC', 'BUY', 1, 1, 1705072800, 'OPEN'`))).toMatchObject([
      { entry_timestamp: 1705072800000 },
    ]);
    expect(await book.sql(signal(`'sec', 'X', 'BUY', 1, 0.5, 1705072800`))).toMatchObject([
      { timestamp: 1705072800000 },
    ]);
    const closed = await book.sql(
      `update trades set exit_price = 2, exit_timestamp = 1705159200, status = 'CLOSED' where symbol = 'SEC' returning exit_timestamp`,
    );
    expect(closed).toEqual([{ exit_timestamp: 1705159200000 }]);
    expect((await refusal(book.sql(signal(`'us', 'X', 'BUY', 1, 0.5, 1705072800000000`)))).law).toBe(
      'signals_timestamp_check',
    );
    expect(
      await book.sql(`insert into risk_events (event_type, reason, timestamp)
        values ('signal_rejected', 'r', 1705072800) returning timestamp`),
    ).toEqual([{ timestamp: 1705072800000 }]);
    expect(
      (
        await refusal(
          book.sql(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
            values ('X', 'BUY', 1, 1, 1705072800000, 1, 1705072800000000, 'CLOSED')`),
        )
      ).law,
    ).toBe('trades_exit_timestamp_check');
    expect((await refusal(book.sql(signal(`'tiny', 'X', 'BUY', 1, 0.5, 5`)))).law).toBe(
      'signals_timestamp_check',
    );
  });
});

describe('trap 8: the chain from signal to trade', () => {
  const indexes = `select tablename || '.' || indexname as name from pg_indexes where schemaname = current_schema()
    and tablename in ('orders', 'trades') and (indexdef like '%(signal_id)' or indexdef like '%(order_id)')
    and indexname like 'idx%' order by 1`;

  test('1.1: orders.signal_id and trades.order_id have no index', async () => {
    expect(await book.sql(indexes, await book.bookAt('1.1'))).toEqual([]);
  });

  test("1.2: both have one, and the seed's close by order_id uses it", async () => {
    expect(await book.sql(indexes)).toEqual([
      { name: 'orders.idx_orders_signal_id' },
      { name: 'trades.idx_trades_order_id' },
    ]);
    await book.sql(`insert into orders (order_id, symbol, side, quantity, status)
      select 'c' || n, 'CHAIN', 'BUY', 1, 'FILLED' from generate_series(1, 5000) n`);
    await book.sql(`insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
      select 'c' || n, 'CHAIN', 'BUY', 1, 1, 1705072800000, 'OPEN' from generate_series(1, 5000) n`);
    await book.sql('analyze trades');
    const plan = await book.sql(`explain update trades set exit_price = 2 where order_id = 'c77'`);
    expect(JSON.stringify(plan)).toContain('idx_trades_order_id');
  });
});

describe('trap 10: average and exposure', () => {
  const two = `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values
    ('AVG', 'BUY', 1, 100, 1705072800000, 'OPEN'), ('AVG', 'BUY', 3, 200, 1705072900000, 'OPEN'),
    ('AVG', 'SELL', 2, 150, 1705072800000, 'OPEN')`;
  const average = `select avg_entry_price from positions_realtime where symbol = 'AVG' and side = 'BUY'`;

  test('1.1: the average is not weighted, and exposure by symbol has two rows for a symbol held both ways', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(two, old);
    await book.sql('refresh materialized view positions_realtime', old);
    expect(await book.sql(average, old)).toEqual([{ avg_entry_price: '150' }]);
    expect(
      await book.sql('select symbol, total_value_usd as exposure from positions_realtime', old),
    ).toHaveLength(2);
  });

  test('1.2: the average is weighted by quantity, and exposure has one row a symbol', async () => {
    await book.sql(two);
    await book.sql('refresh materialized view concurrently positions_realtime');
    expect(await book.sql(average)).toEqual([{ avg_entry_price: '175' }]);
    expect(await book.sql(`select * from exposure where symbol = 'AVG'`)).toEqual([
      { symbol: 'AVG', long: '700', short: '300', gross: '1000', net: '400' },
    ]);
  });
});

describe('trap 11: age of the positions', () => {
  const open = trade(`'AGE', 'BUY', 1, 100, 1705072800000, 'OPEN'`);

  test('1.1: positions_realtime does not know a trade before it is refreshed', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(open, old);
    expect(await book.sql(`select * from positions_realtime where symbol = 'AGE'`, old)).toEqual([]);
  });

  test('1.2: positions does, at commit; the refresh leaves the view alone where nothing changed', async () => {
    await book.sql(open);
    expect(await book.sql(`select num_trades from positions where symbol = 'AGE'`)).toEqual([
      { num_trades: 1 },
    ]);
    expect(await book.sql('select refresh_positions_realtime() as changed')).toEqual([{ changed: true }]);
    expect(await book.sql('select refresh_positions_realtime() as changed')).toEqual([{ changed: false }]);
    expect(
      await book.sql(
        `select last_refresh > timezone('UTC', now()) - interval '1 minute' as fresh from materialized_view_refreshes`,
      ),
    ).toEqual([{ fresh: true }]);
  });
});

describe('trap 12: searching details', () => {
  const definition = `select indexdef from pg_indexes where schemaname = current_schema() and indexname = 'idx_risk_events_jsonb'`;

  test('1.1: the index has the default operators; 1.2: jsonb_path_ops', async () => {
    expect(JSON.stringify(await book.sql(definition, await book.bookAt('1.1')))).not.toContain(
      'jsonb_path_ops',
    );
    expect(JSON.stringify(await book.sql(definition))).toContain('jsonb_path_ops');
  });

  test('1.2: containment uses it', async () => {
    await book.sql(`insert into risk_events (event_type, reason, details, timestamp)
      select 'signal_rejected', 'r', jsonb_build_object('current_exposure', n), 1705072800000 from generate_series(1, 20000) n`);
    await book.sql('analyze risk_events');
    const plan = await book.sql(
      `explain select * from risk_events where details @> '{"current_exposure": 4850}'`,
    );
    expect(JSON.stringify(plan)).toContain('idx_risk_events_jsonb');
  });
});

describe('traps that are about a way of working', () => {
  test('trap 9: neither version lets a signal go that an order names', async () => {
    for (const version of ['1.1', '1.2'] as const) {
      const name = await book.bookAt(version);
      await book.sql(signal(`'kept', 'X', 'BUY', 1, 0.5, 1705072800000`), name);
      await book.sql(
        `insert into orders (order_id, signal_id, symbol, side, quantity, status)
        values ('o', 'kept', 'X', 'BUY', 1, 'FILLED')`,
        name,
      );
      await refusal(book.sql(`delete from signals where signal_id = 'kept'`, name));
    }
  });

  test('trap 13: a book that has bad rows comes forward; the law holds for new rows, and no row is lost', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(signal(`'nan', 'X', 'BUY', 'NaN', 0.5, 1705072800000`), old);
    expect((await migrate(book.database, old)).broken).toMatchObject([
      { table: 'signals', law: 'signals_price_check', rows: 1, examples: [{ signal_id: 'nan' }] },
    ]);
    expect(await book.sql('select signal_id from signals', old)).toEqual([{ signal_id: 'nan' }]);
    const again = book.sql(signal(`'nan 2', 'X', 'BUY', 'NaN', 0.5, 1705072800000`), old);
    expect((await refusal(again)).law).toBe('signals_price_check');
  });
});
