import { describe, expect, inject, test } from 'vitest';
import {
  Database,
  LOGIN_ROLES,
  OWNER,
  ROLES,
  type Role,
  roleName,
  withDatabase,
} from '../../src/database/index.js';
import {
  applyRoles,
  createBook,
  dropBook,
  dropRoles,
  LATEST_VERSION,
  migrate,
  protectionMissing,
  rolesOf,
} from '../../src/schema/index.js';
import { refusal } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { PASSWORDS, useRoles } from './roles-ground.js';

const ground = useRoles();
const { book } = ground;
const is15 = inject('major') < 16;

const ownersOf = (name: string) =>
  book.sql<{ owner: string }>(
    `select distinct pg_get_userbyid(relowner)::text as owner from pg_class
     where relnamespace = '${name}'::regnamespace and relkind in ('r', 'v', 'm', 'S') order by 1 desc`,
  );

const both = (name: string) =>
  [roleName('claire', name), roleName(OWNER, name)]
    .sort()
    .reverse()
    .map((owner) => ({ owner }));

describe('passwords', () => {
  test('let a login in, and reach the server as verifiers only', async () => {
    const name = await ground.bookWithRoles();
    expect(await ground.login('claire_reader', name).query('select current_user::text as login')).toEqual([
      { login: roleName('claire_reader', name) },
    ]);
    const rows = await book.sql<{ rolpassword: string }>(
      `select rolpassword from pg_authid where rolname like '%_${name}' and rolcanlogin`,
    );
    expect(rows).toHaveLength(LOGIN_ROLES.length);
    for (const { rolpassword } of rows) expect(rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
    const seen = await book.sql<{ query: string }>('select query from pg_stat_activity');
    for (const secret of Object.values(PASSWORDS)) expect(JSON.stringify(seen)).not.toContain(secret);
  });

  test('are in no error, though the server would print the statement', async () => {
    const name = await ground.bookWithRoles();
    const { database } = await ground.stranger();
    const error = await refusal(applyRoles(database, name, { passwords: { claire_reader: 'hunter2' } }));
    expect(error.code).toBe('right_missing');
    expect(JSON.stringify([error, error.message, String(error.cause)])).not.toMatch(/hunter2|SCRAM/);
  });

  test('stay as they are where none is given', async () => {
    const name = await ground.bookWithRoles();
    const secrets = () =>
      book.sql(`select rolname, rolpassword from pg_authid where rolname like '%_${name}' order by 1`);
    const before = await secrets();
    await applyRoles(book.database, name);
    expect(await secrets()).toEqual(before);
    await applyRoles(book.database, name, { passwords: { claire_reader: 'another' } });
    const after = await secrets();
    expect(after.filter((row, at) => JSON.stringify(row) !== JSON.stringify(before[at]))).toHaveLength(1);
  });
});

describe('who may apply roles', () => {
  test('a maker of roles that owns the book, and is no superuser', async () => {
    const { name: maker, database } = await ground.stranger('createrole');
    const name = ground.named();
    await book.sql(`grant create on database ${new URL(book.url).pathname.slice(1)} to ${maker}`);
    await migrate(database, name);
    const state = await applyRoles(database, name, { passwords: PASSWORDS });
    expect(state.created).toHaveLength(ROLES.length);
    expect(state.owner).toBe(roleName(OWNER, name));
    expect(state.roles.flatMap((role) => [...role.missing, ...role.beyond])).toEqual([]);
    expect(await ownersOf(name)).toEqual(both(name));
    expect(await protectionMissing(database, name)).toEqual([]);
    // It goes on with what it made: again, and with migrations, which act as the owner.
    await applyRoles(database, name);
    expect(await migrate(database, name)).toMatchObject({ version: LATEST_VERSION });
    await ground.login('claire', name).query('refresh materialized view concurrently positions_realtime');
    await ground.login('claire_upkeep', name).query('select refresh_positions_realtime()');
    // What PostgreSQL notes of who made a role must go before its maker can.
    await book.sql(`drop owned by ${maker}`);
  });

  test('nobody without that right: it is named, and nothing is half done', async () => {
    const { name: stranger, database } = await ground.stranger();
    const name = ground.named(await book.bookAt());
    const error = await refusal(applyRoles(database, name));
    expect(error.code).toBe('right_missing');
    // Who may not look into the book is refused there; who may look, where roles are to be made.
    await book.sql(`grant usage on schema ${name} to ${stranger}`);
    await book.sql(`grant select on ${name}.schema_migrations to ${stranger}`);
    const second = await refusal(applyRoles(database, name));
    expect(second.message).toContain(
      `${stranger} has no CREATEROLE, and these roles are not there: claire_owner_`,
    );
    expect((await rolesOf(book.database, name)).roles.filter(({ exists }) => exists)).toEqual([]);
  });

  test('not a maker of roles who does not own the book: no role is left behind', async () => {
    const { name: maker, database } = await ground.stranger('createrole');
    const name = ground.named(await book.bookAt());
    await book.sql(`grant usage on schema ${name} to ${maker}`);
    await book.sql(`grant select on ${name}.schema_migrations to ${maker}`);
    const error = await refusal(applyRoles(database, name));
    expect(error.code).toBe('right_missing');
    expect(error.message).toMatch(/alter schema .* owner to .*: (must be owner of schema|permission denied)/);
    expect((await rolesOf(book.database, name)).roles.filter(({ exists }) => exists)).toEqual([]);
  });

  test('the seed’s login itself, where it made the book and may make roles', async () => {
    const name = ground.named();
    const claire = roleName('claire', name);
    await book.sql(`create role ${claire} login createrole password '${PASSWORDS.claire}'`);
    await book.sql(`grant create on database ${new URL(book.url).pathname.slice(1)} to ${claire}`);
    const database = ground.login('claire', name);
    await migrate(database, name);
    const state = await applyRoles(database, name);
    expect(state.roles.flatMap((role) => [...role.missing, ...role.beyond])).toEqual([]);
    await applyRoles(database, name);
    await migrate(database, name);
    await database.query('refresh materialized view concurrently positions_realtime');
    // It may still do all, and that is said.
    // From 16 on who makes a role is in it.
    const made: readonly Role[] = is15 ? [OWNER] : ROLES.filter((role) => role !== 'claire');
    const others = made.map((role) => roleName(role, name)).sort();
    expect(await protectionMissing(book.database, name)).toEqual([
      `${claire} may have any number of connections, not 20.`,
      `${claire} may make roles.`,
      `${claire} may do what ${others.join(' and ')} may.`,
    ]);
    await book.sql(`drop owned by ${claire}`);
  });

  test('several at once, on books of one name in two databases: they meet and both succeed', async () => {
    const name = ground.named(await book.bookAt());
    const twin = `twin_${name}`;
    const admin = new Database({
      databaseUrl: inject('serverUrl'),
      applicationName: 'tests',
      connections: 1,
    });
    await admin.query(`create database ${twin} template claire_template strategy file_copy`);
    const other = new Database({
      databaseUrl: withDatabase(inject('serverUrl'), twin),
      applicationName: 'tests',
    });
    await migrate(other, name);
    const states = await Promise.all(
      [book.database, other, book.database, other].map((database) =>
        applyRoles(database, name, { passwords: PASSWORDS }),
      ),
    );
    for (const { roles } of states)
      expect(roles.flatMap((role) => [...role.missing, ...role.beyond])).toEqual([]);
    // A role with something in another database is not dropped.
    await dropBook(book.database, name);
    const { dropped, left } = await dropRoles(book.database, name);
    expect(dropped).toEqual([]);
    expect(left.map((one) => one.name).sort()).toEqual(ROLES.map((role) => roleName(role, name)).sort());
    expect(left[0]!.because).toContain(twin);
    await other.close();
    await admin.query(`drop database ${twin} with (force)`);
    await admin.close();
  });
});

test('a login that is a superuser, as in the seed’s container, stays one; the owner does not become one by it', async () => {
  const name = ground.named(await book.bookAt());
  const claire = roleName('claire', name);
  await book.sql(`create role ${claire} superuser login`);
  await applyRoles(book.database, name, { passwords: PASSWORDS });
  expect(await ownersOf(name)).toEqual([{ owner: roleName(OWNER, name) }]);
  expect(await book.sql(`select from pg_auth_members where roleid = '${claire}'::regrole`)).toEqual([]);
  expect(await protectionMissing(book.database, name)).toEqual([
    `${claire} is a superuser: no right and no limit binds it.`,
  ]);
  await ground.login('claire', name).query('refresh materialized view concurrently positions_realtime');
  await ground.login('claire_upkeep', name).query('select refresh_positions_realtime()');
});

test('a book that is not there, or not at the newest version, is refused', async () => {
  expect((await refusal(applyRoles(book.database, 'nowhere'))).code).toBe('book_missing');
  expect((await refusal(rolesOf(book.database, 'nowhere'))).code).toBe('book_missing');
  const old = await book.bookAt('1.2');
  expect((await refusal(applyRoles(book.database, old))).code).toBe('schema_outdated');
});

test('a book with a name of the server’s grammar has its roles like any other', async () => {
  await createBook(book.database, ground.named('order'));
  const { roles } = await applyRoles(book.database, 'order', { passwords: PASSWORDS });
  expect(roles.find(({ role }) => role === 'claire_reader')!.settings).toContain('search_path="order"');
  expect(
    await ground.login('claire_reader', 'order').query('select count(*)::int as n from "order".signals'),
  ).toEqual([{ n: 0 }]);
  expect(await protectionMissing(book.database, 'order')).toEqual([]);
});

test('the path and the limits of a login hold when it connects without the library', async () => {
  const name = await ground.bookWithRoles();
  const plain = new Database({
    databaseUrl: ground.urlOf('claire_operator', name),
    applicationName: 'tests',
  });
  expect(await plain.query('select * from signals')).toEqual([]);
  expect(await plain.query('show idle_in_transaction_session_timeout')).toEqual([
    { idle_in_transaction_session_timeout: '1min' },
  ]);
  const ends = [await holdOpen(plain, []), await holdOpen(plain, [])];
  const third = new Database({
    databaseUrl: ground.urlOf('claire_operator', name),
    applicationName: 'tests',
    checkoutTimeout: 500,
  });
  expect((await refusal(third.query('select 1'))).code).toBe('connections_exhausted');
  for (const end of ends) await end();
  await third.close();
  await plain.close();
});

describe('a migration', () => {
  test('of a new book makes it as the owner role where that is there', async () => {
    const name = ground.named();
    await book.sql(`create role ${roleName(OWNER, name)} nologin`);
    await migrate(book.database, name);
    expect(await ownersOf(name)).toEqual([{ owner: roleName(OWNER, name) }]);
    expect(
      await book.database.query(
        `select nspowner::regrole::text as owner from pg_namespace where nspname = '${name}'`,
      ),
    ).toEqual([{ owner: roleName(OWNER, name) }]);
    expect(await book.database.query('select current_user::text as who')).toEqual([{ who: 'postgres' }]);
  });

  test('of a book that has its roles leaves everything the owner’s', async () => {
    const name = ground.named(await book.bookAt('1.3'));
    await book.sql(`create role ${roleName(OWNER, name)} nologin`);
    await book.sql(`create role ${roleName('claire', name)} login`);
    await book.sql(`grant ${roleName('claire', name)} to ${roleName(OWNER, name)}`);
    await book.sql(`alter schema ${name} owner to ${roleName(OWNER, name)}`);
    const things = await book.sql<{ sql: string }>(
      `select 'alter table ' || oid::regclass || ' owner to ${roleName(OWNER, name)}' as sql from pg_class
       where relnamespace = '${name}'::regnamespace and relkind in ('r', 'v', 'm')
       union all
       select 'alter function ' || oid::regprocedure || ' owner to ${roleName(OWNER, name)}' from pg_proc
       where pronamespace = '${name}'::regnamespace`,
    );
    for (const { sql } of things) await book.sql(sql);
    await migrate(book.database, name);
    expect(await ownersOf(name)).toEqual(both(name));
    const { beyond } = await rolesOf(book.database, name);
    expect(beyond).toEqual([]);
  });

  test('does not act as an owner who could not do all of it', async () => {
    const { name: stranger } = await ground.stranger();
    const name = ground.named(await book.bookAt('1.3'));
    await book.sql(`alter schema ${name} owner to ${stranger}`);
    await book.sql(`alter table ${name}.schema_migrations owner to ${stranger}`);
    await migrate(book.database, name);
    expect((await rolesOf(book.database, name)).owner).toBe(stranger);
    expect((await ownersOf(name)).map(({ owner }) => owner)).toContain('postgres');
    await book.sql(`alter schema ${name} owner to postgres`);
    await book.sql(`alter table ${name}.schema_migrations owner to postgres`);
  });
});

test.runIf(is15)(
  'on PostgreSQL 15 the seed’s login refreshes, though it is not the owner of the book',
  async () => {
    const name = await ground.bookWithRoles();
    await ground.login('claire', name).query('refresh materialized view concurrently positions_realtime');
    expect(await ownersOf(name)).toHaveLength(2);
  },
);
