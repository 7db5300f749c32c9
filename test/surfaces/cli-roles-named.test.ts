import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Database, LOGIN_ROLES, readPassfile, roleName } from '../../src/database/index.js';
import { ask, claire, json } from './cli-run.js';
import { afterwards, ground, needs, postgres15, query, useEmbedded } from './embedded-ground.js';

const has15 = needs(existsSync(`${postgres15}/bin/postgres`), `PostgreSQL 15 in ${postgres15}`);

const servers = [['18', {}], ...(has15 ? [['15', { binaries: postgres15 }] as const] : [])] as const;

describe.each(servers)('on a PostgreSQL %s that was named', (_, build) => {
  const running = useEmbedded({ ...build, settings: { fsync: 'off' } });

  let book: string;
  let passfile: string;
  let there: string[];

  const as = (login: string, database: string = running.server.database, password = 'p') =>
    `postgresql://${login}:${password}@127.0.0.1:${running.server.port}/${database}`;
  const asSuperuser = (text: string) => query(running.server, 'postgres', text);

  beforeEach(async () => {
    book = `b${randomBytes(4).toString('hex')}`;
    passfile = join(await ground(), 'below', 'roles.pgpass');
    const url = running.server.url('postgres', { showSecrets: true });
    there = ['--database-url', url, '--book', book, '--passfile', passfile];
    await ask('book', 'create', book, '--database-url', url);
  });

  const sessionOf = async (databaseUrl: string) => {
    const database = new Database({ databaseUrl, applicationName: 'tests' });
    return database
      .query<{ session_user: string }>('select session_user')
      .then(([row]) => row!.session_user)
      .finally(() => database.close());
  };

  test('a book has no roles until it is said, and status names what protection is missing', async () => {
    const { protection } = await json<{ protection: string[] }>('status', ...there.slice(0, 4));
    expect(protection.join('\n')).toContain(roleName('signal_engine', book));
    const { stdout } = await ask('status', ...there.slice(0, 4));
    expect(stdout).toContain('Protection that is missing:');
  });

  test('apply makes the roles, and a password file that only its owner can read, which lets them in', async () => {
    const { connections } = await json<{ connections: Record<string, string> }>('roles', 'apply', ...there);
    expect(Object.keys(connections)).toEqual([...LOGIN_ROLES]);
    expect((await stat(passfile)).mode & 0o777).toBe(0o600);
    for (const [role, url] of Object.entries(connections))
      expect(await sessionOf(url)).toBe(roleName(role as 'claire', book));
    const { protection } = await json<{ protection: string[] }>('status', ...there.slice(0, 4));
    expect(protection).toEqual([]);
    const reads = ['positions', '--book', book, '--database-url', connections.claire_reader!];
    expect((await claire(...reads)).code).toBe(0);
  });

  test('apply again changes no password, and makes one only for a role that was missing', async () => {
    await ask('roles', 'apply', ...there);
    const before = await readFile(passfile, 'utf8');
    await ask('roles', 'apply', ...there);
    expect(await readFile(passfile, 'utf8')).toBe(before);
    const gone = roleName('claire_reader', book);
    await asSuperuser(`drop owned by ${gone}; drop role ${gone}`);
    const { created, connections } = await json<{ created: string[]; connections: Record<string, string> }>(
      ...['roles', 'apply', ...there],
    );
    expect(created).toEqual([gone]);
    for (const url of Object.values(connections)) expect(await sessionOf(url)).toMatch(book);
  });

  test('apply names the roles of which the file has no password', async () => {
    await ask('roles', 'apply', ...there);
    await rm(passfile);
    const { lacking } = await json<{ lacking: string[] }>('roles', 'apply', ...there);
    expect(lacking).toEqual(LOGIN_ROLES.map((role) => roleName(role, book)));
    const { stdout } = await ask('roles', 'apply', ...there);
    expect(stdout).toContain(`The file holds no password of ${lacking.join(', ')}`);
  });

  test('rotate keeps both passwords valid, in the named file, until the old one is ended', async () => {
    await ask('roles', 'apply', ...there);
    const old = (await readPassfile(passfile)).find(({ role }) => role === roleName('risk_manager', book))!;
    const oldUrl = as(old.role, old.database, old.password);
    const { connection } = await json<{ connection: string }>('roles', 'rotate', 'risk_manager', ...there);
    expect(connection).toContain('risk_manager_2');
    expect(await sessionOf(connection)).toBe(`risk_manager_2_${book}`);
    expect(await sessionOf(oldUrl)).toBe(old.role);
    await ask('roles', 'rotate', 'risk_manager', '--finish', ...there);
    await expect(sessionOf(oldUrl)).rejects.toMatchObject({ code: 'login_refused' });
    expect(await sessionOf(connection)).toBe(`risk_manager_2_${book}`);
    const reader = oldUrl.replace(/:[^:@]+@/, '@');
    expect(await sessionOf(`${reader}?passfile=${encodeURIComponent(passfile)}`)).toBe(old.role);
  });

  test('two that apply different books to one file at once lose no line', async () => {
    const other = `${book}_2`;
    await ask('book', 'create', other, ...there.slice(0, 2));
    const both = [there, [...there.slice(0, 3), other, ...there.slice(4)]];
    const ended = await Promise.all(both.map((each) => claire('roles', 'apply', ...each)));
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(await readPassfile(passfile)).toHaveLength(2 * LOGIN_ROLES.length);
  });

  test('an administrator with CREATEROLE, who is no superuser, applies and rotates', async () => {
    const name = `admin_${book}`;
    await asSuperuser(`create role ${name} login createrole password 'p'`);
    await asSuperuser(`create database ${name} owner ${name}`);
    const own = ['--database-url', as(name, name), '--book', `own_${book}`, '--passfile', passfile];
    afterwards(async () => {
      const mine = `select rolname from pg_roles where rolname ~ '_own_${book}$' order by 1`;
      const roles = (await asSuperuser(mine)).map(({ rolname }) => rolname as string);
      await asSuperuser(`drop database ${name} with (force)`);
      await asSuperuser(`drop role ${[...roles, name].join(', ')}`);
    });
    expect((await ask('migrate', ...own.slice(0, 4))).code).toBe(0);
    const { connections } = await json<{ connections: Record<string, string> }>('roles', 'apply', ...own);
    expect(await sessionOf(connections.signal_engine!)).toBe(`signal_engine_own_${book}`);
    const { connection } = await json<{ connection: string }>('roles', 'rotate', 'signal_engine', ...own);
    expect(await sessionOf(connection)).toBe(`signal_engine_2_own_${book}`);
    expect((await ask('roles', 'rotate', 'signal_engine', '--finish', ...own)).code).toBe(0);
    expect(await sessionOf(connections.signal_engine!)).toBe(`signal_engine_own_${book}`);
  });

  describe('where one user has all and may make no role', () => {
    let lonely: string[];

    beforeEach(async () => {
      const name = `lonely_${book}`;
      await asSuperuser(`create role ${name} login password 'p'`);
      await asSuperuser(`create database ${name} owner ${name}`);
      afterwards(async () => {
        await asSuperuser(`drop database ${name} with (force)`);
        await asSuperuser(`drop role ${name}`);
      });
      lonely = ['--database-url', as(name, name), '--book', book];
      expect((await ask('migrate', ...lonely)).code).toBe(0);
    });

    test('Claire works, and status says what protection is missing', async () => {
      for (const command of [['test-data'], ['positions'], ['verify'], ['halt', '--reason', 'tests']])
        expect((await ask(...command, ...lonely)).code, command[0]).toBe(0);
      const { protection } = await json<{ protection: string[] }>('status', ...lonely);
      expect(protection[0]).toMatch(/^There are no roles /);
      expect((await ask('status', ...lonely)).stdout).toContain(protection[0]);
      expect((await ask('roles', 'show', ...lonely)).stdout).toContain('missing');
    });

    test('apply says that it needs CREATEROLE, and makes nothing', async () => {
      const { code, stderr } = await ask('roles', 'apply', ...lonely, '--passfile', passfile);
      expect(code).toBe(4);
      expect(stderr).toContain('CREATEROLE');
      expect(await asSuperuser(`select from pg_roles where rolname = '${roleName('claire', book)}'`)).toEqual(
        [],
      );
      expect(existsSync(passfile) ? await readPassfile(passfile) : []).toEqual([]);
      expect((await ask('positions', ...lonely)).code).toBe(0);
    });
  });
});
