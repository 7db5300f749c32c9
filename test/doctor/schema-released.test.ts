import { expect, test } from 'vitest';
import { LATEST_VERSION, migrate } from '../../src/schema/index.js';
import { useBook } from '../harness/book.js';
import { oldRows } from '../harness/old-rows.js';
import { ask, mend } from './ground.js';

const book = useBook();
const { insertOld } = oldRows(book);

test('a book as it was made is what its version says, and looking leaves nothing behind', async () => {
  expect(await ask(book, 'schema_released')).toMatchObject({
    result: 'ok',
    sentence: `The schema of book main is what ${LATEST_VERSION} says.`,
  });
  expect(await book.sql(`select nspname from pg_namespace where nspname ilike 'claire_scratch%'`)).toEqual(
    [],
  );
});

test.each([
  ['an index that was dropped', 'drop index idx_orders_signal_id', 'idx_orders_signal_id', 'missing'],
  [
    'a function that was changed',
    `create or replace function calculate_pnl() returns trigger language plpgsql
     as $$ begin new.pnl := 1; return new; end $$`,
    'calculate_pnl()',
    'different',
  ],
  ['a law', 'alter table trades drop constraint trades_side_check', 'trades.trades_side_check', 'missing'],
  [
    'a trigger that is disabled',
    'alter table orders disable trigger z_guard_order_update',
    'orders.z_guard_order_update',
    'different',
  ],
])('%s is found by its name, and made again', async (_, damage, object, state) => {
  await book.sql(damage);
  const found = await ask(book, 'schema_released');
  expect(found.result).toBe('fail');
  expect(found.evidence).toContainEqual(expect.objectContaining({ object, state }));
  await mend(book, found);
  expect((await ask(book, 'schema_released')).sentence).toMatch(/^The schema of book main is what/);
});

test.each([
  [
    'what rows stand in',
    'alter table signals alter column created_at set default now()',
    [{ object: 'signals.created_at', kind: 'column', table: 'signals', state: 'different' }],
  ],
  ['what must be granted again', 'drop view exposure', [{ object: 'exposure', state: 'missing' }]],
  [
    'what may change rows before our laws see them',
    'create rule mine as on insert to candles do instead nothing',
    [{ object: 'candles.mine', kind: 'rule', state: 'extra' }],
  ],
])('%s is not mended without a person', async (_, damage, evidence) => {
  const name = await book.bookAt();
  await book.sql(damage, name);
  expect(await ask(book, 'schema_released', { book: name })).toMatchObject({
    result: 'fail',
    evidence,
    remedy: { decide: expect.stringContaining(`\`claire schema diff --book ${name}\``) },
  });
});

test('what somebody added is his own', async () => {
  await book.sql('create table mine (a int); create index mine_side on signals (side)');
  expect((await ask(book, 'schema_released')).result).toBe('ok');
});

test('a law that old rows break is found, and holds for them after a migration', async () => {
  expect((await ask(book, 'not_valid_constraints')).result).toBe('ok');
  await insertOld('signals', ['signals_side_check'], { side: `'buy'` });
  const found = await ask(book, 'not_valid_constraints');
  expect(found).toMatchObject({
    result: 'warn',
    evidence: [{ table: 'signals', constraint: 'signals_side_check' }],
    remedy: { command: 'claire migrate' },
  });
  expect(await migrate(book.database, 'main')).toMatchObject({ broken: [] });
  expect((await ask(book, 'not_valid_constraints')).result).toBe('ok');
});

test("a constraint of somebody else's is validated by its remedy", async () => {
  await book.sql('alter table orders add constraint mine check (price < 1000000) not valid');
  const found = await ask(book, 'not_valid_constraints');
  expect(found).toMatchObject({ result: 'warn', evidence: [{ table: 'orders', constraint: 'mine' }] });
  await mend(book, found);
  expect((await ask(book, 'not_valid_constraints')).result).toBe('ok');
});
