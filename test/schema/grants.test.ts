import { beforeAll, describe, expect, inject, test } from 'vitest';
import { Database, withDatabase } from '../../src/database/index.js';
import { applyGrants, LATEST_VERSION, migrate } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';

/** What each login may and may not do in a book, as far as this version grants it. */
const book = useBook();
const LOGINS = ['signal_engine', 'risk_manager', 'execution_service', 'claire', 'claire_operator'];
const T = 1705072800000;

/** Runs SQL as a login: set role gives up the superuser's rights for these statements. */
const as = (login: string, ...statements: string[]) =>
  book.database.transaction(async (t) => {
    await t.query('set local search_path to main');
    await t.query(`set local role ${login}`);
    for (const statement of statements) await t.query(statement);
  });

const statements: Record<string, string> = {
  signal: `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values (gen_random_uuid()::text, 'X', 'BUY', 1, 1, ${T})`,
  order: `insert into orders (order_id, symbol, side, quantity, status) values (gen_random_uuid()::text, 'X', 'BUY', 1, 'PENDING')`,
  fill: `update orders set status = 'FILLED' where status = 'PENDING'`,
  trade: `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values ('X', 'BUY', 1, 1, ${T}, 'OPEN')`,
  close: `update trades set exit_price = 2, exit_timestamp = ${T}, status = 'CLOSED' where status = 'OPEN'`,
  event: `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', ${T})`,
  read: `select * from positions, exposure, signals, orders, trades, risk_events, corrections, quarantine limit 1`,
  fold: `select fold_position_changes()`,
  refresh: `refresh materialized view concurrently positions_realtime`,
  permit: `insert into permits (table_name, action, reason) values ('trades', 'delete', 'r')`,
  forge: `insert into position_totals values ('X', 'BUY', 1, 1, 1)`,
  correct: `select correct_record('trades', (select min(id) from trades), '{"quantity": 2}', 'r')`,
  remove: `delete from trades`,
  quarantine: `select quarantine_row('trades', (select min(id) from trades), '{some_law}', 'r')`,
  release: `select release_row((select min(id) from quarantine where state = 'held'), '{}', 'r')`,
  decide: `select decide('known', 1, gen_random_uuid()::text)`,
  // Over already, so that orders of others are taken.
  halt: `select halt_trading('r', ${T}, ${T + 1})`,
  resume: `select resume_trading('r', false, ${T})`,
  limit: `select set_limits('{"max_open_trades": 1000000}', 'r')`,
  fund: `select set_capital(10000, 'r')`,
  'forge a decision': `insert into decisions (order_id, symbol, side, decision, reduces, timestamp, quantity) values ('f', 'X', 'BUY', 'opening', true, ${T}, 1)`,
  'free exposure': `delete from reservation_totals`,
  'lift a halt': `update risk set halt_id = null`,
  'read risk': `select * from limits, capital, halts, risk, decisions, order_history, reservations, untraded_signals limit 1`,
  why: `select why('known')`,
  discard: `select discard_row((select min(id) from quarantine where state = 'held'), 'r')`,
};

const READS = ['read', 'read risk', 'why'];
const allowed: Record<string, string[]> = {
  signal_engine: ['signal', 'fold', ...READS],
  risk_manager: ['order', 'fill', 'event', 'fold', 'decide', 'halt', ...READS],
  execution_service: ['fill', 'trade', 'close', 'fold', ...READS],
  claire: [
    'signal',
    'order',
    'fill',
    'trade',
    'close',
    'event',
    'fold',
    'refresh',
    'decide',
    'halt',
    ...READS,
  ],
  claire_operator: [
    ...['fill', 'fold', 'correct', 'release', 'discard', 'halt', 'resume', 'limit', 'fund', ...READS],
  ],
};

beforeAll(async () => {
  const admin = new Database({
    databaseUrl: withDatabase(inject('serverUrl'), 'postgres'),
    applicationName: 'tests',
  });
  for (const login of LOGINS) {
    await admin.query(
      `do $$ begin create role ${login} login; exception when duplicate_object or unique_violation then null; end $$`,
    );
  }
  await admin.close();
  await applyGrants(book.database, 'main');
  await book.sql(statements.signal!.replace('gen_random_uuid()::text', `'known'`));
  for (const name of ['trade', 'quarantine', 'trade', 'quarantine', 'trade'])
    await book.sql(statements[name]!);
});

/** Lets a login in with a password. */
const admit = (login: string) => book.database.query(`alter role ${login} password 'only-for-this-test'`);

describe.each(LOGINS)('%s', (login) => {
  test.each(Object.keys(statements))('%s', async (name) => {
    const run = as(login, statements[name]!);
    if (allowed[login]!.includes(name)) await run;
    else expect((await refusal(run)).code).toBe('right_missing');
  });
});

test("rights on what is not Claire's are neither given nor taken", async () => {
  await book.sql(`create table keys_of_the_user (secret text)`);
  await book.sql(`create function of_the_user() returns int language sql as 'select 1'`);
  await applyGrants(book.database, 'main');
  expect((await refusal(as('signal_engine', 'select * from keys_of_the_user'))).code).toBe('right_missing');
  await as('signal_engine', 'select of_the_user()');
});

test('a login without a right to correct cannot, and the actor of a correction is the login', async () => {
  await book.database.query(
    `do $$ begin create role reader_of_others; exception when duplicate_object or unique_violation then null; end $$`,
  );
  await book.sql(`grant usage on schema main to reader_of_others`);
  await book.sql(`grant select on trades to reader_of_others`);
  expect((await refusal(as('reader_of_others', statements.correct!))).code).toBe('right_missing');
  expect((await refusal(as('reader_of_others', statements.fold!))).code).toBe('right_missing');
  expect(await book.sql(`select distinct actor = session_user as own from corrections`)).toEqual([
    { own: true },
  ]);
  await book.sql(`revoke all on trades from reader_of_others`);
  await book.sql(`revoke usage on schema main from reader_of_others`);
});

test('a login that may not make a schema may still ask for the newest version where it stands', async () => {
  await admit('claire');
  const url = new URL(book.url);
  url.username = 'claire';
  url.password = 'only-for-this-test';
  const claire = new Database({ databaseUrl: url.href, applicationName: 'tests' });
  expect((await migrate(claire, 'main')).version).toBe(LATEST_VERSION);
  expect((await refusal(migrate(claire, 'another'))).code).toBe('right_missing');
  await claire.close();
});

test('granting again changes nothing', async () => {
  const rights = () =>
    book.sql(
      `select relname, relacl::text, relowner from pg_class where relnamespace = 'main'::regnamespace order by 1`,
    );
  const before = await rights();
  await applyGrants(book.database, 'main');
  expect(await rights()).toEqual(before);
});
