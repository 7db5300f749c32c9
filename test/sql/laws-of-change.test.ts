import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const law = async (statement: string) => (await refusal(book.sql(statement))).law;

const openTrade = (id: string, commission = 'null') =>
  book.sql(`insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status, commission)
    values ('${id}', 'BTCUSDT', 'BUY', 2, 100, 1705072800000, 'OPEN', ${commission})`);
const close = (id: string, price = 110) =>
  book.sql(`update trades set exit_price = ${price}, exit_timestamp = 1705159200000, status = 'CLOSED'
    where trade_id = '${id}' returning pnl, pnl_pct, pnl_net, commission`);

describe('order transitions', () => {
  const order = (id: string, status: string) =>
    book.sql(`insert into orders (order_id, symbol, side, quantity, status, rejection_reason)
      values ('${id}', 'X', 'BUY', 1, '${status}', 'because')`);
  const finals = ['FILLED', 'REJECTED', 'CANCELLED'];

  test.each(finals)('PENDING becomes %s', async (to) => {
    await order(`p-${to}`, 'PENDING');
    expect(
      await book.sql(`update orders set status = '${to}' where order_id = 'p-${to}' returning status`),
    ).toEqual([{ status: to }]);
  });

  test.each(
    finals.flatMap((from) => ['PENDING', ...finals].filter((to) => to !== from).map((to) => [from, to])),
  )('%s never becomes %s', async (from, to) => {
    const id = `${from}-${to}`;
    await order(id, from);
    expect(await law(`update orders set status = '${to}' where order_id = '${id}'`)).toBe(
      'orders_final_state',
    );
  });

  test('nothing but status and reason moves, not even while PENDING', async () => {
    await order('fixed', 'PENDING');
    for (const change of [
      `quantity = 2`,
      `symbol = 'Y'`,
      `side = 'SELL'`,
      `price = 5`,
      `order_id = 'other'`,
    ]) {
      expect(await law(`update orders set ${change} where order_id = 'fixed'`)).toBe(
        'orders_facts_are_fixed',
      );
    }
    await book.sql(`update orders set rejection_reason = 'noted' where order_id = 'fixed'`);
  });

  test('a final order may be told again what it is', async () => {
    await order('same', 'FILLED');
    await book.sql(`update orders set status = 'FILLED' where order_id = 'same'`);
  });

  test('REJECTED with a blank reason is refused', async () => {
    await order('blank', 'PENDING');
    expect(
      await law(`update orders set status = 'REJECTED', rejection_reason = ' ' where order_id = 'blank'`),
    ).toBe('orders_rejection_reason_check');
  });
});

describe('trades', () => {
  test('profit is exact for a long and for a short, whatever the client writes into it', async () => {
    await openTrade('long', '0.5');
    expect(await close('long')).toEqual([{ pnl: '20', pnl_pct: '10', pnl_net: '19.5', commission: '0.5' }]);
    expect(
      await book.sql(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp,
          status, pnl, pnl_pct, pnl_net, commission)
        values ('X', 'SELL', 0.3, 2485.30, 1705072800000, 2520.11, 1705072800000, 'CLOSED', 999, 999, 999, null)
        returning pnl, pnl_pct, pnl_net`),
    ).toEqual([{ pnl: '-10.443', pnl_pct: '-1.4006', pnl_net: null }]);
  });

  test('an open trade has no profit, even if a client writes one', async () => {
    await openTrade('hopeful');
    expect(await book.sql(`update trades set pnl = 5 where trade_id = 'hopeful' returning pnl`)).toEqual([
      { pnl: null },
    ]);
  });

  test('a closed trade is final; the same close again passes', async () => {
    await openTrade('final', '1');
    await close('final');
    expect(await close('final')).toMatchObject([{ pnl: '20' }]);
    for (const change of [
      `exit_price = 120`,
      `status = 'OPEN', exit_price = null, exit_timestamp = null`,
      `quantity = 1`,
      `commission = 2`,
      `trade_id = 'other'`,
    ]) {
      expect(await law(`update trades set ${change} where trade_id = 'final'`)).toBe(
        'trades_closed_is_final',
      );
    }
  });

  test.each(['null', '0'])('a commission of %s may be set after the close, once', async (unknown) => {
    await openTrade(`late-${unknown}`, unknown);
    await close(`late-${unknown}`);
    const set = (commission: number) =>
      `update trades set commission = ${commission} where trade_id = 'late-${unknown}'`;
    expect(await book.sql(`${set(3)} returning pnl_net`)).toEqual([{ pnl_net: '17' }]);
    expect(await law(set(4))).toBe('trades_closed_is_final');
    await openTrade(`back-${unknown}`, '0');
    await close(`back-${unknown}`);
    expect(await law(`update trades set commission = null where trade_id = 'back-${unknown}'`)).toBe(
      'trades_closed_is_final',
    );
  });

  test("a client that does not name the commission gets the seed's default of 0", async () => {
    expect(
      await book.sql(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status)
        values ('D', 'BUY', 1, 1, 1705072800000, 'OPEN') returning commission`),
    ).toEqual([{ commission: '0' }]);
  });

  test('a part of a trade cannot be closed, and what was entered does not change', async () => {
    await openTrade('part');
    expect(
      await law(`update trades set quantity = 1, exit_price = 110, exit_timestamp = 1705159200000, status = 'CLOSED'
        where trade_id = 'part'`),
    ).toBe('trades_close_whole');
    for (const change of [
      'quantity = 1',
      'entry_price = 1',
      `side = 'SELL'`,
      'entry_timestamp = 1705072800001',
    ]) {
      expect(await law(`update trades set ${change} where trade_id = 'part'`)).toBe('trades_entry_is_fixed');
    }
  });

  test('an exit lies not before the entry, and belongs to a closed trade only', async () => {
    await openTrade('when');
    expect(
      await law(
        `update trades set exit_price = 1, exit_timestamp = 1705072799999, status = 'CLOSED' where trade_id = 'when'`,
      ),
    ).toBe('trades_exit_timestamp_check');
    expect(
      await law(`update trades set exit_price = 1, exit_timestamp = 1705072800000 where trade_id = 'when'`),
    ).toBe('trades_closed_check');
    expect(await law(`update trades set exit_price = 1, status = 'CLOSED' where trade_id = 'when'`)).toBe(
      'trades_closed_check',
    );
  });
});

