import { expect, test } from 'vitest';
import { useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { waitFor } from '../harness/wait.js';
import { ask, mend } from './ground.js';

const book = useBook();

test('an index that CREATE INDEX CONCURRENTLY left INVALID is found, and built again by its remedy', async () => {
  expect(await ask(book, 'invalid_indexes')).toMatchObject({ result: 'ok', remedy: null });
  await book.sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
    select 's' || n, 'X', 'BUY', 1, 0.5, 1760000000000 from generate_series(1, 2) n`);
  await expect(book.sql('create unique index concurrently twice on signals (symbol)')).rejects.toThrow();
  const found = await ask(book, 'invalid_indexes');
  expect(found).toMatchObject({ result: 'fail', evidence: [{ index: 'twice', table: 'signals' }] });
  await book.sql(
    "begin; set local session_replication_role = replica; delete from signals where signal_id = 's2'; commit",
  );
  await mend(book, found);
  expect((await ask(book, 'invalid_indexes')).result).toBe('ok');
});

const indexesOf = async (table: string) =>
  (
    await book.sql<{ name: string }>(
      `select indexrelid::regclass::text as name from pg_index where indrelid = '${table}'::regclass order by 1`,
    )
  ).map(({ name }) => name);

test('what REINDEX CONCURRENTLY left is dropped, and the index that it was to replace stays', async () => {
  const before = await indexesOf('orders');
  const release = await holdOpen(book.database, ['lock table main.orders in row exclusive mode']);
  const rebuilding = book.database.session(async (session) => {
    await session.query(`set lock_timeout to '50ms'`);
    await session.query('reindex index concurrently main.orders_order_id_key');
  });
  await expect(rebuilding).rejects.toThrow();
  await release();
  const found = await ask(book, 'invalid_indexes');
  expect(found).toMatchObject({
    result: 'fail',
    evidence: [{ index: 'orders_order_id_key_ccnew', table: 'orders' }],
    remedy: { fix: ['drop index concurrently "main"."orders_order_id_key_ccnew"'] },
  });
  await mend(book, found);
  expect((await ask(book, 'invalid_indexes')).result).toBe('ok');
  expect(await indexesOf('orders')).toEqual(before);
});

test('an index that is being built is not told of', async () => {
  const release = await holdOpen(book.database, ['lock table main.trades in row exclusive mode']);
  const building = book.sql('create index concurrently mine on trades (commission)');
  await waitFor(async () => expect(await indexesOf('trades')).toContain('mine'));
  expect((await ask(book, 'invalid_indexes')).result).toBe('ok');
  await release();
  await building;
  expect((await ask(book, 'invalid_indexes')).result).toBe('ok');
});
