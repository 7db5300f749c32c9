import { beforeAll, describe, expect, inject, test } from 'vitest';
import { LOGIN_ROLES, type LoginRole, OWNER, roleName } from '../../src/database/index.js';
import { looseFunctions } from '../../src/schema/roles/search-path.js';
import { refusal } from '../harness/book.js';
import { attempt, useRoles } from './roles-ground.js';

/** What somebody tries who has the password of a service. */
const ground = useRoles();
const { book } = ground;
const T = 1705072800000;
let name: string;
let other: string;

beforeAll(async () => {
  name = await ground.bookWithRoles();
  other = await ground.bookWithRoles();
  await book.sql('select lo_create(4242)');
  // As in the embedded database, which is Claire's alone.
  await book.sql('revoke create on schema public from public');
  await book.sql(
    'revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public',
  );
});

const at = (text: string, role?: LoginRole) =>
  text
    .replace('{another of', role === 'claire_operator' ? '{risk_manager of' : '{claire_operator of')
    .replaceAll('{book}', name)
    .replaceAll('{other}', other)
    .replace(/\{(\w+) of (other|book)\}/g, (_, role: LoginRole, of) =>
      roleName(role, of === 'book' ? name : other),
    );

/** Each statement alone, and the SQLSTATEs of which one must answer. Most are 42501, a right that is missing. */
const ATTACKS: Record<string, readonly (readonly [string, ...string[]])[]> = {
  'becoming somebody else': [
    ['set role {claire_owner of book}'],
    ['set role {another of book}'],
    ['set role {signal_engine of other}'],
    ['set role postgres'],
    ['set session authorization {claire_owner of book}'],
    ['set session authorization postgres'],
    [`alter role {another of book} password 'mine'`],
    ['alter role current_user superuser'],
    ['alter role current_user createrole'],
    ['alter role current_user connection limit 100'],
    ['create role mine superuser'],
    ['grant {claire_owner of book} to current_user'],
    ['grant pg_read_all_data to current_user'],
    ['alter schema {book} owner to current_user'],
    ['alter table {book}.trades owner to current_user'],
    ['reassign owned by {claire_owner of book} to current_user'],
    ['drop owned by {claire_owner of book}'],
    ['select * from pg_authid'],
    ['select * from pg_shadow'],
  ],
  'files and programs of the server': [
    [`copy {book}.signals to program 'cat > /tmp/stolen'`],
    [`copy {book}.signals from program 'echo mine'`],
    [`copy {book}.signals to '/tmp/stolen'`],
    [`copy {book}.signals from '/etc/passwd'`],
    [`select pg_read_file('/etc/passwd')`],
    [`select pg_ls_dir('.')`],
    [`select pg_stat_file('postgresql.conf')`],
    [`create extension file_fdw`],
    [`create function {book}.c() returns int language c as 'libc', 'system'`],
    ['select pg_reload_conf()'],
    [`load '/tmp/mine'`, '42501', '58P01'],
  ],
  'large objects': [
    ['select lo_create(0)'],
    ['select lo_creat(-1)'],
    [`select lo_from_bytea(0, 'mine')`],
    [`select lo_import('/etc/passwd')`],
    [`select lo_export(1, '/tmp/stolen')`],
    ['select lo_get(4242)'],
    ['select lo_unlink(4242)'],
    ['select * from pg_largeobject'],
  ],
  'objects of their own': [
    ['create table public.mine (id int)'],
    [`create function public.upper(text) returns text language sql as 'select $1'`],
    ['create table {book}.mine (id int)'],
    ['create view {book}.mine as select 1'],
    [`create function {book}.now_ms() returns bigint language sql as 'select 1::bigint'`],
    [
      `create or replace function {book}.has_permit(text, text) returns boolean language sql as 'select true'`,
    ],
    ['create schema mine'],
    ['create operator {book}.= (leftarg = text, rightarg = text, function = texteq)'],
    [
      'create trigger mine before insert on {book}.trades for each row execute function {book}.refuse_change()',
    ],
    ['create publication mine for all tables'],
    ['create event trigger mine on ddl_command_end execute function pg_notify()', '42501', '42883'],
    ['create table pg_temp.mine (t {book}.trades); create policy mine on {book}.trades', '42501'],
  ],
  'the laws': [
    [`set session_replication_role = 'replica'`],
    ['alter table {book}.trades disable trigger all'],
    ['alter table {book}.trades disable row level security'],
    ['alter table {book}.trades drop constraint trades_price_check'],
    ['alter function {book}.refuse_removal() security invoker'],
    ['alter function {book}.has_permit(text, text) set search_path to public'],
    ['drop trigger trades_refuse_removal on {book}.trades'],
    ['drop function {book}.refuse_removal() cascade'],
    ['drop schema {book} cascade'],
    ['truncate {book}.trades'],
    ['truncate {book}.signals, {book}.orders cascade'],
    ['delete from {book}.signals'],
    ['delete from {book}.permits'],
    [`insert into {book}.permits (table_name, action, reason) values ('trades', 'delete', 'r')`],
    [`update {book}.limits set max_exposure = null`],
    [`update {book}.halt_gate set halt_id = null`],
    [`update {book}.risk set day_pnl = 0`],
    [`update {book}.decisions set reserved_quantity = 0`],
    [`update {book}.schema_migrations set version = '9.9'`],
    [`insert into {book}.order_history (order_id, to_status) values ('o', 'FILLED')`],
    [
      `insert into {book}.corrections (table_name, column_name, reason, version) values ('trades', 'pnl', 'r', '1')`,
    ],
    [`select setval('{book}.signals_id_seq', 1)`],
    [`select {book}.mend_rows('trades', 0, 10, '{"pnl": {"is": "1", "law": "l", "why": "w"}}')`],
    [`select {book}.record_halt('r', 'hand', 1, 2, '{}')`],
    [`select {book}.has_permit('trades', 'delete')`],
    [`comment on table {book}.trades is 'mine'`],
    ['reindex table {book}.trades'],
    ['lock table {book}.limits in access exclusive mode'],
  ],
  'other books': [
    ['select * from {other}.signals'],
    ['select * from {other}.schema_migrations'],
    [`insert into {other}.signals (signal_id) values ('mine')`],
    [`update {other}.orders set status = 'CANCELLED'`],
    [`select {other}.why('s')`],
    [`select {other}.halt_trading('r')`],
    [`select nextval('{other}.signals_id_seq')`],
  ],
  'others who are connected': [
    [
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' and pid <> pg_backend_pid() limit 1`,
    ],
    [
      `select pg_cancel_backend(pid) from pg_stat_activity where usename = 'postgres' and pid <> pg_backend_pid() limit 1`,
    ],
    [`select pg_log_backend_memory_contexts(pid) from pg_stat_activity where usename = 'postgres' limit 1`],
    ['select * from pg_hba_file_rules'],
    ['select pg_switch_wal()'],
    [`select pg_create_physical_replication_slot('mine')`, '42501', '55000'],
  ],
};