describe('what is recorded stays', () => {
  test('signals and risk events do not change, except into what they are', async () => {
    await book.sql(
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('s', 'X', 'BUY', 1, 0.5, 1705072800000)`,
    );
    await book.sql(
      `insert into risk_events (event_id, event_type, reason, timestamp) values ('e', 'signal_rejected', 'r', 1705072800000)`,
    );
    expect(await law(`update signals set price = 2 where signal_id = 's'`)).toBe('recorded_rows_are_final');
    expect(await law(`update risk_events set reason = 'other' where event_id = 'e'`)).toBe(
      'recorded_rows_are_final',
    );
    await book.sql(`update signals set price = 1.0, timestamp = 1705072800 where signal_id = 's'`);
  });

  test.each(['signals', 'orders', 'trades', 'risk_events', 'corrections'])(
    '%s: neither DELETE nor TRUNCATE',
    async (table) => {
      expect(await law(`delete from ${table}`)).toBe('removal_needs_a_permit');
      expect(await law(`truncate ${table} cascade`)).toBe('removal_needs_a_permit');
    },
  );

  test('a permit counts in its own transaction only, and for its own table only', async () => {
    await book.sql(
      `insert into permits (table_name, action, reason) values ('risk_events', 'delete', 'test')`,
    );
    expect(await law(`delete from risk_events`)).toBe('removal_needs_a_permit');
    const permitted = (statement: string) =>
      book.database.transaction(async (t) => {
        await t.query(`set local search_path to main`);
        await t.query(
          `insert into permits (table_name, action, reason) values ('risk_events', 'delete', 'test')`,
        );
        await t.query(statement);
      });
    expect((await refusal(permitted(`delete from trades`))).law).toBe('removal_needs_a_permit');
    expect((await refusal(permitted(`update risk_events set reason = 'other'`))).law).toBe(
      'recorded_rows_are_final',
    );
    await permitted(`delete from risk_events`);
    expect(await book.sql(`select count(*) as n from risk_events`)).toEqual([{ n: 0 }]);
  });

  test('TRUNCATE with a permit empties the positions too', async () => {
    await openTrade('gone');
    await book.database.transaction(async (t) => {
      await t.query(`set local search_path to main`);
      await t.query(`insert into permits (table_name, action, reason) values ('trades', 'delete', 'test')`);
      await t.query(`truncate trades`);
    });
    expect(await book.sql(`select * from positions`)).toEqual([]);
  });
});

describe('lineage', () => {
  test('an order is for the symbol of its signal, a trade for symbol and side of its order', async () => {
    await book.sql(
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('l', 'X', 'BUY', 1, 0.5, 1705072800000)`,
    );
    const order = (
      symbol: string,
    ) => `insert into orders (order_id, signal_id, symbol, side, quantity, status)
      values ('l', 'l', '${symbol}', 'BUY', 1, 'PENDING')`;
    expect(await law(order('Y'))).toBe('orders_agree_with_signals');
    await book.sql(order('X'));
    const trade = (
      symbol: string,
      side: string,
    ) => `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
      values ('l', '${symbol}', '${side}', 1, 1, 1705072800000, 'OPEN')`;
    expect(await law(trade('Y', 'BUY'))).toBe('trades_agree_with_orders');
    expect(await law(trade('X', 'SELL'))).toBe('trades_agree_with_orders');
    await book.sql(trade('X', 'BUY'));
  });
});

describe('texts', () => {
  test.each([
    ['signals_symbol_check', `E'BTC\n'`, `'id-1'`],
    ['signals_symbol_check', `' BTC'`, `'id-1'`],
    ['signals_symbol_check', `''`, `'id-1'`],
    ['signals_signal_id_check', `'BTC'`, `E'\t'`],
    ['signals_signal_id_check', `'BTC'`, `''`],
  ])('%s refuses %s with %s', async (name, symbol, id) => {
    expect(
      await law(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
        values (${id}, ${symbol}, 'BUY', 1, 1, 1705072800000)`),
    ).toBe(name);
  });

  test('a price with thousands of zeros is refused, one with a few is not', async () => {
    const insert = (
      id: string,
      zeros: number,
    ) => `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
      values ('${id}', 'ZERO', 'BUY', 1.${'0'.repeat(zeros)}, 1, 1705072800000)`;
    expect(await law(insert('z1', 8000))).toBe('signals_price_decimals_check');
    await book.sql(insert('z2', 20));
  });
});
