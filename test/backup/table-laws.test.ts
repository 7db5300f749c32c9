import { expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { counts, NOTHING, rowsOf, usePairs } from './table-ground.js';

/** What may come back, what stays as it is, and what is refused. */
const pairs = usePairs();

test('what the record allows since is no difference: orders that moved, trades that closed, commissions, corrections', async () => {
  const pair = await pairs();
  await pair.sql(`
    update orders set status = 'CANCELLED' where order_id = 'o1201';
    update trades set status = 'CLOSED', exit_price = 99, exit_timestamp = now_ms() where trade_id = 't3';
    select correct_record('trades', 6, '{"entry_price": 101.5}', 'a typo');
    select correct_record('signals', 9, '{"confidence": 0.75}', 'a typo');
    insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('fresh', 'X', 'BUY', 1, 1, now_ms())`);
  for (const [table, since] of [
    ['orders', { changed: 1 }],
    ['trades', { changed: 2 }],
    ['signals', { changed: 1, recorded: 1 }],
  ] as const) {
    expect(await counts(pair, table)).toEqual({ ...NOTHING, ...since });
    const before = await rowsOf(pair.live, table);
    expect(await pair.apply(table, 'different')).toMatchObject({ rows: 0, corrections: 0 });
    expect(await rowsOf(pair.live, table)).toEqual(before);
  }
});

test('a trade that closed since stays closed when another of its columns comes back', async () => {
  const pair = await pairs();
  await pair.crime(`update trades set entry_price = 1 where trade_id = 't3'`);
  await pair.sql(`update trades set status = 'CLOSED', exit_price = 200, exit_timestamp = now_ms(), commission = 0.5
    where trade_id = 't3'`);
  const diff = await pair.diff('trades');
  expect(diff.different.examples[0]?.columns).toEqual([{ column: 'entry_price', backup: '103', live: '1' }]);
  expect(await pair.apply('trades', 'different')).toMatchObject({ rows: 1 });
  expect(
    await pair.sql(`select status, entry_price, pnl, pnl_net from trades where trade_id = 't3'`),
  ).toEqual([{ status: 'CLOSED', entry_price: '103', pnl: '-388', pnl_net: '-388.5' }]);
  expect(await pair.broken()).toEqual([]);
});

test('orders come back with their decisions and their history, are not judged again, and trades after them', async () => {
  const pair = await pairs();
  await pair.crime(`
    delete from trades where id in (1, 2, 3);
    delete from orders where id in (1, 2, 3, 1205, 1206);
    delete from decisions where order_id in ('o1', 'o1205');
    delete from order_history where order_id in ('o1', 'o1205')`);
  const before = await rowsOf(pair.live, 'trades');
  const error = await refusal(pair.apply('trades', 'missing'));
  expect(error).toMatchObject({
    code: 'restore_parent_missing',
    details: { table: 'orders', missing: 3, examples: ['o1', 'o2', 'o3'] },
  });
  expect(error.message).toContain('(the first is t1)');
  expect(await rowsOf(pair.live, 'trades')).toEqual(before);

  // An order of last week that waits is no new one, which a halt would refuse.
  await pair.sql(`select halt_trading('tests')`);
  const [events] = await pair.sql<{ count: number }>('select count(*)::int as count from risk_events');
  expect(await pair.apply('orders', 'missing')).toMatchObject({
    rows: 5,
    corrections: 5,
    companions: { decisions: 2, order_history: 3 },
  });
  expect(await pair.sql('select count(*)::int as count from risk_events')).toEqual([events]);
  expect(await rowsOf(pair.live, 'orders')).toEqual(await rowsOf(pair.backup, 'orders'));
  expect(await rowsOf(pair.live, 'order_history')).toEqual(await rowsOf(pair.backup, 'order_history'));
  expect(await pair.apply('trades', 'missing')).toMatchObject({ rows: 3 });
  expect(await rowsOf(pair.live, 'trades')).toEqual(await rowsOf(pair.backup, 'trades'));
  for (const one of [pair.live, pair.backup]) await one.query('select main.fold_reservation_changes()');
  const reserved = 'order_id, decision, reserved_quantity';
  expect(await rowsOf(pair.live, 'decisions', reserved)).toEqual(
    await rowsOf(pair.backup, 'decisions', reserved),
  );
  expect(await pair.broken()).toEqual([]);
});

test('an order gets its state back, and its history says so only where it said otherwise', async () => {
  const pair = await pairs();
  await pair.crime(`
    update orders set status = 'CANCELLED' where id in (10, 11);
    insert into order_history (order_id, from_status, to_status) values ('o11', 'FILLED', 'CANCELLED')`);
  expect(await pair.apply('orders', 'different')).toMatchObject({ rows: 2, corrections: 2 });
  const history = (order: string) =>
    pair.sql(
      `select from_status, to_status, reason from order_history where order_id = '${order}' order by id`,
    );
  expect(await history('o10')).toHaveLength(2);
  expect((await history('o11')).at(-1)).toEqual({
    from_status: 'CANCELLED',
    to_status: 'FILLED',
    reason: 'restored from backup main_logical_20261123T030000Z',
  });
  expect(await pair.broken()).toEqual([]);
});

test('positions and the profit of the day are right whether rows left by the guards or behind their back', async () => {
  const pair = await pairs();
  const profit = () => pair.sql('select day_pnl, window_pnl from risk');
  const [before, positions] = [await profit(), await rowsOf(pair.live, 'positions')];
  await pair.crime('delete from trades where id <= 300');
  await pair.sql(`begin;
    insert into permits (table_name, action, reason) values ('trades', 'delete', 'tests');
    delete from trades where id between 301 and 600;
    delete from permits; commit`);
  expect(await pair.apply('trades', 'missing')).toMatchObject({ rows: 600 });
  expect(await profit()).toEqual(before);
  expect(await rowsOf(pair.live, 'positions')).toEqual(positions);
  expect(await rowsOf(pair.live, 'positions_realtime')).toEqual(positions);
  expect(await pair.sql('select * from halts')).toEqual([]);
  expect(await pair.broken()).toEqual([]);
});

test('two who restore at once bring each row back once', async () => {
  const pair = await pairs();
  await pair.crime('delete from trades where id <= 500');
  const both = await Promise.all([pair.apply('trades', 'missing'), pair.apply('trades', 'missing')]);
  expect(both.map(({ rows }) => rows).sort()).toEqual([0, 500]);
  expect(await pair.sql(`select count(*)::int as told from corrections`)).toEqual([{ told: 500 }]);
  expect(await pair.broken()).toEqual([]);
});

test('a row whose number another has by now is named, and none comes back', async () => {
  const pair = await pairs();
  await pair.crime(`
    delete from trades where id in (1, 2, 3);
    insert into trades (id, trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
    values (2, 'other', 'X', 'BUY', 1, 1, now_ms(), 'OPEN')`);
  const before = await rowsOf(pair.live, 'trades');
  const error = await refusal(pair.apply('trades', 'missing'));
  expect(error.code).toBe('restore_row_refused');
  expect(error.message).toContain('t2 has the number 2, which other has by now');
  expect(await rowsOf(pair.live, 'trades')).toEqual(before);
});

test('a row that something would make another of is named, and none comes back', async () => {
  const pair = await pairs();
  await pair.crime('delete from trades where id in (1, 2, 3)');
  await pair.sql(`
    create function mine() returns trigger language plpgsql as $$
    begin if new.trade_id = 't2' then new.quantity := 77; end if; return new; end $$;
    create trigger mine before insert on trades for each row execute function mine()`);
  const error = await refusal(pair.apply('trades', 'missing'));
  expect(error.code).toBe('restore_row_refused');
  expect(error.message).toContain('t2 (quantity)');
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, missing: 3 });
  expect(await pair.sql('select * from permits')).toEqual([]);
});

