import { describe, expect, test } from 'vitest';
import { differencesFrom, emptyBook, LATEST_VERSION, migrate, recognise } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { holdOpen } from '../harness/hold.js';
import { fillWithOldRows, MANY } from '../harness/old-data.js';
import { useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf, withLogin } = useSchemas(book);

const T = 1705072800000;

const begun = (name: string, ...statements: string[]) =>
  holdOpen(book.database, [`set local search_path to ${name}`, ...statements]);

describe('what clients write while old rows are mended or put aside', () => {
  test('a close that commits in the midst of a batch is not undone', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, 100);
    await book.sql(`update trades set side = lower(side), pnl = null, pnl_pct = null`, name);
    let commit: Promise<void> | undefined;
    await migrate(book.database, name, {
      // After the last step before the mends of trades a client closes one, and commits while the batch waits for it.
      afterStep: async ({ statements }) => {
        if (commit || !statements.some((sql) => sql.startsWith("select mend_rows('orders'"))) return;
        const end = await begun(
          name,
          `update trades set status = 'CLOSED', exit_price = 110, exit_timestamp = ${T + 99}, commission = 2 where id = 10`,
        );
        commit = new Promise((done) => setTimeout(() => end().then(done), 60));
      },
    });
    await commit;
    expect(
      await book.sql('select side, status, exit_price, commission from trades where id = 10', name),
    ).toEqual([{ side: 'BUY', status: 'CLOSED', exit_price: '110', commission: '2' }]);
    const undone = `select before, after from corrections where table_name = 'trades' and row_id = 10
      and column_name in ('status', 'exit_price', 'exit_timestamp', 'commission')`;
    expect(await book.sql(undone, name)).toEqual([]);
  });

  test('a row that is being corrected is not put aside', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await book.sql(
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('s', 'X', 'BUY', -1, 1, ${T})`,
      name,
    );
    await migrate(book.database, name);
    const end = await begun(name, `select correct_record('signals', 1, '{"price": "100"}', 'looked up')`);
    const migrated = await migrate(book.database, name, { quarantine: true, onNotice: () => void end() });
    await end();
    expect(migrated).toMatchObject({ quarantined: 0, broken: [], validated: ['signals_price_check'] });
    expect(await book.sql('select price from signals', name)).toEqual([{ price: '100' }]);
  });

  test('a commission that is set on a closed trade changes no profit unseen', async () => {
    const name = await schemaOf(...byHand('1.1'));
    await book.sql(
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
       values ('X', 'BUY', 1, 100, ${T}, 110, ${T + 1}, 'CLOSED')`,
      name,
    );
    await book.sql('alter table trades disable trigger all', name);
    await book.sql('update trades set pnl = -10, pnl_pct = -10', name);
    await book.sql('alter table trades enable trigger all', name);
    await migrate(book.database, name, {
      onFile: ({ number }) =>
        number === 8 ? void book.sql('update trades set commission = 3', name) : undefined,
    });
    expect(await book.sql('select pnl, pnl_net from trades', name)).toEqual([{ pnl: '10', pnl_net: '7' }]);
    expect(await book.sql(`select before, after from corrections where column_name = 'pnl'`, name)).toEqual([
      { before: -10, after: 10 },
    ]);
  });
});

