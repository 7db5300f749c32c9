import { describe, expect, test } from 'vitest';
import { identifier, OWNER, ROLES, roleName } from '../../src/database/index.js';
import { applyRoles, dropBook, dropRoles, migrate, protectionMissing } from '../../src/schema/index.js';
import { refusal } from '../harness/book.js';
import { useRoles } from './roles-ground.js';

const ground = useRoles();
const { book } = ground;

describe('what protection is missing', () => {
  test('nothing where roles were applied, all of it where a book has one login', async () => {
    const name = await ground.bookWithRoles();
    expect(await protectionMissing(book.database, name)).toEqual([]);
    const alone = await book.bookAt();
    const [first, ...others] = await protectionMissing(book.database, alone);
    expect(first).toBe(
      `There are no roles ${ROLES.map((role) => roleName(role, alone)).join(', ')}: whoever connects does so as another.`,
    );
    expect(others).toEqual([]);
    const engine = await book.connect({ service: 'signal_engine', book: alone });
    await engine.signals({ limit: 1 });
    expect((await protectionMissing(book.database, alone)).at(-1)).toBe(
      'signal_engine is logged in as postgres, a superuser: no right binds it.',
    );
    await engine.close();
  });

  test('each of what can be missing is told', async () => {
    const name = await ground.bookWithRoles();
    const of = (role: (typeof ROLES)[number]) => roleName(role, name);
    await book.sql(`alter role ${of('risk_manager')} superuser`);
    await book.sql(`alter role ${of('signal_engine')} createrole connection limit -1`);
    await book.sql(
      `alter role ${of('signal_engine')} in database ${identifier(new URL(book.url).pathname.slice(1))} reset search_path`,
    );
    await book.sql(`alter role ${of(OWNER)} login`);
    await book.sql(`grant pg_read_all_data to ${of('execution_service')}`);
    await book.sql(`revoke select on ${name}.signals from ${of('claire_reader')}`);
    await book.sql(`grant delete on ${name}.signals to ${of('claire_reader')}, public`);
    await book.sql(`grant create on schema ${name}, public to public`);
    await book.sql(`alter table ${name}.candles owner to postgres`);
    await book.sql(`alter function ${name}.why(text) reset search_path`);
    const told = await protectionMissing(book.database, name);
    await book.sql(`alter role ${of('risk_manager')} nosuperuser`);
    await book.sql('revoke create on schema public from public');
    expect(told).toEqual([
      `${of('risk_manager')} is a superuser: no right and no limit binds it.`,
      `${of('claire_reader')} lacks select on signals.`,
      `${of('claire_reader')} may do what it should not: delete on signals.`,
      `Others may do what they should not: public: create on schema ${name}, public: delete on signals.`,
      `${of(OWNER)} may log in.`,
      `${of('signal_engine')} may have any number of connections, not 12.`,
      `${of('signal_engine')} is without search_path=${name}.`,
      `Not owned by ${of(OWNER)}: candles (postgres).`,
      `${of('execution_service')} may do what pg_read_all_data may.`,
      `${of('signal_engine')} may make roles.`,
      `Anybody may make objects in schema ${name}, beside those of the book.`,
      'Function why(text) has no fixed search path: it can be led to objects of others.',
    ]);
  });
});

test('what a login has set for itself is told, and taken away when roles are applied', async () => {
  const name = await ground.bookWithRoles();
  const engine = roleName('signal_engine', name);
  const login = ground.login('signal_engine', name);
  await login.query(`alter role ${engine} set default_transaction_read_only = on`);
  await login.query(`alter role ${engine} set work_mem = '8MB'`);
  expect(await protectionMissing(book.database, name)).toEqual([
    `${engine} was given default_transaction_read_only=on, itself or by somebody.`,
  ]);
  const { roles } = await applyRoles(book.database, name);
  expect(await protectionMissing(book.database, name)).toEqual([]);
  // What does no harm is somebody's choice.
  expect(roles.find((role) => role.name === engine)!.settings).toContain('work_mem=8MB');
});

test('who is in a role of a book is told', async () => {
  const name = await ground.bookWithRoles();
  const alice = await ground.stranger();
  const risk = roleName('risk_manager', name);
  await book.sql(`grant ${risk} to ${alice.name}`);
  expect(await protectionMissing(book.database, name)).toEqual([`${alice.name} may do what ${risk} may.`]);
  await book.sql(`revoke ${risk} from ${alice.name}`);
});

test('a login that takes the lock of migrations is named to whoever waits for it', async () => {
  const name = await ground.bookWithRoles();
  await ground.login('risk_manager', name).session(async (session) => {
    await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [`claire migrate ${name}`]);
    const error = await refusal(migrate(book.database, name, { patience: 50 }));
    expect(error.code).toBe('migration_busy');
    expect(error.message).toMatch(new RegExp(`for process \\d+ of ${roleName('risk_manager', name)}\\.$`));
    await session.query('select pg_advisory_unlock_all()');
  });
});

describe('the roles of a dropped book', () => {
  test('go with it', async () => {
    const name = await ground.bookWithRoles();
    await dropBook(book.database, name);
    const { dropped, left } = await dropRoles(book.database, name);
    expect(left).toEqual([]);
    expect(dropped).toEqual(ROLES.map((role) => roleName(role, name)));
    expect(await dropRoles(book.database, name)).toEqual({ dropped: [], left: [] });
  });

  test('stay where they have something else, or somebody is logged in', async () => {
    const name = await ground.bookWithRoles();
    await dropBook(book.database, name);
    await book.sql('create table of_somebody (id int)', 'public');
    await book.sql(`grant select on of_somebody to ${roleName('claire_reader', name)}`, 'public');
    await ground.login('claire_upkeep', name).query('select 1');
    const { left } = await dropRoles(book.database, name);
    expect(left).toEqual([
      { name: roleName('claire_reader', name), because: 'privileges for table of_somebody' },
      { name: roleName('claire_upkeep', name), because: '1 sessions are logged in as it' },
    ]);
    expect(await book.sql('select from public.of_somebody')).toEqual([]);
    await book.sql('drop table of_somebody', 'public');
  });
});