test('a row that a law refuses is told with the law, and none comes back', async () => {
  const pair = await pairs();
  await pair.crime(
    `delete from trades where id in (1, 2, 3); update orders set symbol = 'ELSE' where id = 2`,
  );
  const error = await refusal(pair.apply('trades', 'missing'));
  expect(error).toMatchObject({ code: 'restore_row_refused', law: 'trades_agree_with_orders' });
  expect(error.message).toContain('Trade t2 is BUY SYM2, its order o2 is BUY ELSE.');
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, missing: 3 });
  // Its order first.
  expect(await pair.apply('orders', 'different')).toMatchObject({ rows: 1 });
  expect(await pair.apply('trades', 'missing')).toMatchObject({ rows: 3 });
});

test('a row that left for quarantine stays there', async () => {
  const pair = await pairs();
  await pair.sql(`select quarantine_row('trades', 3, array['tests'], 'tests')`);
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, quarantined: 1 });
  expect(await pair.apply('trades', 'missing')).toMatchObject({ rows: 0 });
});

test('what retention has removed is not missing, unless it is asked for; what it would have kept is', async () => {
  const pair = await pairs();
  // The 10 orders that wait, and their signals, are no work of retention; nor is an order with a trade.
  await pair.sql(`
    create table if not exists retention_runs (table_name text, as_of timestamp, due_before timestamp, removed bigint);
    insert into retention_runs (table_name, as_of, due_before, removed)
    select t, timezone('UTC', now()), timezone('UTC', now()), 1 from unnest(array['signals', 'orders', 'risk_events']) as t`);
  const untraded = `update main.orders set status = 'FILLED' where id > 1205; delete from main.trades where id <= 5`;
  await pair.backup.query(`begin; set local session_replication_role = replica; ${untraded}; commit`);
  await pair.crime(`${untraded.replaceAll('main.', '')}; delete from orders where id <= 7 or id > 1203;
    delete from signals where id <= 7 or id > 1203; delete from risk_events`);
  const expired = { ...NOTHING, missing: 4, expired: 10 };
  expect(await counts(pair, 'signals')).toEqual(expired);
  expect(await counts(pair, 'orders')).toEqual(expired);
  expect(await counts(pair, 'risk_events')).toEqual({ ...NOTHING, expired: 20 });
  for (const table of ['signals', 'orders'])
    expect(await pair.apply(table, 'missing')).toMatchObject({ rows: 4 });
  const all = { withExpired: true };
  for (const table of ['signals', 'orders'])
    expect(await pair.apply(table, 'missing', all)).toMatchObject({ rows: 10 });
});

