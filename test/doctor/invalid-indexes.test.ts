import { expect, test } from 'vitest';
import { useBook } from '../harness/book.js';
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