describe.each(LOGIN_ROLES)('%s may not reach', (role) => {
  test.each(Object.keys(ATTACKS))('%s', async (what) => {
    // Of a view that it owns PostgreSQL 15 and 16 need, the seed's login may do more: that is documented, and all.
    const attacks = ATTACKS[what]!.map(([text, ...states]) => ({
      statement: at(text, role),
      states: states.length > 0 ? states : ['42501'],
    }));
    const statements = attacks.map(({ statement }) => statement);
    // An idle connection of the pool is closed in time: the superuser stays, so that there is somebody to attack.
    const found = await book.database.session(async (superuser) => {
      await superuser.query('select 1');
      return attempt(ground.login(role, name), statements);
    });
    const told = attacks.map((one, index) => ({ ...one, state: found[index] }));
    expect(told.filter(({ states, state }) => !states.includes(String(state)))).toEqual([]);
  });
});

test('nobody changes a setting of the server', async () => {
  for (const role of LOGIN_ROLES) {
    const error = await refusal(ground.login(role, name).query(`alter system set log_statement = 'all'`));
    expect(error.code, role).toBe('right_missing');
  }
});

test('each refusal is one of the catalogue', async () => {
  const engine = ground.login('signal_engine', name);
  const error = await refusal(engine.query(at('set role {claire_owner of book}')));
  expect(error).toMatchObject({ code: 'right_missing', details: { sqlstate: '42501' } });
});

test("nobody's activity tells more than that he is there", async () => {
  const rows = await ground
    .login('signal_engine', name)
    .query<{ query: string }>(`select query from pg_stat_activity where usename = 'postgres'`);
  expect(new Set(rows.map(({ query }) => query))).toEqual(new Set(['<insufficient privilege>']));
});