test('a row without an id of its own is known by its number', async () => {
  const pair = await pairs();
  await pair.backup.query(`begin; set local session_replication_role = replica;
    update main.trades set trade_id = null where id <= 3; commit`);
  await pair.crime(`update trades set trade_id = null where id <= 3; delete from trades where id = 2;
    update trades set quantity = 9 where id = 3`);
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, missing: 1, different: 1 });
  await pair.apply('trades', 'missing');
  await pair.apply('trades', 'different');
  expect(await counts(pair, 'trades')).toEqual(NOTHING);
});

test('signals, risk events, candles and the logs come back; numbers given out since are not given again', async () => {
  const pair = await pairs();
  await pair.crime(`
    delete from signals where id > 1200; delete from risk_events; delete from order_history where id < 100;
    delete from decisions where order_id in ('o1', 'o1205');
    delete from candles where timestamp < 1700000600000; update candles set close = 1.5 where timestamp = 1700001200000;
    update signals set price = 7 where id = 1; delete from orders where id > 1200;
    select setval('signals_id_seq', 1)`);
  for (const [table, rows] of Object.entries({
    signals: 10,
    orders: 10,
    risk_events: 20,
    candles: 9,
    order_history: 99,
    // The other one came with its order.
    decisions: 1,
  })) {
    expect(await pair.apply(table, 'missing'), table).toMatchObject({ rows });
  }
  expect(await pair.apply('signals', 'different')).toMatchObject({ rows: 1, corrections: 1 });
  expect(await pair.apply('candles', 'different')).toMatchObject({ rows: 1, corrections: 1 });
  for (const table of ['signals', 'orders', 'risk_events', 'candles', 'order_history']) {
    expect(await rowsOf(pair.live, table), table).toEqual(await rowsOf(pair.backup, table));
  }
  expect(await pair.sql(`select nextval('signals_id_seq')::int as next`)).toEqual([{ next: 1211 }]);
  await pair.sql('select fold_reservation_changes()');
  expect(await pair.broken()).toEqual([]);
});

test('where no number was given out yet the first one is not given again', async () => {
  const pair = await pairs();
  await pair.crime(`delete from signals; alter sequence signals_id_seq restart`);
  await pair.backup.query(
    `begin; set local session_replication_role = replica; delete from main.signals where id > 1; commit`,
  );
  expect(await pair.apply('signals', 'missing')).toMatchObject({ rows: 1 });
  expect(await pair.sql(`select nextval('signals_id_seq')::int as next`)).toEqual([{ next: 2 }]);
});

test('what does not come back alone is refused with the reason', async () => {
  const pair = await pairs();
  const codes = (error: { code: string; message: string }) => `${error.code}: ${error.message}`;
  expect(codes(await refusal(pair.diff('limits')))).toMatch(/^restore_table_refused: .*claire limits set/);
  expect(codes(await refusal(pair.diff('positions')))).toMatch(/follow from the trades/);
  expect(codes(await refusal(pair.diff('materialized_view_refreshes')))).toMatch(/how the book works/);
  expect(codes(await refusal(pair.diff('nothing')))).toMatch(/no table of the record/);
  await pair.crime(`update decisions set reason = 'other' where order_id = 'o1'`);
  expect(await counts(pair, 'decisions')).toEqual({ ...NOTHING, different: 1 });
  expect(codes(await refusal(pair.apply('decisions', 'different')))).toMatch(
    /^restore_table_refused: .* is a log/,
  );
});

test('services go on while rows come back', async () => {
  const pair = await pairs();
  await pair.crime('delete from trades where id <= 900');
  const claire = await pair.claire();
  let [isDone, n] = [false, 0];
  const work = async () => {
    while (!isDone) {
      const trade_id = `live${++n}`;
      const at = Date.now() - 1000;
      await claire.openTrade({
        ...{ trade_id, symbol: 'SYM1', side: 'BUY', quantity: '1' },
        ...{ entry_price: '10', entry_timestamp: at },
      });
      await claire.closeTrade({ trade_id, exit_price: '11', exit_timestamp: at + 500 });
    }
  };
  const working = [work(), work()];
  expect(await pair.apply('trades', 'missing')).toMatchObject({ rows: 900 });
  isDone = true;
  await Promise.all(working);
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, recorded: n });
  expect(await pair.broken()).toEqual([]);
});
