import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const AT = 1705072800000;

const openTrade = async (trade_id: string, commission?: string) =>
  (await book.connect()).openTrade({
    trade_id,
    symbol: 'BTCUSDT',
    side: 'BUY',
    quantity: 2,
    entry_price: 100,
    entry_timestamp: AT,
    commission: commission ?? null,
  });
const close = async (trade_id: string) =>
  (await book.connect()).closeTrade({ trade_id, exit_price: 110, exit_timestamp: AT + 1 });
const law = async (statement: string) => (await refusal(book.sql(statement))).law;

describe('corrections', () => {
  test('a correction is recorded with before and after; profit and positions follow', async () => {
    const claire = await book.connect();
    await openTrade('wrong', '1');
    await close('wrong');
    await claire.correct({
      what: 'trade',
      id: 'wrong',
      changes: { exit_price: '111' },
      reason: 'typo of the desk',
    });
    expect(await claire.trades({ trade_id: 'wrong' })).toMatchObject([
      { exit_price: '111', pnl: '22', pnl_net: '21' },
    ]);
    expect(
      await book.sql(
        `select column_name, before, after, reason from corrections where column_name in ('exit_price', 'pnl') order by 1`,
      ),
    ).toEqual([
      { column_name: 'exit_price', before: 110, after: 111, reason: 'typo of the desk' },
      { column_name: 'pnl', before: 20, after: 22, reason: 'typo of the desk' },
    ]);
    await openTrade('size');
    await claire.correct({ what: 'trade', id: 'size', changes: { quantity: '5' }, reason: 'typo' });
    expect(await claire.positions({ symbol: 'BTCUSDT' })).toMatchObject([{ total_quantity: '5' }]);
    expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  });

  test('ids, computed profit and unknown columns are not for correction, and a reason is', async () => {
    const claire = await book.connect();
    await openTrade('strict');
    for (const changes of [{ trade_id: 'x' }, { pnl: '1' }, { nothing: '1' }, {}]) {
      const error = await refusal(claire.correct({ what: 'trade', id: 'strict', changes, reason: 'r' }));
      expect(error.law).toBe('corrections_columns');
    }
    expect(
      (
        await refusal(
          claire.correct({ what: 'trade', id: 'strict', changes: { quantity: '1' }, reason: ' ' }),
        )
      ).code,
    ).toBe('reason_missing');
    expect(
      (
        await refusal(
          claire.correct({ what: 'trade', id: 'absent', changes: { quantity: '1' }, reason: 'r' }),
        )
      ).code,
    ).toBe('not_found');
    // The permit went with the transaction: the row is as fixed as before.
    expect(await law(`update trades set quantity = 9 where trade_id = 'strict'`)).toBe(
      'trades_entry_is_fixed',
    );
  });

  test('a correction cannot part a chain', async () => {
    const claire = await book.connect();
    const at = 1705072800000;
    await claire.placeOrder({ order_id: 'chain', symbol: 'X', side: 'BUY', quantity: 1 });
    await claire.openTrade({
      trade_id: 'chain',
      order_id: 'chain',
      symbol: 'X',
      side: 'BUY',
      quantity: 1,
      entry_price: 1,
      entry_timestamp: at,
    });
    for (const what of ['order', 'trade'] as const) {
      const error = await refusal(
        claire.correct({ what, id: 'chain', changes: { symbol: 'Y' }, reason: 'r' }),
      );
      expect(error.law).toBe('corrections_lineage');
    }
  });

  test('a number names only a row that has no id of its own', async () => {
    const claire = await book.connect();
    await claire.placeOrder({ order_id: 'numbered', symbol: 'X', side: 'BUY', quantity: 1 });
    const [row] = await claire.orders({ order_id: 'numbered' });
    const error = await refusal(
      claire.correct({ what: 'order', id: row!.id, changes: { quantity: '2' }, reason: 'r' }),
    );
    expect(error.code).toBe('not_found');
    const [seed] = await book.sql<{
      id: number;
    }>(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status)
      values ('SEED', 'BUY', 1, 1, ${1705072800000}, 'OPEN') returning id`);
    await claire.correct({ what: 'trade', id: String(seed!.id), changes: { quantity: '2' }, reason: 'r' });
    expect(await claire.trades({ symbol: 'SEED' })).toMatchObject([{ quantity: '2' }]);
  });

  test('the permit of a correction does not outlive it', async () => {
    await openTrade('permit');
    const error = refusal(
      book.database.transaction(async (t) => {
        await t.query('set local search_path to main');
        await t.query(
          `select correct_record('trades', (select id from trades where trade_id = 'permit'), '{"quantity": 3}', 'r')`,
        );
        await t.query(`update trades set quantity = 9 where trade_id = 'permit'`);
      }),
    );
    expect((await error).law).toBe('trades_entry_is_fixed');
  });

  test('a correction that breaks a law is refused and leaves nothing', async () => {
    const claire = await book.connect();
    await openTrade('lawful');
    expect(
      (
        await refusal(
          claire.correct({ what: 'trade', id: 'lawful', changes: { quantity: '-1' }, reason: 'broken' }),
        )
      ).law,
    ).toBe('trades_quantity_check');
    expect(await book.sql(`select * from corrections where reason = 'broken'`)).toEqual([]);
    expect(await book.sql(`select * from permits where reason = 'broken'`)).toEqual([]);
  });

  test('a correction cannot make the trades of an order larger than the order', async () => {
    const claire = await book.connect();
    await claire.placeOrder({ order_id: 'size', symbol: 'X', side: 'BUY', quantity: 2 });
    const trade = {
      symbol: 'X',
      side: 'BUY' as const,
      order_id: 'size',
      quantity: 1,
      entry_price: 1,
      entry_timestamp: AT,
    };
    await claire.openTrades([
      { ...trade, trade_id: 'size-1' },
      { ...trade, trade_id: 'size-2' },
    ]);
    const larger = claire.correct({ what: 'trade', id: 'size-1', changes: { quantity: '1.5' }, reason: 'r' });
    expect((await refusal(larger)).law).toBe('corrections_lineage');
    const smaller = claire.correct({ what: 'order', id: 'size', changes: { quantity: '1' }, reason: 'r' });
    expect((await refusal(smaller)).law).toBe('corrections_lineage');
    await claire.correct({ what: 'order', id: 'size', changes: { quantity: '3' }, reason: 'r' });
  });
});
