import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';

/** The traps of docs/traps.md that are about the types of columns. */
const book = useBook();

const signal = (values: string) =>
  `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values (${values}) returning *`;

describe('trap 16: ids and zones', () => {
  const last = `select setval('signals_id_seq', 2147483647)`;

  test('1.1: ids end at 2.1 billion', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(last, old);
    await refusal(book.sql(signal(`'big', 'X', 'BUY', 1, 0.5, 1705072800000`), old));
  });

  test('1.2: they go on, in each of the four tables', async () => {
    const id = await book.bookAt('1.2');
    await book.sql(last, id);
    expect(await book.sql(signal(`'big', 'X', 'BUY', 1, 0.5, 1705072800000`), id)).toMatchObject([
      { id: 2147483648 },
    ]);
    const sequences = await book.sql(
      `select count(*) as n from pg_sequences where schemaname = current_schema() and data_type = 'bigint'::regtype`,
      id,
    );
    expect(sequences).toEqual([{ n: 6 }]);
  });

  test('1.2: every row knows when it was recorded, also where a mapper sends NULL', async () => {
    const insert = (
      value: string,
    ) => `insert into orders (order_id, symbol, side, quantity, status, created_at, updated_at)
      values ('when-${value.length}', 'X', 'BUY', 1, 'PENDING', ${value}, ${value})
      returning created_at is not null and updated_at is not null as known`;
    expect(await book.sql(insert('null'))).toEqual([{ known: true }]);
    expect((await refusal(book.sql(insert(`'infinity'`)))).law).toBe('orders_created_at_check');
    await book.sql(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status, created_at)
      values ('NUL', 'BUY', 1, 1, 1705072800000, 'OPEN', null)`);
  });

  test("created_at: 1.1 writes the time of the session's zone, 1.2 always UTC", async () => {
    const difference = `set timezone to 'Asia/Tokyo'`;
    const measured = (id: string) =>
      `with s as (${signal(`'${id}', 'X', 'BUY', 1, 0.5, 1705072800000`)})
       select round(extract(epoch from created_at - timezone('UTC', now())) / 3600) as hours from s`;
    const old = await book.bookAt('1.1');
    const inTokyo = (name: string, id: string) =>
      book.database.session(async (session) => {
        await session.query(difference);
        await session.query(`set search_path to ${name}`);
        const rows = await session.query(measured(id));
        await session.query('reset all');
        return rows;
      });
    expect(await inTokyo(old, 'zone')).toEqual([{ hours: '9' }]);
    expect(await inTokyo('main', 'zone')).toEqual([{ hours: '0' }]);
  });
});

describe('trap 17: silent rounding', () => {
  const fine = signal(`'fine', 'X', 'BUY', 1, 0.855, 1705072800000`);

  test('1.1: a confidence of 0.855 becomes 0.86; a ninth decimal of a price is lost', async () => {
    const old = await book.bookAt('1.1');
    expect(await book.sql(fine, old)).toMatchObject([{ confidence: '0.86' }]);
    expect(await book.sql(signal(`'ninth', 'X', 'BUY', 1.000000001, 0.5, 1705072800000`), old)).toMatchObject(
      [{ price: '1' }],
    );
  });

  test('1.2: 0.855 stays, and a ninth decimal is refused by name', async () => {
    expect(await book.sql(fine)).toMatchObject([{ confidence: '0.855' }]);
    const error = await refusal(book.sql(signal(`'ninth', 'X', 'BUY', 1.000000001, 0.5, 1705072800000`)));
    expect(error).toMatchObject({ law: 'signals_price_decimals_check', code: 'too_many_decimals' });
    expect(await book.sql(signal(`'zeros', 'X', 'BUY', 1.5000000000, 0.5, 1705072800000`))).toMatchObject([
      { price: '1.5' },
    ]);
  });
});
