import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import { useBook } from '../harness/book.js';
import { ask, mend } from './ground.js';
import { paste } from './paste.js';

const book = useBook();
const look = () => ask(book, 'statement_plans');

const role = `test_${randomBytes(6).toString('hex')}`;
afterAll(() => book.sql(`drop owned by ${role}; drop role ${role}`).catch(() => {}));

test('a book as released finds every row by an index, empty as it is, and nothing is written', async () => {
  expect(await look()).toMatchObject({
    result: 'ok',
    sentence: expect.stringMatching(/^\d{2} statements find what they ask for by an index\.$/),
    remedy: null,
  });
  expect(await book.sql('select from signals union all select from orders')).toEqual([]);
});

test.each([
  ['idx_orders_signal_id', 'orders by signal_id', 'orders'],
  ['idx_signals_symbol_timestamp', "the seed's last 100 signals of a symbol", 'signals'],
  ['idx_risk_events_jsonb', "the seed's risk events by what their details contain", 'risk_events'],
  ['idx_trades_order_id', 'closeTrade', 'trades'],
  ['idx_trades_exit_timestamp', 'profit by since, until', 'trades'],
  ['idx_order_history_order_id_id', 'orderHistory by order_id', 'order_history'],
])(
  'without %s the statement that needs it is named, and the remedy makes the index again',
  async (index, operation, table) => {
    await book.sql(`drop index ${index}`);
    const found = await look();
    expect(found).toMatchObject({ result: 'fail', sentence: expect.stringContaining('no index any more') });
    expect(found.evidence).toContainEqual({
      ...{ operation, table },
      statement: expect.stringMatching(new RegExp(`^[^\\n]*"main"\\.${table}`)),
    });
    await mend(book, found);
    expect((await look()).result).toBe('ok');
  },
);

test('it is found out in tables of a few rows, too', async () => {
  await book.sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
    select 's' || n, 'X', 'BUY', 1, 0.5, 1760000000000 from generate_series(1, 5) n`);
  await book.sql(`insert into orders (order_id, signal_id, symbol, side, quantity, status)
    select 'o' || n, 's' || n, 'X', 'BUY', 1, 'PENDING' from generate_series(1, 3) n`);
  await book.sql('analyze');
  expect((await look()).result).toBe('ok');
  await book.sql('drop index idx_orders_signal_id');
  const found = await look();
  expect(found.result).toBe('fail');
  await mend(book, found);
  expect((await look()).result).toBe('ok');
});

test('a key that is gone is named, and `schema diff` makes it again', async () => {
  await book.sql('alter table risk_events drop constraint risk_events_event_id_key');
  const found = await look();
  expect(found).toMatchObject({ result: 'fail', remedy: { command: 'claire schema diff' } });
  expect(found.evidence).toContainEqual(
    expect.objectContaining({ operation: 'recordRiskEvent', table: 'risk_events' }),
  );
  const { statements } = JSON.parse(await paste(book, found, '--json'));
  for (const statement of statements as string[]) {
    if (!/^(--|set )/.test(statement)) await book.sql(statement);
  }
  expect((await look()).result).toBe('ok');
});

test('a large table whose statistics mislead the planner is named, and analyze mends it', async () => {
  await book.sql(`begin; set local session_replication_role = replica;
    insert into trades (trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
    select 't' || n, 'many' || n, 'X', 'BUY', 1, 1, 1760000000000, 'OPEN' from generate_series(1, 20000) n; commit`);
  // As statistics are that were made before the rows became what they are: each value is taken for half of the table.
  await book.sql('alter table trades alter column order_id set (n_distinct = 2)');
  await book.sql('analyze trades');
  await book.sql('alter table trades alter column order_id reset (n_distinct)');
  const found = await look();
  expect(found).toMatchObject({ result: 'warn', remedy: { fix: ['analyze "main".trades'] } });
  expect(found.evidence).toContainEqual(
    expect.objectContaining({ operation: 'closeTrade', table: 'trades' }),
  );
  await mend(book, found);
  expect((await look()).result).toBe('ok');
});

test('a login that only reads is told what it may not ask', async () => {
  await book.sql(`create role ${role} login password '${role}';
    grant usage on schema main to ${role}; grant select on all tables in schema main to ${role}`);
  const url = new URL(book.url);
  url.username = role;
  url.password = role;
  const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
  try {
    expect(await ask({ database }, 'statement_plans')).toMatchObject({
      result: 'ok',
      sentence: expect.stringMatching(/ \d+ were left out: the login may not run them\.$/),
    });
  } finally {
    await database.close();
  }
});
