import { describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import { claire } from './cli-run.js';
import {
  type Authority,
  type DoorServer,
  type Ground,
  has,
  makeAuthority,
  OPENSSL,
  PASSWORD,
  startServer,
  useGround,
} from './doors-ground.js';
import { needs } from './embedded-ground.js';

describe.skipIf(!needs(has(OPENSSL), OPENSSL))('a server with TLS', () => {
  let ground: Ground;
  let server: DoorServer;
  let authority: Authority;
  let stranger: Authority;
  let plain: DoorServer;
  useGround(async (made) => {
    ground = made;
    [authority, stranger] = [await makeAuthority(ground, 'ca'), await makeAuthority(ground, 'other')];
    const { cert, key } = await authority.sign('server', 'door', 'subjectAltName=DNS:localhost');
    const hba = ['hostssl all carol all cert', 'hostssl all all all scram-sha-256'];
    const tls = { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key, ssl_ca_file: authority.file };
    server = await startServer(ground, { settings: { listen_addresses: '127.0.0.1', ...tls }, hba });
    plain = await startServer(ground, {
      settings: { listen_addresses: '127.0.0.1' },
      hba: ['host all all all scram-sha-256'],
    });
  });

  const at = (query: string, { host = 'localhost', login = `postgres:${PASSWORD}`, to = server } = {}) =>
    `postgresql://${login}@${host}:${to.port}/postgres?${query}`;
  const mine = () => `sslrootcert=${authority.file}`;

  /** The version of TLS that the server sees; null without. */
  async function tls(databaseUrl: string): Promise<string | null> {
    const database = new Database({ databaseUrl, applicationName: 'tests', connections: 1 });
    try {
      const [row] = await database.query<{ version: string | null }>(
        'select version from pg_stat_ssl where pid = pg_backend_pid()',
      );
      return row!.version;
    } finally {
      await database.close();
    }
  }

  test.each([
    ['verify-full with the authority', () => at(`sslmode=verify-full&${mine()}`)],
    ['verify-full where only the authority is named', () => at(mine())],
    ['verify-ca, whatever the name', () => at(`sslmode=verify-ca&${mine()}`, { host: '127.0.0.1' })],
    ['require with an authority, as verify-ca', () => at(`sslmode=require&${mine()}`, { host: '127.0.0.1' })],
    ['require without one, unverified', () => at('sslmode=require', { host: '127.0.0.1' })],
    ['prefer, unverified', () => at('sslmode=prefer')],
  ])('%s is connected with TLS', async (_, url) => {
    expect(await tls(url())).toMatch(/^TLSv1\.[23]$/);
  });

  test.each([
    ['without the authority', () => at('sslmode=verify-full'), /certificate/],
    [
      'with the authority of somebody else',
      () => at(`sslmode=verify-full&sslrootcert=${stranger.file}`),
      /certificate/,
    ],
    ['with everyone as an authority', () => at('sslrootcert=system'), /certificate/],
    [
      'by another name',
      () => at(`sslmode=verify-full&${mine()}`, { host: '127.0.0.1' }),
      /127\.0\.0\.1 is not in the cert/,
    ],
    [
      'require with the authority of somebody else',
      () => at(`sslmode=require&sslrootcert=${stranger.file}`),
      /certificate/,
    ],
    ['of a server that has no TLS', () => at('sslmode=require', { to: plain }), /does not support SSL/],
  ])('%s it is refused, with what is wrong and what to do', async (_, url, found) => {
    const error = await tls(url()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'connection_insecure',
      message: expect.stringMatching(found),
      remedy: expect.stringContaining('sslrootcert=FILE'),
    });
    expect(JSON.stringify(error)).not.toContain(PASSWORD);
  });

  test('a login may show a certificate instead of a password', async () => {
    const database = new Database({ databaseUrl: at('sslmode=require'), applicationName: 'tests' });
    await database.query('create role carol login');
    await database.close();
    const { cert, key } = await authority.sign('carol', 'carol');
    const own = `sslmode=verify-full&${mine()}&sslcert=${cert}&sslkey=${key}`;
    expect(await tls(at(own, { login: 'carol' }))).toMatch(/^TLSv1/);
    await expect(tls(at(`sslmode=verify-full&${mine()}`, { login: 'carol' }))).rejects.toMatchObject({
      code: 'login_refused',
    });
  });

  test('clear text is what a string without sslmode asks for; a server that wants TLS refuses it', async () => {
    expect(await tls(at('', { to: plain }))).toBeNull();
    expect(await tls(at('sslmode=disable', { to: plain }))).toBeNull();
    await expect(tls(at(''))).rejects.toMatchObject({
      code: 'login_refused',
      message: expect.stringContaining('no encryption'),
    });
  });

  test('prefer goes on in clear text where the server has no TLS, and nowhere else', async () => {
    expect(await tls(at('sslmode=prefer', { to: plain }))).toBeNull();
    const strangers = at(`sslmode=prefer&sslrootcert=${stranger.file}`);
    await expect(tls(strangers)).rejects.toMatchObject({ code: 'connection_insecure' });
    await expect(tls(at('sslmode=prefer', { to: { port: 1, socket: '' } }))).rejects.toMatchObject({
      code: 'database_unreachable',
    });
  });

  test.each([
    ['with TLS', () => at('sslmode=prefer')],
    ['without', () => at('sslmode=prefer', { to: plain })],
  ])('%s prefer carries much both ways, of many callers, and notices an end', async (_, url) => {
    const database = new Database({ databaseUrl: url(), applicationName: 'tests', connections: 3 });
    const text = 'x'.repeat(3_000_000);
    const echo = () => database.query<{ text: string }>('select $1::text as text', [text]);
    for (const [row] of await Promise.all([echo(), echo(), echo(), echo()])) expect(row!.text).toBe(text);
    await expect(database.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
      code: 'database_unreachable',
    });
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    await database.close();
  });

  test('the command says it without the password, and without the warnings of the driver', async () => {
    const refused = await claire('status', '--database-url', at('sslmode=verify-full'));
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(
      /^claire: The connection cannot be made as safe .*\nName the authority .*\n$/,
    );
    const { code, stderr } = await claire('status', '--database-url', at('sslmode=require'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
