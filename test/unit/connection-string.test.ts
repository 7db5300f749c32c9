import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseDatabaseUrl, redact, withDatabase } from '../../src/database/index.js';

let directory: string;
const file = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claire-url-'));
  vi.stubEnv('HOME', directory);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.stubEnv('HOME', directory);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

describe('a connection string means what libpq says', () => {
  test.each([
    ['postgresql://a@h:1/d', { user: 'a', host: 'h', port: 1, database: 'd', ssl: false }],
    ['postgres://[::1]:5/d', { host: '::1', port: 5, database: 'd' }],
    ['postgresql://', { ssl: false }],
    [
      'postgresql://a@/d?host=/var/run/postgresql&port=5433',
      { host: '/var/run/postgresql', port: 5433, user: 'a' },
    ],
    ['postgresql://a@%2Frun%2Fpg/d', { host: '/run/pg', user: 'a', database: 'd', ssl: false }],
    ['postgresql:///d?host=/run/pg&user=a', { host: '/run/pg', user: 'a', database: 'd' }],
    ['postgresql://a:p%40s%25s@h', { password: 'p@s%s' }],
    ['postgresql://a:p@s#s@h', { password: 'p@s#s', host: 'h' }],
    [
      'postgresql://h?user=b&password=x+y&dbname=d&port=7',
      { user: 'b', password: 'x+y', database: 'd', port: 7 },
    ],
    ['postgresql://h?options=-c+role%3Dx', { options: '-c role=x' }],
    ['postgresql://h?connect_timeout=1', { connectionTimeoutMillis: 2000 }],
    ['postgresql://h?application_name=desk&keepalives=1', { application_name: 'desk' }],
  ])('%s', (text, wanted) => {
    expect(parseDatabaseUrl(text)).toMatchObject(wanted);
  });

  test('what it does not say is left to the driver', () => {
    expect(Object.keys(parseDatabaseUrl('postgresql://h')).sort()).toEqual(['host', 'password', 'ssl']);
    expect(parseDatabaseUrl('postgresql://h?connect_timeout=0')).not.toHaveProperty(
      'connectionTimeoutMillis',
    );
  });

  test.each([
    ['no URL', 'host=h dbname=d', /not a URL/],
    ['another scheme', 'mysql://h/d', /begins with mysql/],
    ['a port that is none', 'postgresql://h:70000/d', /port/],
    ['a login without a host', 'postgresql://a:geheim', /port/],
    ['a / that was not encoded', 'postgresql://a:geh/eim@h/d', /%2F/],
    ['a % that was not encoded', 'postgresql://a:geh%eim@h/d', /password.*%25/],
    ['a NUL', 'postgresql://a:geheim%00@h/d', /password/],
    ['a parameter without a value', 'postgresql://h/d?geheim', /NAME=VALUE/],
    ['several hosts', 'postgresql://h1,h2/d', /several hosts/],
    ['a misspelt parameter', 'postgresql://h/d?sslmod=verify-full', /"sslmod" is not known/],
    ['what cannot be promised', 'postgresql://h/d?channel_binding=require', /channel_binding.*leave it out/],
    ['a standby', 'postgresql://h/d?target_session_attrs=standby', /target_session_attrs/],
    ['a time that is none', 'postgresql://h/d?connect_timeout=soon', /connect_timeout/],
    ['an unknown sslmode', 'postgresql://h/d?sslmode=verifyfull', /sslmode is "verifyfull".*verify-full/],
    ['verify-ca without an authority', 'postgresql://h/d?sslmode=verify-ca', /sslrootcert=FILE/],
    ['everyone as an authority', 'postgresql://h/d?sslmode=require&sslrootcert=system', /verify-full/],
    [
      'a file that is not there',
      'postgresql://h/d?sslrootcert=/nowhere/ca',
      /sslrootcert: \/nowhere\/ca.*ENOENT/,
    ],
    ['half of a pair', 'postgresql://h/d?sslmode=require&sslcert=/a', /sslcert and sslkey/],
    ['a version that is none', 'postgresql://h/d?sslmode=require&ssl_min_protocol_version=3', /ssl_min/],
  ])('%s is refused, and named', (_, text, found) => {
    expect(() => parseDatabaseUrl(text)).toThrow(found);
    expect(() => parseDatabaseUrl(text)).toThrow(expect.objectContaining({ code: 'database_url_invalid' }));
    expect(() => parseDatabaseUrl(text)).not.toThrow(/geheim|geh|eim/);
  });

  test('another database goes into every form of it', () => {
    expect(withDatabase('postgresql://a:x@h:1/d?sslmode=require', 'e f')).toBe(
      'postgresql://a:x@h:1/e%20f?sslmode=require',
    );
    expect(withDatabase('postgresql://a@/d?host=/tmp&dbname=g', 'e')).toBe('postgresql://a@/e?host=/tmp');
    expect(withDatabase('postgresql://h', 'e')).toBe('postgresql://h/e');
  });
});

