import { expect, test } from 'vitest';
import { duplicateIndexes } from '../../src/doctor/checks/duplicate-indexes.js';
import { unusedIndexesOver } from '../../src/doctor/checks/unused-indexes.js';
import { useBook } from '../harness/book.js';
import { waitFor } from '../harness/wait.js';
import { ask, mend } from './ground.js';

const book = useBook();

test('a foreign key whose index is gone is found, and gets it back', async () => {
  expect(await ask(book, 'foreign_keys_indexed')).toMatchObject({ result: 'ok' });
  await book.sql('drop index idx_orders_signal_id');
  const found = await ask(book, 'foreign_keys_indexed');
  expect(found).toMatchObject({
    result: 'warn',
    evidence: [{ constraint: 'orders_signal_id_fkey', table: 'orders', columns: ['signal_id'] }],
  });
  await mend(book, found);
  expect((await ask(book, 'foreign_keys_indexed')).result).toBe('ok');
  expect((await ask(book, 'schema_released')).result).toBe('ok');
});

test('an index that begins with other columns serves no foreign key; one of all of them does, in any order', async () => {
  await book.sql(`create table one (a int, b int, primary key (a, b));
    create table two (id int, x int, y int, foreign key (x, y) references one (a, b));
    create index idx_two_x_y on two (id, x, y)`);
  const found = await ask(book, 'foreign_keys_indexed');
  expect(found).toMatchObject({ result: 'warn', evidence: [{ table: 'two', columns: ['x', 'y'] }] });
  // The name that it would have is taken.
  await mend(book, found);
  expect((await ask(book, 'foreign_keys_indexed')).result).toBe('ok');
  await book.sql('drop index two_x_y_idx; create index two_y_x on two (y, x, id)');
  expect((await ask(book, 'foreign_keys_indexed')).result).toBe('ok');
  await book.sql('drop table two, one');
});

const unused = unusedIndexesOver({ index_bytes: 1000, days: 0 });

test('without a week of counting no index is called unused', async () => {
  const found = await ask(book, 'unused_indexes');
  expect(found).toMatchObject({ result: 'skipped', remedy: null });
  expect(found.sentence).toMatch(/counted what is read for 0\.0 days only; it takes 7 days/);
});

test('an index that nobody reads is found; one that was read, a unique one and ours are not', async () => {
  await book.sql('create table notes (a int, b int, c int)');
  await book.sql('insert into notes select n, n, n from generate_series(1, 1000) n');
  await book.sql(`create index notes_a on notes (a); create index notes_b on notes (b);
    create unique index notes_c on notes (c)`);
  await book.sql(
    'set enable_seqscan to off; select from notes where b = 1; reset enable_seqscan; select pg_stat_force_next_flush()',
  );
  await waitFor(async () => {
    const found = await ask(book, unused);
    expect(found).toMatchObject({ result: 'warn', remedy: { decide: expect.any(String) } });
    expect(found.evidence.map(({ index, table }) => [index, table])).toEqual([['notes_a', 'notes']]);
  });
  await book.sql('drop table notes');
  const healthy = await ask(book, unused);
  expect(healthy.result).toBe('ok');
  expect(healthy.sentence).toMatch(/indexes of Claire's serve reads that nobody asked yet/);
});

test('an index that is another one again is found and dropped; the one that must stay stays', async () => {
  expect((await ask(book, 'duplicate_indexes')).result).toBe('ok');
  await book.sql(`create index mine_again on orders (signal_id); create index mine_unique on orders (order_id);
    create unique index mine_law on trades (order_id) where false;
    create index mine_desc on orders (signal_id desc); create index mine_part on orders (signal_id) where price > 1`);
  const found = await ask(book, 'duplicate_indexes');
  expect(found).toMatchObject({
    result: 'warn',
    evidence: [
      { index: 'mine_again', table: 'orders', covered_by: 'idx_orders_signal_id', exact: true },
      { index: 'mine_unique', table: 'orders', covered_by: 'orders_order_id_key', exact: true },
    ],
  });
  await mend(book, found);
  expect((await ask(book, 'duplicate_indexes')).result).toBe('ok');
  await book.sql('drop index mine_law, mine_desc, mine_part');
});

test('of equal ones one is left, also where a constraint came later', async () => {
  await book.sql(`create table pairs (a int); create index pairs_1 on pairs (a); create index pairs_2 on pairs (a);
    create unique index pairs_3 on pairs (a)`);
  const found = await ask(book, duplicateIndexes);
  expect(found.evidence.map(({ index }) => index)).toEqual(['pairs_1', 'pairs_2']);
  await mend(book, found);
  expect((await ask(book, 'duplicate_indexes')).result).toBe('ok');
  await book.sql('drop table pairs');
});

test('whether the beginning of a longer index is worth its writes is for a person', async () => {
  await book.sql('create index mine_short on orders (symbol)');
  expect(await ask(book, 'duplicate_indexes')).toMatchObject({
    result: 'warn',
    evidence: [{ index: 'mine_short', covered_by: 'idx_orders_symbol_created_at_id', exact: false }],
    remedy: { decide: expect.any(String) },
  });
  await book.sql('drop index mine_short');
});
