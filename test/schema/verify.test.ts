import { readdir } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { useBook } from '../harness/book.js';

/** Each law of sql/checks is broken on purpose, with the guards off as only an owner can turn them off. */
const book = useBook();
let damaged = '';
let n = 0;

async function damage(...statements: string[]): Promise<string[]> {
  damaged = await book.bookAt();
  for (const statement of statements) await book.sql(statement, damaged);
  const claire = await book.connect({ book: damaged });
  return (await claire.verify())
    .filter(({ broken }) => broken > 0)
    .map(({ check, broken }) => `${check} ${broken}`);
}

const off = (table: string) => `alter table ${table} disable trigger all`;
const drop = (table: string, law: string) => `alter table ${table} drop constraint ${law}`;
const trade = (status: string, side = 'BUY', more = '', values = '') =>
  `insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status${more})
   values ('v${++n}', 'X', '${side}', 1, 100, 1705072800000, '${status}'${values})`;
const exit = [', exit_price, exit_timestamp', ', 110, 1705072800000'] as const;

const broken = new Set<string>();
afterEach(({ task }) => {
  const name = /^(\w+): /.exec(task.name)?.[1];
  if (name) broken.add(name);
});

test('a whole record breaks no law', async () => {
  expect(await damage(trade('OPEN'), trade('CLOSED', 'BUY', ...exit))).toEqual([]);
});

test('positions_equal_open_trades: a total that was changed', async () => {
  expect(
    await damage(
      trade('OPEN'),
      'select fold_position_changes()',
      'update position_totals set quantity = quantity + 0.00000001',
    ),
  ).toEqual(['positions_equal_open_trades 1']);
});

test('closed_trades_have_their_profit: a profit that was changed', async () => {
  expect(
    await damage(trade('CLOSED', 'BUY', ...exit), off('trades'), 'update trades set pnl = pnl + 0.00000001'),
  ).toEqual(['closed_trades_have_their_profit 1']);
});

test('open_trades_have_no_profit: an open trade with one', async () => {
  expect(await damage(trade('OPEN'), off('trades'), 'update trades set pnl = 1')).toEqual([
    'open_trades_have_no_profit 1',
  ]);
});

test('orders_are_possible: rejected without a reason', async () => {
  expect(
    await damage(
      drop('orders', 'orders_rejection_reason_check'),
      `insert into orders (order_id, symbol, side, quantity, status) values ('o', 'X', 'BUY', 1, 'REJECTED')`,
    ),
  ).toEqual(['orders_are_possible 1']);
});

test('traded_orders_were_not_refused: a fill that met a cancel', async () => {
  expect(
    await damage(
      `insert into orders (order_id, symbol, side, quantity, status) values ('o', 'X', 'BUY', 1, 'CANCELLED')`,
      trade('OPEN', 'BUY', ', order_id', `, 'o'`),
    ),
  ).toEqual(['traded_orders_were_not_refused 1']);
});

test('trades_fit_their_orders: more traded than ordered', async () => {
  expect(
    await damage(
      `insert into orders (order_id, symbol, side, quantity, status) values ('o', 'X', 'BUY', 1.5, 'FILLED')`,
      trade('OPEN', 'BUY', ', order_id', `, 'o'`),
      trade('OPEN', 'BUY', ', order_id', `, 'o'`),
    ),
  ).toEqual(['trades_fit_their_orders 1']);
});

test('lineage_is_whole: an order for another symbol than its signal', async () => {
  expect(
    await damage(
      off('orders'),
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('s', 'Y', 'BUY', 1, 1, 1705072800000)`,
      `insert into orders (order_id, signal_id, symbol, side, quantity, status) values ('o', 's', 'X', 'BUY', 1, 'PENDING')`,
    ),
  ).toEqual(['lineage_is_whole 1']);
});

test('numbers_are_numbers: NaN from before, which also stays outside positions', async () => {
  expect(
    await damage(
      drop('trades', 'trades_quantity_check'),
      trade('OPEN').replace('1, 100', `'NaN', 100`),
      trade('OPEN'),
      `do $$ begin assert (select total_quantity = 1 from positions); end $$`,
    ),
  ).toEqual(['numbers_are_numbers 1']);
});

test('times_are_milliseconds: a time that is none', async () => {
  expect(
    await damage(
      drop('signals', 'signals_timestamp_check'),
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('s', 'Y', 'BUY', 1, 1, 5)`,
    ),
  ).toEqual(['times_are_milliseconds 1']);
});

test('constraints_hold_for_old_rows: a constraint that was never validated', async () => {
  expect(
    await damage(
      drop('trades', 'trades_side_check'),
      `alter table trades add constraint trades_side_check check (side in ('BUY', 'SELL')) not valid`,
    ),
  ).toEqual(['constraints_hold_for_old_rows 1']);
});

test.each([
  [
    'reservations_equal_pending_orders: a sum that was changed',
    'update reservation_totals set notional = notional - 1',
  ],
  ['reservations_equal_pending_orders: sums that are gone', 'delete from reservation_totals'],
  [
    'reservations_equal_pending_orders: an order that says something else',
    'update decisions set reserved_quantity = 3',
  ],
  ['reservations_equal_pending_orders: a cancel that nobody saw', `update orders set status = 'CANCELLED'`],
  ['decisions_have_their_orders: an order that is gone', 'delete from orders'],
  ['decisions_have_their_orders: a rejection that waits', `update decisions set decision = 'rejected'`],
  ['profit_of_the_day_is_what_trades_say: a day that was changed', 'update risk set day_pnl = 0'],
  ['profit_of_the_day_is_what_trades_say: a window that was changed', 'update risk set window_pnl = 1'],
])('%s', async (name, statement) => {
  const broken = await damage(
    `select set_limits('{"max_drawdown": "-500"}', 'r')`,
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('s', 'X', 'BUY', 100, 1, 1705072800000)`,
    `select decide('s', 1, 'o', null, 1705072800000)`,
    trade('CLOSED', 'SELL', ...exit),
    `set session_replication_role = replica; ${statement}; reset session_replication_role`,
  );
  expect(broken.join()).toContain(name.split(':')[0]);
});

test('no law of sql/checks was left out here', async () => {
  const files = (await readdir('sql/checks')).map((name) => name.replace('.sql', ''));
  expect([...broken].sort()).toEqual(files.sort());
});
