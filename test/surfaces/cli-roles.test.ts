import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.js';
import { Database, LOGIN_ROLES } from '../../src/database/index.js';
import { connect } from '../../src/index.js';
import { freePort } from '../harness/ports.js';
import { ask, claire, json, start } from './cli-run.js';
import { afterwards, needs, query, rested, until } from './embedded-ground.js';
import { hasSqlAlchemy, pooledClient } from './python.js';

interface Shown {
  roles: {
    role: string;
    name: string;
    exists: boolean;
    differences: string[];
    connection: string | null;
    rotation: { ending: { name: string; until: string; is_over: boolean } | null } | null;
  }[];
  protection: string[];
}
interface Rotated {
  current: { name: string };
  ending: { name: string } | null;
  connection: string;
}

let server: EmbeddedServer;
let there: string[];

beforeEach(async () => {
  const data = await rested('main');
  server = await startEmbedded({ dataDir: data, port: await freePort(), settings: { fsync: 'off' } });
  there = ['--data', data];
});

const asSuperuser = (text: string) => query(server, 'postgres', text);
/** Logged in with a password that somebody wrote down, as it is in a connection string. */
const logIn = (role: string, password: string, text = 'select session_user') =>
  query({ ...server, password: () => password }, role as 'claire', text);
const lines = async () => (await readFile(server.passfile, 'utf8')).trim().split('\n');
const rolesInFile = async () => [...new Set((await lines()).map((line) => line.split(':')[3]!))];
const passwordOf = async (role: string) =>
  (await lines()).find((line) => line.includes(`:${role}:`))!.split(':')[4]!;
const refused = { code: '28P01' };

