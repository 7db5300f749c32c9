import { beforeAll, describe, expect, test } from 'vitest';
import { claireOn } from '../../src/claire.js';
import { urlOfRole } from '../../src/cli/http-access.js';
import { Database, identifier, roleName } from '../../src/database/index.js';
import { migrate } from '../../src/schema/index.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const T = Date.UTC(2024, 0, 12, 15, 20);
const signal = (signal_id: string) => ({
  ...{ signal_id, symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T },
});

interface Login {
  name: string;
  /** As `--database-url` has it. */
  url: string;
  database: Database;
}

async function login(attributes = ''): Promise<Login> {
  const { name } = await ground.stranger(attributes);
  const at = new URL(ground.book.url);
  [at.username, at.password] = [name, 'of-a-stranger'];
  const database = new Database({ databaseUrl: at.href, applicationName: 'tests', connections: 4 });
  return { name, url: at.href, database };
}

/** What `up --database-url` serves, of a book. */
function served({ url, database }: Login, book: string, isOpen = false) {
  const place = { server: undefined, url: () => url };
  return ground.served({
    ...{ book, books: [book], isOpen, url: (role, of) => urlOfRole(place, database, role, of) },
  });
}

/** A book of a login's own, without roles. */
async function ownBook(owner: Login): Promise<string> {
  const book = ground.named();
  const [{ name }] = (await ground.book.database.query<{ name: string }>(
    'select current_database() as name',
  )) as [{ name: string }];
  await ground.book.database.query(`grant create on database ${identifier(name)} to ${owner.name}`);
  await migrate(owner.database, book);
  return book;
}

const tokensOf = async ({ database }: Login, book: string, ...roles: ('claire_reader' | 'signal_engine')[]) =>
  Promise.all(
    roles.map(async (role) =>
      bearer((await claireOn(database, book).createToken({ name: `a ${role}`, role })).token),
    ),
  );

describe('a login that owns a book without roles', () => {
  let owner: Login;
  let book: string;
  beforeAll(async () => {
    owner = await login();
    book = await ownBook(owner);
    return () => owner.database.close();
  });

  const readsOnly = async () => {
    const [reader, engine] = await tokensOf(owner, book, 'claire_reader', 'signal_engine');
    const { get, post } = served(owner, book);
    for (const as of [{}, reader!]) {
      expect((await get('/v1/positions', as)).status).toBe(200);
      expect((await get('/v1/me', as)).body.value).toMatchObject({ may_write: false });
    }
    expect((await get('/v1/me', engine!)).body.value).toMatchObject({
      ...{ role: 'signal_engine', may_write: false },
    });
    const { status, body } = await post('/v1/signals', signal('n'), engine!);
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'right_missing' });
    const { body: open } = await served(owner, book, true).get('/v1/me');
    expect(open.value.may_write).toBe(false);
    const listed = await claireOn(owner.database, book).tokens();
    expect(listed.map(({ last_used_day }) => last_used_day)).not.toContain(null);
    await owner.database.query(`delete from ${book}.tokens`);
  };

  test('lets tokens in, reads, and says that it may not write', readsOnly);

  test('does so, too, where another database has a role of that name', async () => {
    const { database } = ground.book;
    for (const role of ['claire_reader', 'signal_engine'] as const)
      await database.query(`create role ${roleName(role, book)}`);
    await readsOnly();
    // As a superuser is in every role, and gets nothing from one that has nothing here.
    await database.query(`grant ${roleName('claire_reader', book)} to ${owner.name}`);
    await readsOnly();
  });
});

test('a login that is in a role writes as that one, and as no other', async () => {
  const member = await login();
  for (const role of ['claire_reader', 'signal_engine'] as const)
    await ground.book.database.query(`grant ${roleName(role, ground.name)} to ${member.name}`);
  const { get, post } = served(member, ground.name);
  const engine = bearer(await ground.token('signal_engine'));
  expect((await get('/v1/me', engine)).body.value.may_write).toBe(true);
  expect((await post('/v1/signals', signal('member'), engine)).status).toBe(200);
  expect((await get('/v1/signals?signal_id=member')).body.rows).toHaveLength(1);
  const manager = bearer(await ground.token('risk_manager'));
  expect((await get('/v1/me', manager)).body.value.may_write).toBe(false);
  const order = { order_id: 'o', symbol: 'X', side: 'BUY', quantity: '1', price: '1' };
  expect((await post('/v1/orders', order, manager)).body.code).toBe('right_missing');
  await member.database.close();
});

test('a login that reaches nothing of a book reads nothing of it', async () => {
  const nobody = await login();
  const { get } = served(nobody, ground.name);
  expect((await get('/v1/positions')).body).toMatchObject({ status: 403, code: 'right_missing' });
  await nobody.database.close();
});
