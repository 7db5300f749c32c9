import { beforeAll, describe, expect, test } from 'vitest';
import { Database, LOGIN_ROLES, type LoginRole, OWNER, roleName } from '../../src/database/index.js';
import { applyGrants, applyRoles, LATEST_VERSION, migrate, rolesOf } from '../../src/schema/index.js';
import { refusal } from '../harness/book.js';
import { useRoles } from './roles-ground.js';

/** The work of each login, by real statements; what is given, what is left alone, what is taken. */
const ground = useRoles();
const { book } = ground;
const T = 1705072800000;
let name: string;

const statements: Record<string, string> = {
  signal: `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values (gen_random_uuid()::text, 'X', 'BUY', 1, 1, ${T})`,
  candle: `insert into candles (symbol, timestamp, open, high, low, close, volume) select 'X', ${T} + (random() * 1000000)::int, 1, 1, 1, 1, 1`,
  order: `insert into orders (order_id, symbol, side, quantity, status) values (gen_random_uuid()::text, 'X', 'BUY', 1, 'PENDING')`,
  fill: `update orders set status = 'FILLED' where status = 'PENDING'`,
  'enlarge an order': `update orders set quantity = quantity where status = 'PENDING'`,
  trade: `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values ('X', 'BUY', 1, 1, ${T}, 'OPEN')`,
  close: `update trades set exit_price = 2, exit_timestamp = ${T}, status = 'CLOSED' where status = 'OPEN'`,
  'send back a whole trade': `update trades set symbol = symbol, quantity = quantity, pnl = pnl`,
  event: `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', ${T})`,
  read: `select * from positions, exposure, signals, orders, trades, risk_events, corrections, quarantine limit 1`,
  fold: `select fold_position_changes(), fold_reservation_changes()`,
  'refresh by function': `select refresh_positions_realtime()`,
  refresh: `refresh materialized view concurrently positions_realtime`,
  'say when': `insert into materialized_view_refreshes (view_name) values ('positions_realtime') on conflict (view_name) do update set last_refresh = now()`,
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
  'lift a halt': `update halt_gate set halt_id = null`,
  'read what limits': `select * from limits, capital, halts, decisions, order_history, reservations, untraded_signals limit 1`,
  why: `select why('known')`,
  discard: `select discard_row((select min(id) from quarantine where state = 'held'), 'r')`,
};

const READS = ['read', 'read what limits', 'why'];
const MOVES = ['fill'];
const UPKEEP = ['fold', 'refresh by function'];
const allowed: Record<LoginRole, string[]> = {
  signal_engine: ['signal', 'candle'],
  risk_manager: ['order', ...MOVES, 'event', 'decide', 'halt', 'read what limits', 'why'],
  execution_service: [...MOVES, 'trade', 'close', 'candle'],
  claire_reader: READS,
  claire_upkeep: [...UPKEEP, 'read', 'read what limits'],
  claire: [
    ...[
      'signal',
      'candle',
      'order',
      ...MOVES,
      'enlarge an order',
      'event',
      'decide',
      'halt',
      'trade',
      'close',
    ],
    ...['send back a whole trade', ...UPKEEP, 'refresh', 'say when', ...READS],
  ],
  claire_operator: [
    ...[...MOVES, 'correct', 'release', 'discard', 'halt', 'resume', 'limit', 'fund', ...READS],
  ],
};

const setup = async (book_: string) => {
  await book.sql(statements.signal!.replace('gen_random_uuid()::text', `'known'`), book_);
  for (const one of ['trade', 'quarantine', 'trade', 'quarantine', 'trade'])
    await book.sql(statements[one]!, book_);
};

beforeAll(async () => {
  name = await ground.bookWithRoles();
  await setup(name);
});

describe.each(LOGIN_ROLES)('%s', (role) => {
  test.each(Object.keys(statements))('%s', async (what) => {
    const login = ground.login(role, name);
    const run = login.query(statements[what]!);
    if (allowed[role].includes(what)) await run;
    else expect((await refusal(run)).code).toBe('right_missing');
  });
});

test("rights on what is not Claire's are neither given nor taken", async () => {
  const { name: stranger, database } = await ground.stranger();
  await book.sql(`create table keys_of_the_user (secret text)`, name);
  await book.sql(`create function of_the_user() returns int language sql as 'select 1'`, name);
  await book.sql(`grant select on keys_of_the_user to ${roleName('claire_upkeep', name)}`, name);
  await book.sql(`grant usage on schema ${name} to ${stranger} with grant option`);
  await book.sql(`grant insert, select on ${name}.trades to ${stranger}`);
  await book.sql(`grant usage on sequence ${name}.trades_id_seq to ${stranger}`);
  await applyRoles(book.database, name);
  const engine = ground.login('signal_engine', name);
  expect((await refusal(engine.query('select * from keys_of_the_user'))).code).toBe('right_missing');
  await engine.query('select of_the_user()');
  await ground.login('claire_upkeep', name).query('select * from keys_of_the_user');
  // Rights of other people's roles stay, and the triggers ask them for no more.
  await database.query(statements.trade!.replace('into trades', `into ${name}.trades`));
  expect((await refusal(database.query(`select ${name}.why('known')`))).code).toBe('right_missing');
});

test('the actor of a correction is the login', async () => {
  expect(await book.sql(`select distinct actor from corrections`, name)).toEqual([
    { actor: roleName('claire_operator', name) },
  ]);
});

test('a login that may not make a schema may still ask for the newest version where it stands', async () => {
  const claire = new Database({ databaseUrl: ground.urlOf('claire', name), applicationName: 'tests' });
  expect((await migrate(claire, name)).version).toBe(LATEST_VERSION);
  expect((await refusal(migrate(claire, 'another'))).code).toBe('right_missing');
  await claire.close();
});