describe('what an old database may hold besides', () => {
  test('ids that are few and far between, negative, or at the end of int', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name);
    await book.sql('update risk_events set id = -5 where id = 1', name);
    await book.sql('update signals set id = 2147483647 where id = 12000', name);
    await migrate(book.database, name);
    expect(await book.sql('select max(id) as last, count(*) as n from signals', name)).toEqual([
      { last: 2147483647, n: MANY },
    ]);
    expect(await book.sql('select min(id) as first from risk_events', name)).toEqual([{ first: -5 }]);
  });

  test('many rows under one broken law go through, and the law stays at the door', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name);
    await book.sql(`update signals set side = 'HOLD'`, name);
    const { broken } = await migrate(book.database, name);
    expect(broken).toMatchObject([{ law: 'signals_side_check', rows: MANY }]);
    const hold = `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('h', 'X', 'HOLD', 1, 1, ${T})`;
    expect((await refusal(book.sql(hold, name))).law).toBe('signals_side_check');
  });

  test('a replica identity by the primary key is one afterwards', async () => {
    const name = await schemaOf(
      ...byHand('1.0'),
      'alter table signals replica identity using index signals_pkey',
    );
    await fillWithOldRows(book, name);
    await migrate(book.database, name);
    expect(
      await book.sql(`select indexrelid::regclass::text as name from pg_index where indisreplident`, name),
    ).toContainEqual({ name: 'signals_pkey' });
  });

  test('an exit that another trade explains, or an entry without its order, is no exit of this one', async () => {
    const order = `insert into orders (order_id, symbol, side, quantity, price, status, created_at)
      values ('out', 'X', 'SELL', 3, 120, 'FILLED', '2024-03-01')`;
    const columns = `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)`;
    const closed = `${columns} values ('X', 'BUY', 3, 100, ${T}, 120, null, 'CLOSED')`;
    const short = `${columns} values ('X', 'SELL', 3, 120, ${Date.UTC(2024, 2, 1)}, null, null, 'OPEN')`;
    const used = `${columns} values ('X', 'BUY', 3, 90, ${T}, 120, ${Date.UTC(2024, 2, 1)}, 'CLOSED')`;
    for (const other of [short, used]) {
      const name = await schemaOf(...byHand('1.0'), order, closed, other);
      expect((await migrate(book.database, name)).broken).toMatchObject([
        { law: 'trades_closed_check', rows: 1 },
      ]);
    }
  });

  test('times of recording that are infinite count as unknown, and a blank id can be given', async () => {
    const name = await schemaOf(
      ...byHand('1.0'),
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
       values (' ', 'X', 'BUY', 1, 1, ${T}, 'infinity')`,
    );
    expect((await migrate(book.database, name)).broken).toMatchObject([{ law: 'signals_signal_id_check' }]);
    await book.sql(`select correct_record('signals', 1, '{"signal_id": "found"}', 'from the log')`, name);
    expect((await migrate(book.database, name)).broken).toEqual([]);
    expect(await book.sql('select signal_id, isfinite(created_at) as finite from signals', name)).toEqual([
      { signal_id: 'found', finite: true },
    ]);
  });

  test.each([
    [
      'an index on an expression over a column whose type changes',
      'create index mine on trades (round(entry_price, 2))',
      /index .*mine \(trades\.entry_price\)/,
    ],
    ['a type under one of our names', `create type permits as enum ('a')`, /type permits/],
    [
      'an index under one of our names',
      'create index idx_quarantine_table_name_row_id on orders (symbol)',
      /index idx_quarantine_table_name_row_id/,
    ],
  ])('%s is named before the first step', async (_, statement, message) => {
    const name = await schemaOf(...byHand('1.1'), statement);
    expect((await refusal(migrate(book.database, name))).message).toMatch(message);
    expect((await recognise(book.database, name)).applied).toEqual([]);
  });

  test.each([
    'create view exposure as select symbol from trades',
    `create function trimmed(text) returns text language sql as $$ select 'mine' $$`,
  ])('in a book with a history too: %s', async (statement) => {
    const name = await book.bookAt('1.1');
    await book.sql(statement, name);
    expect((await refusal(migrate(book.database, name))).code).toBe('schema_unrecognised');
  });

  test('a trigger of the user that refuses is named with what to do', async () => {
    const name = await schemaOf(
      ...byHand('1.0'),
      `create function audit() returns trigger language plpgsql as $$ begin raise exception 'nobody touches trades'; end $$`,
      'create trigger audit before update on trades for each row execute function audit()',
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values ('X', 'buy', 1, 100, ${T}, 'OPEN')`,
    );
    const refused = await refusal(migrate(book.database, name));
    expect(refused).toMatchObject({
      code: 'migration_step_failed',
      message: expect.stringMatching(/nobody touches trades/),
    });
    await book.sql('drop trigger audit on trades', name);
    expect((await migrate(book.database, name)).version).toBe(LATEST_VERSION);
  });

  test('settings of a role that would end a long step, or change what is read, do not', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.0'));
      await fillWithOldRows(book, name, 50);
      for (const setting of [
        'statement_timeout to 20',
        'idle_session_timeout to 50',
        'default_transaction_read_only to on',
        'quote_all_identifiers to on',
        'default_transaction_isolation to serializable',
      ]) {
        await book.database.query(`alter role ${login} set ${setting}`);
      }
      await book.database.query(`alter schema ${name} owner to ${login}`);
      for (const table of ['signals', 'orders', 'trades', 'risk_events']) {
        await book.database.query(`alter table ${name}.${table} owner to ${login}`);
      }
      expect((await migrate(database, name)).version).toBe(LATEST_VERSION);
    });
  });

  test('row security that hides rows from the login is named before the first step', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.0'));
      await book.database.query(`alter schema ${name} owner to ${login}`);
      for (const table of ['signals', 'orders', 'trades', 'risk_events']) {
        await book.database.query(`alter table ${name}.${table} owner to ${login}`);
      }
      await book.sql('alter table trades enable row level security, force row level security', name);
      expect((await refusal(migrate(database, name))).message).toMatch(/row security is forced on trades/);
    });
  });
});

describe('a fresh start', () => {
  test('drops nothing where no new book could be made in its place', async () => {
    const name = await book.bookAt('1.1');
    await book.sql('create table candles (mine text)', name);
    expect((await refusal(emptyBook(book.database, name))).code).toBe('schema_unrecognised');
    expect(await recognise(book.database, name)).toMatchObject({ version: '1.1' });
  });
});

describe('what weakens a law matters to the verification', () => {
  test.each([
    [
      'a function that is called in the place of ours',
      `create function has_permit(name, text) returns boolean language sql as 'select true'`,
    ],
    ['a rule that swallows rows', 'create rule gone as on insert to signals do instead nothing'],
    [
      'a trigger that changes rows before our laws see them',
      'create trigger mine before insert on trades for each row execute function calculate_pnl()',
    ],
  ])('%s', async (_, statement) => {
    const name = await book.bookAt();
    await book.sql(statement, name);
    const found = await differencesFrom(book.database, name, LATEST_VERSION);
    expect(found.map(({ state, matters }) => ({ state, matters }))).toEqual([
      { state: 'extra', matters: true },
    ]);
  });

  test('a tuned index does not', async () => {
    const name = await book.bookAt();
    await book.sql('alter index idx_orders_signal_id set (fillfactor = 70)', name);
    expect(
      (await differencesFrom(book.database, name, LATEST_VERSION)).filter(({ matters }) => matters),
    ).toEqual([]);
  });
});
