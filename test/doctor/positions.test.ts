import { beforeEach, expect, test } from 'vitest';
import { emptyBook, useBook } from '../harness/book.js';
import { T } from '../harness/old-rows.js';
import { ask, mend } from './ground.js';

const book = useBook();

beforeEach(async () => {
  await emptyBook(book);
});

const open = (symbol: string, quantity: string, count = 1) =>
  book.sql(`insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
    select gen_random_uuid()::text, '${symbol}', 'BUY', ${quantity}, 10, ${T}, 'OPEN' from generate_series(1, ${count})`);
/** As though nobody had refreshed for a while. */
const stop = (seconds: number) =>
  book.sql(
    `update materialized_view_refreshes set last_refresh = last_refresh - interval '${seconds} seconds'`,
  );

test('a refresher that stopped is found where somebody would read old positions', async () => {
  await open('BTC/USD', '1');
  const never = await ask(book, 'positions_realtime');
  expect(never).toMatchObject({ result: 'fail', evidence: [{ last_refresh: null, open_positions: 1 }] });
  await mend(book, never);
  expect((await ask(book, 'positions_realtime')).result).toBe('ok');

  await stop(8);
  expect(await ask(book, 'positions_realtime')).toMatchObject({
    result: 'warn',
    evidence: [{ differs_from_positions: false }],
  });
  await open('ETH/USD', '1');
  await stop(20);
  const found = await ask(book, 'positions_realtime');
  expect(found).toMatchObject({
    result: 'fail',
    evidence: [{ open_positions: 2, differs_from_positions: true }],
  });
  expect(found.sentence).toMatch(
    /2\d s ago and differs from the positions: `claire up` refreshes it every 5 s/,
  );
  await mend(book, found);
  expect((await ask(book, 'positions_realtime')).result).toBe('ok');
});

test('where nothing is open and nothing has changed an old refresh is as good as a new one', async () => {
  await book.sql('select refresh_positions_realtime()');
  await stop(3600);
  expect((await ask(book, 'positions_realtime')).result).toBe('ok');
});

test('totals that somebody changed are found by symbol, and follow from the trades again', async () => {
  await open('BTC/USD', '1.5', 3);
  await open('ETH/USD', '2');
  await book.sql('select fold_position_changes()');
  expect((await ask(book, 'positions_exact')).result).toBe('ok');
  await book.sql(`update position_totals set quantity = quantity + 0.00000001 where symbol = 'BTC/USD'`);
  await book.sql(`delete from position_totals where symbol = 'ETH/USD'`);
  const found = await ask(book, 'positions_exact');
  expect(found.result).toBe('fail');
  expect(found.evidence).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ symbol: 'BTC/USD', total_quantity: '4.50000001', trades_quantity: '4.5' }),
      expect.objectContaining({ symbol: 'ETH/USD', total_quantity: null, trades_quantity: '2' }),
    ]),
  );
  await mend(book, found);
  expect((await ask(book, 'positions_exact')).result).toBe('ok');
});

test('a total that is no number is made anew', async () => {
  await open('BTC/USD', '1.5');
  await book.sql(`select fold_position_changes(); update position_totals set notional = 'NaN'`);
  const found = await ask(book, 'positions_exact');
  expect(found).toMatchObject({ result: 'fail', evidence: [{ symbol: 'BTC/USD', total_value_usd: 'NaN' }] });
  await mend(book, found);
  expect((await ask(book, 'positions_exact')).result).toBe('ok');
});

test('changes that nobody folds are found, and folded', async () => {
  await book.sql(`insert into position_changes (symbol, side, quantity, notional, num_trades)
    select 'X', 'BUY', case when n % 2 = 0 then 1 else -1 end, 0, 0 from generate_series(1, 10002) n`);
  const found = await ask(book, 'positions_exact');
  expect(found).toMatchObject({ result: 'warn', evidence: [{ unfolded_changes: 10_002 }] });
  await mend(book, found);
  expect((await ask(book, 'positions_exact')).sentence).toMatch(/; 0 changes to be folded\.$/);
});