describe('a search path', () => {
  const INSERT = `insert into {book}.trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
    values ('t1', 'X', 'BUY', 1, 1, ${T}, 'OPEN')`;

  test('with temporary tables and functions of the same names leads no function and no trigger astray', async () => {
    const execution = ground.login('execution_service', name);
    await execution.session(async (session) => {
      for (const statement of [
        'create temp table permits as select pg_current_xact_id() as transaction_id, $$trades$$ as table_name, $$correct$$ as action',
        'create temp table position_changes (symbol text, side text, quantity numeric, notional numeric, num_trades bigint)',
        'create temp table limits (like {book}.limits)'.replace('like {book}.limits', 'version bigint'),
        'create temp table trades (id bigint, quantity numeric)',
        `create function pg_temp.has_permit(text, text) returns boolean language sql as 'select true'`,
        `create function pg_temp.profit_of(text, numeric, numeric, numeric, numeric, out pnl numeric, out pnl_pct numeric,
           out pnl_net numeric) language sql as 'select 1e6, 1e6, 1e6'`,
        `create function pg_temp.round(numeric, integer) returns numeric language sql as 'select 1e6'`,
        'set search_path to pg_temp, pg_catalog, {book}',
      ])
        await session.query(at(statement));
      await session.query(at(INSERT));
      await session.query(
        at(
          `update {book}.trades set status = 'CLOSED', exit_price = 2, exit_timestamp = ${T} where trade_id = 't1'`,
        ),
      );
      await session.query('discard temp');
      await session.query('reset search_path');
    });
    expect(
      await book.sql(
        `select pnl::text, (select count(*) from positions where symbol = 'X') as open from trades`,
        name,
      ),
    ).toEqual([{ pnl: '1.00000000', open: 0 }]);
  });

  test('is fixed, temporary tables last, in every function that reads a table or has the rights of its owner', async () => {
    expect(await looseFunctions(book.database, name)).toEqual([]);
  });

  test('that is not fixed is found, however it was lost', async () => {
    await book.sql(`alter function why(text) reset search_path`, name);
    await book.sql(`alter function has_permit(text, text) set search_path to ${name}, public, pg_temp`, name);
    await book.sql(`alter function trimmed(text) security definer`, name);
    expect(await looseFunctions(book.database, name)).toEqual([
      'has_permit(text, text)',
      'trimmed(text)',
      'why(text)',
    ]);
    await book.sql(`alter function why(text) set search_path to ${name}, pg_temp`, name);
    await book.sql(`alter function has_permit(text, text) set search_path to ${name}, pg_temp`, name);
    await book.sql(`alter function trimmed(text) security invoker`, name);
    expect(await looseFunctions(book.database, name)).toEqual([]);
  });

  test('every function with the rights of its owner is one that nobody is granted, or is documented', async () => {
    const open = await book.sql<{ name: string; grantees: string[] }>(
      `select p.proname::text as name, array_agg(distinct a.grantee::regrole::text order by a.grantee::regrole::text) as grantees
       from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
       where p.pronamespace = '${name}'::regnamespace and p.prosecdef and a.grantee <> p.proowner group by 1 order by 1`,
    );
    expect(open.map((one) => one.name)).toEqual([
      ...['answer_kept', 'begin_retention', 'correct_record', 'create_token', 'decide_orders', 'discard_row'],
      ...['due_before', 'end_retention', 'fold_position_changes', 'fold_reservation_changes'],
      ...['halt_trading', 'keep_answer', 'mark_token_used', 'prune_answers', 'prune_record_log'],
      ...['refresh_positions_realtime', 'release_reservation', 'release_row', 'resume_trading', 'retain'],
      ...['revoke_token', 'set_capital', 'set_horizon', 'set_limits', 'token_of'],
    ]);
  });

  test('that is hostile does not lead the refresh to another view', async () => {
    const upkeep = ground.login('claire_upkeep', name);
    await upkeep.session(async (session) => {
      await session.query('create temp table positions (symbol text)');
      await session.query('create temp table positions_realtime (symbol text)');
      await session.query(at('set search_path to pg_temp, {book}'));
      await session.query(at('select {book}.refresh_positions_realtime()'));
      await session.query('discard temp');
      await session.query('reset search_path');
    });
    expect(await book.sql('table positions except table positions_realtime', name)).toEqual([]);
  });
});

describe('columns', () => {
  test('beyond its part cannot be changed, even to what they are', async () => {
    const found = await attempt(
      ground.login('execution_service', name),
      ['quantity', 'entry_price', 'symbol', 'side', 'pnl', 'pnl_net', 'order_id', 'created_at'].map(
        (column) => at(`update {book}.trades set ${column} = ${column}`),
      ),
    );
    expect(new Set(found)).toEqual(new Set(['42501']));
  });

  test('that may be changed give no lock on the whole table', async () => {
    const found = await attempt(ground.login('execution_service', name), [
      at('lock table {book}.trades in access exclusive mode'),
      at('lock table {book}.orders in share row exclusive mode'),
    ]);
    expect(found).toEqual(['42501', '42501']);
  });

  test('break the guard: with the whole table granted they can be', async () => {
    const role = roleName('execution_service', name);
    await book.sql(`grant update on ${name}.trades to ${role}`);
    const found = await attempt(ground.login('execution_service', name), [
      at('update {book}.trades set quantity = quantity where false'),
      at('lock table {book}.trades in access exclusive mode'),
    ]);
    await book.sql(`revoke update on ${name}.trades from ${role}`);
    expect(found).toEqual([null, null]);
  });
});

test('the owner is no superuser, and nobody may log in as it', async () => {
  const [row] = await book.sql(
    `select rolsuper, rolcanlogin, rolcreaterole, rolbypassrls from pg_roles where rolname = '${roleName(OWNER, name)}'`,
  );
  expect(row).toEqual({ rolsuper: false, rolcanlogin: false, rolcreaterole: false, rolbypassrls: false });
});

test.runIf(inject('major') >= 17)('the right to vacuum is no right to read or write', async () => {
  const upkeep = ground.login('claire_upkeep', name);
  await upkeep.query(at('vacuum (truncate false) {book}.position_changes'));
  expect((await refusal(upkeep.query(at('delete from {book}.position_changes')))).code).toBe('right_missing');
});
