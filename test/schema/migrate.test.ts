import { describe, expect, test } from 'vitest';
import {
  createBook,
  dropBook,
  LATEST_VERSION,
  listBooks,
  migrate,
  readMigrations,
  recognise,
  VERSIONS,
} from '../../src/schema/index.js';
import { splitStatements } from '../../src/schema/steps.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
let made = 0;
const fresh = () => `m${++made}`;

describe('migrations', () => {
  test('each version is reached from each one before it, and once is enough', async () => {
    const name = fresh();
    for (const to of [...VERSIONS, LATEST_VERSION]) {
      expect((await migrate(book.database, name, { to })).version).toBe(to);
    }
    expect((await recognise(book.database, name)).applied).toHaveLength((await readMigrations()).length);
  });

  test('the rows of a 1.0 book are there at the newest version, and positions know its open trades', async () => {
    const name = fresh();
    await migrate(book.database, name, { to: '1.0' });
    await book.sql(
      `insert into orders (order_id, symbol, side, quantity, status) values ('o', 'X', 'BUY', 1, 'FILLED')`,
      name,
    );
    await book.sql(
      `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
       values ('o', 'X', 'BUY', 2, 50, 1705072800000, 'OPEN')`,
      name,
    );
    await migrate(book.database, name);
    expect(
      await book.sql(`select symbol, side, total_quantity, total_value_usd, num_trades from positions`, name),
    ).toEqual([{ symbol: 'X', side: 'BUY', total_quantity: '2', total_value_usd: '100', num_trades: 1 }]);
  });

  test("the seed's own rows come along: seconds become milliseconds, profit is computed anew, each change is recorded", async () => {
    const name = fresh();
    await migrate(book.database, name, { to: '1.1' });
    await book.sql(
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
      values ('s', 'X', 'BUY', 1, 0.5, 1705072800, null)`,
      name,
    );
    await book.sql(
      `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', 1705072800)`,
      name,
    );
    await book.sql(
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status, commission)
      values ('X', 'BUY', 1, 100, 1705072800, 110, 1705159200000, 'CLOSED', 1),
             ('X', 'BUY', 0.00000001, 3, 1705072800000, 3.3, 1705159200000, 'CLOSED', null),
             ('X', 'BUY', 1, 100, 1705072800, null, null, 'OPEN', 0)`,
      name,
    );
    await book.sql(`alter table trades disable trigger all`, name);
    await book.sql(`update trades set pnl = 999 where quantity = 1 and status = 'CLOSED'`, name);
    await book.sql(`alter table trades enable trigger all`, name);
    await migrate(book.database, name);
    expect(
      await book.sql(`select entry_timestamp, pnl, pnl_pct, pnl_net from trades order by id`, name),
    ).toEqual([
      { entry_timestamp: 1705072800000, pnl: '10', pnl_pct: '10', pnl_net: '9' },
      { entry_timestamp: 1705072800000, pnl: '0', pnl_pct: '10', pnl_net: null },
      { entry_timestamp: 1705072800000, pnl: null, pnl_pct: null, pnl_net: null },
    ]);
    const recorded = await book.sql(
      `select table_name, row_id, column_name, before, after from corrections
       where column_name <> 'created_at' order by table_name, row_id, column_name`,
      name,
    );
    const seconds = { column_name: 'timestamp', before: 1705072800, after: 1705072800000, row_id: 1 };
    const entry = {
      table_name: 'trades',
      column_name: 'entry_timestamp',
      before: 1705072800,
      after: 1705072800000,
    };
    expect(recorded).toEqual([
      { table_name: 'risk_events', ...seconds },
      { table_name: 'signals', ...seconds },
      { ...entry, row_id: 1 },
      { table_name: 'trades', row_id: 1, column_name: 'pnl', before: 999, after: 10 },
      { table_name: 'trades', row_id: 2, column_name: 'pnl_pct', before: 0, after: 10 },
      { ...entry, row_id: 3 },
    ]);
    const claire = await book.connect({ book: name });
    expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  });

  test('twenty migrators at once: all succeed, each file is applied once', async () => {
    const name = fresh();
    const states = await Promise.all(Array.from({ length: 20 }, () => migrate(book.database, name)));
    expect(new Set(states.map(({ version }) => version))).toEqual(new Set([LATEST_VERSION]));
    expect(
      await book.sql('select count(*) as n, count(distinct number) as files from schema_migrations', name),
    ).toEqual([{ n: (await readMigrations()).length, files: (await readMigrations()).length }]);
  });

  test('backward, edited and newer are refused with both sides named', async () => {
    const name = fresh();
    await migrate(book.database, name);
    expect(await refusal(migrate(book.database, name, { to: '1.1' }))).toMatchObject({
      code: 'migration_backward',
    });
    await book.sql(`update schema_migrations set hash = 'other' where number = 3`, name);
    const edited = await refusal(migrate(book.database, name));
    expect(edited).toMatchObject({
      code: 'migration_edited',
      message: expect.stringMatching(/0003_indexes \(other\)/),
    });
    await book.sql(
      `insert into schema_migrations (number, name, version, hash, duration_ms) values (99, 'later', '9.9', 'x', 0)`,
      name,
    );
    const newer = await refusal(migrate(book.database, name));
    expect(newer.code).toBe('schema_newer');
    expect(newer.message).toContain(`at 9.9, this program knows up to ${LATEST_VERSION}`);
    expect((await refusal(book.connect({ book: name }))).code).toBe('schema_newer');
  });

  test('foreign tables in the way are named and left alone', async () => {
    const name = fresh();
    await book.database.query(`create schema ${name}`);
    await book.sql(`create table corrections (mine text)`, name);
    await book.sql(`create table schema_migrations (version text)`, name);
    await book.sql(`create function has_permit(text, text) returns int language sql as 'select 1'`, name);
    const error = await refusal(migrate(book.database, name));
    expect(error).toMatchObject({
      code: 'schema_unrecognised',
      message: expect.stringMatching(/corrections, schema_migrations, has_permit\(text, text\)/),
    });
    expect((await refusal(dropBook(book.database, name))).code).toBe('book_missing');
    expect(await book.sql('select * from corrections', name)).toEqual([]);
    expect((await listBooks(book.database)).map((state) => state.book)).not.toContain(name);
  });

  test('an index of another table under a name of 1.3 is named before the first step', async () => {
    const name = fresh();
    await migrate(book.database, name, { to: '1.2' });
    await book.sql(`create index idx_trades_exit_timestamp on orders (symbol)`, name);
    expect((await refusal(migrate(book.database, name))).message).toContain(
      `In schema ${name}: index idx_trades_exit_timestamp`,
    );
    expect((await recognise(book.database, name)).version).toBe('1.2');
  });

  test('a table of the user under a name of 1.2 is named before the first step', async () => {
    const name = fresh();
    await migrate(book.database, name, { to: '1.1' });
    await book.sql(`create table candles (in_the_way text)`, name);
    expect((await refusal(migrate(book.database, name))).message).toMatch(
      /In schema m\d+: relation candles\./,
    );
    expect(await recognise(book.database, name)).toMatchObject({ version: '1.1', unfinished: false });
  });

  test('an interrupted migration leaves the book between versions, which nobody works on, and goes on', async () => {
    const name = fresh();
    await migrate(book.database, name, { to: '1.1' });
    const cut = migrate(book.database, name, {
      onFile: ({ number }) => {
        if (number === 12) throw new Error('cut');
      },
    });
    await expect(cut).rejects.toThrow('cut');
    expect((await recognise(book.database, name)).applied.at(-1)?.name).toBe('0011_old_rows');
    expect(await recognise(book.database, name)).toMatchObject({ version: '1.1', unfinished: true });
    expect((await refusal(book.connect({ book: name }))).message).toMatch(/not brought to its end/);
    expect((await refusal(migrate(book.database, name, { to: '1.1' }))).code).toBe('migration_backward');
    expect((await refusal(dropBook(book.database, name))).code).toBe('book_not_dropped');
    expect((await migrate(book.database, name)).version).toBe(LATEST_VERSION);
  });

  test('a gap in the history is refused, with what is missing named', async () => {
    const name = fresh();
    await migrate(book.database, name);
    await book.sql(`delete from schema_migrations where number = 3`, name);
    expect(await refusal(migrate(book.database, name))).toMatchObject({
      code: 'migration_gap',
      message: expect.stringMatching(/0004_profit_and_positions.*0003_indexes/),
    });
  });

  test('connecting to a book that is older, or not there, says what to do', async () => {
    const old = await book.bookAt('1.1');
    expect(await refusal(book.connect({ book: old }))).toMatchObject({ code: 'schema_outdated' });
    expect(await refusal(book.connect({ book: 'nowhere' }))).toMatchObject({ code: 'book_missing' });
  });

  test('statements are cut where they end, and only there', () => {
    expect(
      splitStatements(`select ';'; -- a; b\ncreate function f() as $$ begin; end; $$; select $x$ ;$x$`),
    ).toEqual([`select ';'`, 'create function f() as $$ begin; end; $$', 'select $x$ ;$x$']);
  });
});

describe('books', () => {
  test('two books in one database never see each other, also under the same ids', async () => {
    const names = [fresh(), fresh()] as const;
    for (const name of names) await createBook(book.database, name);
    const [a, b] = await Promise.all(names.map((name) => book.connect({ book: name })));
    const trade = {
      trade_id: 't',
      symbol: 'X',
      side: 'BUY' as const,
      entry_price: 1,
      entry_timestamp: 1705072800000,
    };
    await a!.openTrade({ ...trade, quantity: 1 });
    expect(await b!.trades()).toEqual([]);
    expect(await b!.openTrade({ ...trade, quantity: 5 })).toMatchObject({ outcome: 'recorded' });
    await b!.closeTrade({ trade_id: 't', exit_price: 2, exit_timestamp: 1705072800001 });
    expect(await a!.positions()).toMatchObject([{ total_quantity: '1' }]);
    expect(await b!.positions()).toEqual([]);
  });

  test('a function of one book works on its own book, whatever the search path of its caller', async () => {
    const [one, two] = [fresh(), fresh()];
    for (const name of [one, two]) await createBook(book.database, name);
    await book.sql(
      `insert into ${two}.trades (symbol, side, quantity, entry_price, entry_timestamp, status)
       values ('X', 'BUY', 1, 1, 1705072800000, 'OPEN')`,
      one,
    );
    expect(await book.sql('select * from positions', one)).toEqual([]);
    expect(await book.sql('select * from positions', two)).toHaveLength(1);
  });

  test('dropping a book leaves nothing of it, and nothing of others is touched', async () => {
    const name = fresh();
    await createBook(book.database, name);
    expect(await dropBook(book.database, name)).toEqual({ schema: true });
    expect((await recognise(book.database, name)).exists).toBe(false);
    await createBook(book.database, name);
    await book.sql(`create table of_the_user (x text)`, name);
    await book.sql(`create function has_permit(int) returns int language sql as 'select 1'`, name);
    expect(await dropBook(book.database, name)).toEqual({ schema: false });
    expect(
      await book.sql(
        `select relname from pg_class where relnamespace = current_schema()::regnamespace`,
        name,
      ),
    ).toEqual([{ relname: 'of_the_user' }]);
    expect(
      await book.sql(`select proname from pg_proc where pronamespace = current_schema()::regnamespace`, name),
    ).toEqual([{ proname: 'has_permit' }]);
    expect((await listBooks(book.database)).map((state) => state.book)).not.toContain(name);
  });

  test.each(['1.0', '1.1'] as const)('a book at %s is dropped whole', async (version) => {
    expect(await dropBook(book.database, await book.bookAt(version))).toEqual({ schema: true });
  });

  test('a book that something else depends on is not dropped, and it is named', async () => {
    const name = fresh();
    await createBook(book.database, name);
    await book.database.query(`create view report_${name} as select * from ${name}.trades`);
    const error = await refusal(dropBook(book.database, name));
    expect(error).toMatchObject({
      code: 'book_not_dropped',
      message: expect.stringMatching(`report_${name}`),
    });
    expect((await recognise(book.database, name)).version).toBe(LATEST_VERSION);
  });

  test.each(['Main', 'a-b', 'pg_x', 'x'.repeat(49), '', 'claire', '1a', 'a"b'])(
    '%j cannot be a book',
    async (name) => {
      expect((await refusal(createBook(book.database, name))).code).toBe('book_name_invalid');
    },
  );

  test('a book that exists is not made again', async () => {
    expect((await refusal(createBook(book.database, 'main'))).code).toBe('book_exists');
  });

  test('a table of the user in public and in the database is left alone by migration and drop', async () => {
    await book.database.query(`create table public.mine (x text)`);
    await book.database.query(`insert into public.mine values ('kept')`);
    await migrate(book.database, 'public');
    await dropBook(book.database, 'public');
    expect(await book.database.query(`select x from public.mine`)).toEqual([{ x: 'kept' }]);
  });
});