describe('sslmode', () => {
  const ssl = (query: string) => parseDatabaseUrl(`postgresql://h/d?${query}`).ssl;

  test('says how much is verified', () => {
    expect(ssl('sslmode=disable')).toBe(false);
    expect(ssl('sslmode=require')).toMatchObject({ rejectUnauthorized: false });
    expect(ssl('ssl=true')).toMatchObject({ rejectUnauthorized: false });
    expect(ssl('sslmode=verify-full')).toEqual({ rejectUnauthorized: true });
    expect(parseDatabaseUrl('postgresql://h/d?sslmode=prefer')).toMatchObject({
      ssl: false,
      stream: expect.any(Function),
    });
    expect(ssl('sslrootcert=system')).toEqual({ rejectUnauthorized: true });
  });

  test('comes from the environment where the string says none, and means nothing on a socket', () => {
    vi.stubEnv('PGSSLMODE', 'verify-full');
    expect(ssl('')).toEqual({ rejectUnauthorized: true });
    expect(ssl('sslmode=disable')).toBe(false);
    expect(parseDatabaseUrl('postgresql:///d?host=/tmp').ssl).toBe(false);
    vi.stubEnv('PGSSLMODE', 'nonsense');
    expect(() => ssl('')).toThrow(/sslmode is "nonsense"/);
  });

  test('a file that holds no certificate, and a key that others may read, are refused', async () => {
    await writeFile(file('none.pem'), 'nothing', { mode: 0o644 });
    expect(() => ssl(`sslrootcert=${file('none.pem')}`)).toThrow(/holds no certificate/);
    const pair = `sslcert=${file('none.pem')}&sslkey=${file('none.pem')}`;
    expect(() => ssl(`sslmode=require&${pair}`)).toThrow(/chmod 600/);
    await rm(file('none.pem'));
    await writeFile(file('none.pem'), 'nothing', { mode: 0o600 });
    expect(() => ssl(`sslmode=require&${pair}&sslpassword=geheim`)).toThrow(/cannot be used together/);
  });
});

describe('the passfile', () => {
  const password = (text: string, asked: object) => {
    const found = parseDatabaseUrl(text).password;
    return typeof found === 'function' ? found(asked) : found;
  };
  const asked = { host: 'h', port: 5432, database: 'd', user: 'a' };

  test('is read as libpq reads it: escapes, stars, the first line that fits, sockets as localhost', async () => {
    const text = [
      '# a comment',
      'h:5432:d',
      'h:*:other:a:no',
      'h:5432:*:a:p\\:w\\\\d',
      'localhost:*:*:a:local',
      '/run/pg:*:*:a:far',
    ];
    await writeFile(file('pass'), `${text.join('\n')}\n`, { mode: 0o600 });
    const url = `postgresql://a@h/d?passfile=${file('pass')}`;
    expect(await password(url, asked)).toBe('p:w\\d');
    expect(await password(url, { ...asked, host: '/var/run/postgresql' })).toBe('local');
    expect(await password(url, { ...asked, host: '/run/pg' })).toBe('far');
    await expect(password(url, { ...asked, user: 'b' })).rejects.toThrow(/no line for h:5432:d:b/);
  });

  test('is the one at home where none is named, and none is no error until a password is wanted', async () => {
    await expect(password('postgresql://a@h/d', asked)).rejects.toThrow(/none was given/);
    await writeFile(file('.pgpass'), 'h:*:*:*:home\n', { mode: 0o600 });
    expect(await password('postgresql://a@h/d', asked)).toBe('home');
    await rm(file('.pgpass'));
    await writeFile(file('.pgpass'), 'h:*:*:*:home\n', { mode: 0o644 });
    await expect(password('postgresql://a@h/d', asked)).rejects.toThrow(/chmod 600/);
    await rm(file('.pgpass'));
  });

  test('is not asked where the string holds the password', async () => {
    expect(await password('postgresql://a@h/d?password=x&passfile=/nowhere', asked)).toBe('x');
  });
});

describe('a password is shown nowhere', () => {
  const piece = fc.constantFrom('geheim', '@', '/', '?', '#', ':', '%', '%41', '&', '=', ' ', '+', 'ß', '\0');
  const secret = fc.array(piece, { maxLength: 6 }).map((pieces) => `geheim${pieces.join('')}geheim`);
  const text = fc.oneof(
    secret.map((raw) => `postgresql://a:${raw}@h:1/d?sslmode=disable`),
    secret.map((raw) => `postgresql://a:${encodeURIComponent(raw)}@/d?host=/tmp`),
    secret.map((raw) => `postgres://a@h/d?sslpassword=${encodeURIComponent(raw)}&password=x`),
    secret.map((raw) => `postgresql://h?x=1&pass%77ord=${encodeURIComponent(raw)}#x`),
    // Without its host; an @ in there would make one.
    secret.filter((raw) => !raw.includes('@')).map((raw) => `postgresql://a:${raw}`),
    secret.map((raw) => `mysql://a:${raw}@h`),
  );

  const said = (work: () => unknown): string => {
    try {
      return JSON.stringify(work());
    } catch (error) {
      return `${(error as Error).stack} ${JSON.stringify(error)}`;
    }
  };
  const keeps = (hide: (text: string) => string) =>
    fc.property(text, (given) => !/geheim/.test(said(() => hide(given))));

  test('by redact, nor by the error of what cannot be read', () => {
    fc.assert(keeps(redact), { numRuns: 2000 });
    fc.assert(
      keeps((given) => `${typeof parseDatabaseUrl(given)}`),
      { numRuns: 2000 },
    );
  });

  test('a careless redact is found out', () => {
    const careless = (given: string) => given.replace(/:\/\/([^:]*):[^@]*@/, '://$1:***@');
    expect(fc.check(keeps(careless)).failed).toBe(true);
  });
});