describe('a book of the embedded server', () => {
  test('gets roles of its own when it is made, each with a password that lets in', async () => {
    await ask('book', 'create', 'demo', ...there);
    for (const role of LOGIN_ROLES.map((each) => `${each}_demo`)) {
      const [row] = await logIn(
        role,
        await passwordOf(role),
        'select session_user, current_setting($$search_path$$) as path',
      );
      expect(row).toEqual({ session_user: role, path: 'demo' });
    }
  });

  test('has nothing of the rows of another one', async () => {
    await ask('book', 'create', 'demo', ...there);
    const password = await passwordOf('claire_demo');
    expect(await logIn('claire_demo', password, 'select count(*)::int as n from signals')).toEqual([
      { n: 0 },
    ]);
    await expect(logIn('claire_demo', password, 'select from main.signals')).rejects.toMatchObject({
      code: '42501',
    });
    const own = server.password('claire');
    await expect(logIn('claire', own, 'select from demo.signals')).rejects.toMatchObject({ code: '42501' });
  });

  test('takes its roles and their lines along when it is dropped, and those of others stay', async () => {
    await ask('book', 'create', 'demo', ...there);
    await ask('book', 'create', 'demo_2', ...there);
    await ask('roles', 'rotate', 'claire', '--book', 'demo', ...there);
    expect(await rolesInFile()).toContain('claire_2_demo');
    await ask('book', 'drop', 'demo', '--yes', ...there);
    const roles = await asSuperuser(`select rolname from pg_roles where rolname ~ '_demo$'`);
    expect(roles).toEqual([]);
    expect((await rolesInFile()).filter((role) => role.endsWith('_demo'))).toEqual([]);
    expect((await rolesInFile()).filter((role) => role.endsWith('_demo_2'))).toHaveLength(LOGIN_ROLES.length);
    expect((await ask('positions', '--book', 'demo_2', ...there)).code).toBe(0);
  });

  test('loses no line of the file when others are made at the same moment', async () => {
    const books = ['one', 'two', 'three'];
    const ended = await Promise.all(books.map((book) => claire('book', 'create', book, ...there)));
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(books.map(() => [0, '']));
    expect((await rolesInFile()).sort()).toEqual(
      [
        'postgres',
        ...LOGIN_ROLES,
        ...books.flatMap((book) => LOGIN_ROLES.map((role) => `${role}_${book}`)),
      ].sort(),
    );
    for (const book of books) expect((await ask('positions', '--book', book, ...there)).code, book).toBe(0);
  });

  test('gets its roles when it is first used, where it has none', async () => {
    await ask('book', 'create', 'demo', ...there);
    await asSuperuser(`drop owned by claire_reader_demo; drop role claire_reader_demo`);
    await server.changePasswords((keep) => keep({ claire_reader_demo: undefined }));
    expect((await ask('positions', '--book', 'demo', ...there)).code).toBe(0);
    const { roles } = await json<Shown>('roles', 'show', '--book', 'demo', ...there);
    expect(roles.flatMap(({ differences }) => differences)).toEqual([]);
  });

  test('is looked after by its own login, and can be dropped meanwhile', async () => {
    await ask('book', 'create', 'demo', ...there);
    const up = start(['up', ...there]);
    afterwards(() => up.signal('SIGKILL'));
    await up.says('Ctrl-C');
    const keepers = () =>
      asSuperuser(
        `select usename from pg_stat_activity where usename ~ 'upkeep' and datname = current_database()`,
      );
    await until(async () => (await keepers()).length === 2);
    expect((await ask('book', 'drop', 'demo', '--yes', ...there)).code).toBe(0);
    expect(await asSuperuser(`select rolname from pg_roles where rolname ~ '_demo$'`)).toEqual([]);
    // At rest the administrator has one of the thirty connections, to see which books there are.
    const superusers = () =>
      asSuperuser(`select application_name from pg_stat_activity
        where usename = 'postgres' and datname = current_database() and application_name like 'claire%'`);
    await until(async () => (await superusers()).length <= 1);
    up.signal('SIGINT');
    expect(await up.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('roles apply and show', () => {
  test('print a connection string a role that works, and no password', async () => {
    const { stdout } = await ask('roles', 'apply', ...there);
    const printed = [...stdout.matchAll(/^(\w+) +(postgresql:\S+)$/gm)].map(([, role, url]) => [role, url]);
    expect(printed.map(([role]) => role)).toEqual([...LOGIN_ROLES]);
    for (const [role, url] of printed) {
      expect(stdout).not.toContain(server.password(role!));
      const database = new Database({ databaseUrl: url!, applicationName: 'tests' });
      const session = await database.query('select session_user').finally(() => database.close());
      expect(session).toEqual([{ session_user: role }]);
    }
    const shown = await json<Shown>('roles', 'show', ...there);
    expect(shown.roles.flatMap(({ connection }) => connection ?? [])).toEqual(printed.map(([, url]) => url));
  });

  test('hold passwords only where they are asked for', async () => {
    const secret = `postgresql://claire:${server.password('claire')}@`;
    for (const what of ['apply', 'show']) {
      for (const style of [[], ['--json']]) {
        expect((await ask('roles', what, ...style, ...there)).stdout).not.toContain(secret);
        expect((await ask('roles', what, '--show-secrets', ...style, ...there)).stdout).toContain(secret);
      }
    }
  });

  test('find what differs, and apply puts it right', async () => {
    await asSuperuser(`alter role signal_engine connection limit 99;
      grant delete on main.signals to signal_engine; revoke insert on main.risk_events from risk_manager`);
    const find = async (role: string) =>
      (await json<Shown>('roles', 'show', ...there)).roles.find((each) => each.role === role)!.differences;
    expect(await find('signal_engine')).toEqual([
      'connections 99, not 12',
      expect.stringMatching(/^has .*delete.*signals.* beyond its part$/i),
    ]);
    expect(await find('risk_manager')).toEqual(['lacks insert on risk_events']);
    expect((await ask('roles', 'show', ...there)).stdout).toMatch(
      /^ {2}signal_engine: connections 99, not 12$/m,
    );
    const { protection } = await json<Shown>('status', ...there);
    expect(protection.join('\n')).toMatch(/signal_engine may have 99 connections/);
    expect((await ask('roles', 'apply', ...there)).code).toBe(0);
    expect(await find('signal_engine')).toEqual([]);
    expect(await find('risk_manager')).toEqual([]);
    expect((await json<Shown>('status', ...there)).protection).toEqual([]);
    expect((await ask('status', ...there)).stdout).toContain('No protection is missing.');
  });

  test('give a login the password of the file again where somebody changed it', async () => {
    await asSuperuser(`alter role signal_engine password 'forgotten'`);
    await expect(logIn('signal_engine', server.password('signal_engine'))).rejects.toMatchObject(refused);
    await ask('roles', 'apply', ...there);
    expect(await logIn('signal_engine', server.password('signal_engine'))).toHaveLength(1);
  });

  test('take no password file of their own for the embedded server', async () => {
    const { code, stderr } = await ask('roles', 'apply', '--passfile', join(server.dataDir, 'x'), ...there);
    expect(code).toBe(2);
    expect(stderr).toContain(server.passfile);
  });
});

describe('roles rotate', () => {
  const untilRefused = (password: string) =>
    until(() =>
      logIn('signal_engine', password).then(
        () => false,
        (error) => error.code === '28P01',
      ),
    );
  const rotate = (...args: string[]) => json<Rotated>('roles', 'rotate', 'signal_engine', ...args, ...there);

  test('lets two passwords in, with the same rights, until the old one is ended', async () => {
    const old = server.password('signal_engine');
    const { current, ending } = await rotate();
    expect([current.name, ending!.name]).toEqual(['signal_engine_2', 'signal_engine']);
    const own = 'select count(*)::int as n from signals';
    expect(await logIn('signal_engine', old, own)).toEqual([{ n: 0 }]);
    const fresh = await passwordOf('signal_engine_2');
    expect(await logIn('signal_engine_2', fresh, own)).toEqual([{ n: 0 }]);
    await expect(logIn('signal_engine_2', fresh, 'select from trades')).rejects.toMatchObject({
      code: '42501',
    });
    expect(await logIn('signal_engine_2', fresh, 'show idle_in_transaction_session_timeout')).toEqual(
      await logIn('signal_engine', old, 'show idle_in_transaction_session_timeout'),
    );
    const limits = await asSuperuser(
      `select distinct rolconnlimit from pg_roles where rolname ~ '^signal_engine'`,
    );
    expect(limits).toEqual([{ rolconnlimit: 12 }]);

    await rotate('--finish');
    await expect(logIn('signal_engine', old)).rejects.toMatchObject(refused);
    expect(await logIn('signal_engine_2', fresh)).toHaveLength(1);
  });

  test('refuses the old password by itself when its time is over', async () => {
    const old = server.password('signal_engine');
    await rotate('--keep', '1s');
    await untilRefused(old);
    const { roles } = await json<Shown>('roles', 'show', ...there);
    expect(roles.find(({ role }) => role === 'signal_engine')!.rotation!.ending!.is_over).toBe(true);
    // Who reads the file comes in again.
    await ask('roles', 'apply', ...there);
    expect(await logIn('signal_engine', await passwordOf('signal_engine'))).toHaveLength(1);
    await expect(logIn('signal_engine', old)).rejects.toMatchObject(refused);
  });

  test('is finished by claire up where its time is over, so that who reads the file comes in', async () => {
    const old = server.password('signal_engine');
    await rotate('--keep', '1s');
    await untilRefused(old);
    const up = start(['up', ...there]);
    afterwards(() => up.signal('SIGKILL'));
    await until(async () => (await passwordOf('signal_engine')) !== old);
    await until(async () =>
      logIn('signal_engine', await passwordOf('signal_engine')).then(
        () => true,
        () => false,
      ),
    );
    await expect(logIn('signal_engine', old)).rejects.toMatchObject(refused);
  });

  test('is finished by the next command that its login is refused for', async () => {
    const old = server.password('claire_reader');
    await ask('roles', 'rotate', 'claire_reader', '--keep', '1s', ...there);
    await until(() =>
      logIn('claire_reader', old).then(
        () => false,
        (error) => error.code === '28P01',
      ),
    );
    expect((await ask('positions', ...there)).code).toBe(0);
    expect(await logIn('claire_reader', await passwordOf('claire_reader'))).toHaveLength(1);
  });

  test('goes back and forth between two logins, and the one that is not needed may not log in', async () => {
    await rotate();
    await rotate('--finish');
    const second = await passwordOf('signal_engine_2');
    const { current, ending } = await rotate();
    expect([current.name, ending!.name]).toEqual(['signal_engine', 'signal_engine_2']);
    expect(await logIn('signal_engine_2', second)).toHaveLength(1);
    expect(await logIn('signal_engine', await passwordOf('signal_engine'))).toHaveLength(1);
    await rotate('--finish');
    await expect(logIn('signal_engine_2', second)).rejects.toMatchObject(refused);
    expect(await rolesInFile()).not.toContain('signal_engine_2');
    expect((await rotate()).current.name).toBe('signal_engine_2');
  });

  test('lends the second login the rights of the first, not its name: it gives it no other password', async () => {
    await rotate();
    const password = await passwordOf('signal_engine_2');
    await expect(logIn('signal_engine_2', password, 'set role signal_engine')).rejects.toMatchObject({
      code: '42501',
    });
    await logIn('signal_engine_2', password, 'select from signals');
  });

  test('is not begun twice, nor finished where none is under way', async () => {
    const codes = async (...args: string[]) =>
      (await ask('roles', 'rotate', 'claire', ...args, ...there)).code;
    expect(await codes('--finish')).toBe(4);
    expect(await codes()).toBe(0);
    expect(await codes()).toBe(4);
    expect(await codes('--finish')).toBe(0);
  });

  test('takes a role that logs in and a duration, and nothing else', async () => {
    for (const args of [['claire_owner'], ['postgres'], ['claire', '--keep', 'a day']])
      expect((await ask('roles', 'rotate', ...args, ...there)).code).toBe(2);
    expect(await asSuperuser(`select from pg_roles where rolvaliduntil is not null`)).toEqual([]);
  });

  test('a client of the library that reads the file goes on through it all', async () => {
    const engine = await connect({
      service: 'signal_engine',
      databaseUrl: server.url('signal_engine'),
      connections: 1,
    });
    const fresh = async () => {
      await asSuperuser(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename ~ '^signal_engine'`,
      );
      return engine.signals();
    };
    try {
      for (let turn = 1; turn <= 2; turn++) {
        for (const args of [[], ['--finish']]) {
          await rotate(...args);
          expect(
            await until(() =>
              fresh().then(
                () => true,
                () => false,
              ),
            ).then(() => engine.signals()),
          ).toEqual([]);
        }
      }
    } finally {
      await engine.close();
    }
  });

  test.skipIf(!needs(hasSqlAlchemy, 'python3-sqlalchemy with python3-psycopg2'))(
    "a SQLAlchemy pool that holds the old password works until its end, and the next one has the new one's",
    async () => {
      const url = (role: string, password: string) =>
        `postgresql+psycopg2://${role}:${password}@127.0.0.1:${server.port}/${server.database}`;
      const old = pooledClient(url('signal_engine', server.password('signal_engine')));
      expect(await old.ask()).toBe('signal_engine');
      await rotate();
      expect(await old.ask()).toBe('signal_engine');
      const next = pooledClient(url('signal_engine_2', await passwordOf('signal_engine_2')));
      expect(await next.ask()).toBe('signal_engine_2');
      await rotate('--finish');
      expect(await old.ask()).toMatch(/OperationalError.*password authentication failed/);
      expect(await next.ask()).toBe('signal_engine_2');
    },
  );

  test('leaves the file closed to others', async () => {
    await rotate();
    expect((await stat(server.passfile)).mode & 0o777).toBe(0o600);
  });
});
