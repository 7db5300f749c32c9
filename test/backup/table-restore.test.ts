import { expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { counts, lawsOf, NOTHING, rowsOf, usePairs } from './table-ground.js';

const pairs = usePairs();

/** The bar: a thousand rows are gone, ten are others, five were added, all of it behind the guards' back. */
const crimes = (id: string, recorded: string) => `
  delete from trades where id <= 1000;
  update trades set quantity = quantity + 1 where id between 1001 and 1005;
  update trades set exit_price = 1, pnl = 5 where id in (1006, 1007, 1009, 1010, 1012);
  insert into trades (id, trade_id, symbol, side, quantity, entry_price, entry_timestamp, status, created_at)
  select ${id}, 'added' || n, 'SYM1', 'BUY', 1, 100, now_ms() - 86400000, 'OPEN', ${recorded}
  from generate_series(1, 5) as n`;
const NOW = `timezone('UTC', now())`;

test('a diff tells what is missing, different and extra, and changes nothing', async () => {
  const pair = await pairs();
  expect(await counts(pair, 'trades')).toEqual(NOTHING);
  await pair.crime(crimes('n', `${NOW} - interval '1 day'`));
  const before = await rowsOf(pair.live, 'trades');
  const diff = await pair.diff('trades');
  expect(diff).toMatchObject({
    rows: { backup: 1200, live: 205 },
    missing: { rows: 1000 },
    different: { rows: 10 },
    extra: { rows: 5 },
    since: { recorded: 0, changed: 0, quarantined: 0, expired: 0 },
  });
  expect(diff.missing.examples.map(({ trade_id }) => trade_id)).toEqual(['t1', 't2', 't3', 't4', 't5']);
  expect(diff.different.examples[0]).toMatchObject({
    row: { trade_id: 't1001' },
    columns: [{ column: 'quantity', backup: '2', live: '3' }],
  });
  expect(diff.extra.examples.map(({ trade_id }) => trade_id).sort()).toEqual(
    [1, 2, 3, 4, 5].map((n) => `added${n}`),
  );
  expect(await rowsOf(pair.live, 'trades')).toEqual(before);
});

test('after missing rows came back the table works, and after different ones it is as it was', async () => {
  const pair = await pairs();
  await pair.crime(crimes('5000 + n', NOW));
  await pair.sql(`select setval('trades_id_seq', 100)`);
  const laws = await lawsOf(pair, 'trades');
  const applied = await pair.apply('trades', 'missing');
  expect(applied).toMatchObject({ rows: 1000, corrections: 1000 });
  // By a later number than all of the backup they are taken for new ones.
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, different: 10, recorded: 5 });
  expect(await lawsOf(pair, 'trades')).toEqual(laws);
  expect(await pair.broken()).toEqual(['closed_trades_have_their_profit', 'trades_fit_their_orders']);

  const claire = await pair.claire();
  await pair.sql(`select setval('trades_id_seq', 5005)`);
  const trade = { trade_id: 'new', symbol: 'SYM1', side: 'BUY', quantity: '2', entry_price: '10' } as const;
  await claire.openTrade({ ...trade, entry_timestamp: Date.now() - 5000 });
  await claire.closeTrade({ trade_id: 'new', exit_price: '11.5', exit_timestamp: Date.now() });
  expect((await claire.trades({ trade_id: 'new' }))[0]).toMatchObject({ pnl: '3' });
  expect(
    (await refusal(claire.openTrade({ ...trade, trade_id: 't7', entry_timestamp: 1 }))).code,
  ).toBeDefined();

  expect(await pair.apply('trades', 'different')).toMatchObject({ rows: 10, corrections: 15 });
  expect(await counts(pair, 'trades')).toEqual({ ...NOTHING, recorded: 6 });
  expect(await pair.broken()).toEqual([]);
  const told = await claire.corrections({ table: 'trades', row: '1006' });
  expect(told.map(({ column_name, reason }) => [column_name, reason])).toContainEqual([
    'exit_price',
    'restored from backup main_logical_20261123T030000Z',
  ]);
  expect((await claire.corrections({ table: 'trades', row: '7' }))[0]).toMatchObject({
    column_name: 'row',
    before: null,
    after: expect.stringContaining('"trade_id": "t7"'),
  });
});