const everything = () =>
  book.sql(
    `select relname::text as name, relacl::text as acl, relowner from pg_class where relnamespace = '${name}'::regnamespace
     union all select proname || oid, proacl::text, proowner from pg_proc where pronamespace = '${name}'::regnamespace
     union all select attrelid || attname, attacl::text, 0 from pg_attribute where attacl is not null
     union all select rolname, rolconnlimit || ' ' || rolcanlogin || ' ' || xmin, 0 from pg_authid where rolname like '%${name}'
     union all select setrole::text, setconfig::text || xmin, 0 from pg_db_role_setting
       where setrole in (select oid from pg_roles where rolname like '%${name}')
     union all select roleid::text, member || ' ' || grantor, 0 from pg_auth_members
       where roleid in (select oid from pg_roles where rolname like '%${name}') order by 1, 2`,
  );

test('applied again nothing changes, also by a migration', async () => {
  const before = await everything();
  const state = await applyRoles(book.database, name);
  expect(await everything()).toEqual(before);
  expect(state.created).toEqual([]);
  await applyGrants(book.database, name);
  await migrate(book.database, name);
  expect(await everything()).toEqual(before);
});

test('what a role has too much is taken, what it lacks is given; a migration only gives', async () => {
  const [engine, reader] = [roleName('signal_engine', name), roleName('claire_reader', name)];
  await book.sql(
    `grant select on permits to ${engine};
     grant update on signals to ${engine};
     grant select (reason) on risk_events to ${engine};
     grant execute on function set_capital(numeric, text, bigint) to ${engine} with grant option;
     grant create on schema ${name} to ${engine};
     grant insert on signals to public;
     grant usage on schema ${name} to public;
     grant select on trades to ${reader} with grant option;
     grant ${roleName('claire_operator', name)} to ${engine};
     revoke insert on signals from ${engine};
     revoke select on orders from ${reader}`,
    name,
  );
  const of = async (role: LoginRole) =>
    (await rolesOf(book.database, name)).roles.find((r) => r.role === role)!;
  expect((await of('signal_engine')).missing).toEqual(['insert on signals']);
  expect((await of('signal_engine')).beyond.sort()).toEqual([
    `create on schema ${name}`,
    'execute on function set_capital(numeric, text, bigint)',
    'select (reason) on risk_events',
    'select on permits',
    'update on signals',
  ]);
  expect((await rolesOf(book.database, name)).beyond).toEqual([
    `public: usage on schema ${name}`,
    'public: insert on signals',
  ]);
  await applyGrants(book.database, name);
  expect((await of('signal_engine')).missing).toEqual([]);
  expect((await of('signal_engine')).beyond).toHaveLength(5);
  await applyRoles(book.database, name);
  const { roles, beyond } = await rolesOf(book.database, name);
  expect([...roles.flatMap((role) => [...role.missing, ...role.beyond]), ...beyond]).toEqual([]);
  expect(
    await book.sql(
      `select from pg_auth_members where member = '${engine}'::regrole or roleid = '${engine}'::regrole`,
    ),
  ).toEqual([]);
});

test('the roles of one book have nothing in another', async () => {
  const other = await ground.bookWithRoles();
  await setup(other);
  for (const role of LOGIN_ROLES) {
    const login = ground.login(role, name);
    for (const sql of [
      `select * from ${other}.signals`,
      `select ${other}.why('known')`,
      `insert into ${other}.signals default values`,
    ])
      expect((await refusal(login.query(sql))).code, `${role}: ${sql}`).toBe('right_missing');
  }
  // Not even where somebody gave it by mistake.
  await book.sql(`grant usage on schema ${other} to ${roleName('signal_engine', name)}`);
  await book.sql(`grant select on ${other}.signals to ${roleName('signal_engine', name)}`);
  expect((await rolesOf(book.database, other)).beyond).toEqual([
    `${roleName('signal_engine', name)}: usage on schema ${other}`,
    `${roleName('signal_engine', name)}: select on signals`,
  ]);
  await applyRoles(book.database, other);
  expect((await rolesOf(book.database, other)).beyond).toEqual([]);
});

test('a book of a superuser with the rights of before becomes the owner’s, and exact', async () => {
  const old = ground.named(await book.bookAt('1.3'));
  const [engine, claire] = [roleName('signal_engine', old), roleName('claire', old)];
  for (const role of [engine, claire]) await book.sql(`create role ${role} login`);
  await book.sql(`grant usage on schema ${old} to ${engine}, ${claire}`);
  await book.sql(`grant select on all tables in schema ${old} to ${engine}, ${claire}`);
  await book.sql(`grant insert on signals to ${engine}`, old);
  await book.sql(`grant execute on function fold_position_changes(integer) to ${engine}`, old);
  await book.sql(`alter materialized view positions_realtime owner to ${claire}`, old);
  await setup(old);
  expect((await refusal(applyRoles(book.database, old))).code).toBe('schema_outdated');
  await migrate(book.database, old);
  const state = await applyRoles(book.database, old);
  expect(state).toMatchObject({ owner: roleName(OWNER, old), beyond: [] });
  expect(state.created).toHaveLength(6);
  expect(state.roles.flatMap((role) => [...role.missing, ...role.beyond])).toEqual([]);
  const owners = await book.sql<{ owner: string; n: number }>(
    `select pg_get_userbyid(relowner)::text as owner, count(*) as n from pg_class
     where relnamespace = '${old}'::regnamespace and relkind in ('r', 'v', 'm', 'S') group by 1 order by 2`,
  );
  expect(owners).toEqual([
    { owner: claire, n: 1 },
    { owner: roleName(OWNER, old), n: expect.any(Number) },
  ]);
});
