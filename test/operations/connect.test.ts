import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { redact } from '../../src/database/index.js';
import { connect } from '../../src/index.js';
import { refusal, useBook } from '../harness/book.js';
import { freePort } from '../harness/server.js';

const book = useBook();
let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claire-passfile-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const server = new URL(inject('serverUrl'));
const secret = decodeURIComponent(server.password);

/** The URL of the book with a passfile of these lines instead of the password. */
async function withPassfile(lines: string, mode = 0o600): Promise<string> {
  const file = join(directory, `pass ${Math.random()}`);
  await writeFile(file, lines, { mode });
  await chmod(file, mode);
  const url = new URL(book.url);
  url.password = '';
  url.searchParams.set('passfile', file);
  return url.href;
}

const open = async (databaseUrl: string) => {
  const claire = await connect({ service: 'tests', databaseUrl });
  try {
    return await claire.summary();
  } finally {
    await claire.close();
  }
};

describe('the password comes from a passfile', () => {
  const line = (host = server.hostname) =>
    `${host}:${server.port}:*:postgres:${secret.replace(/[\\:]/g, '\\$&')}`;

  test('as libpq reads it: the first line that fits', async () => {
    const file = await withPassfile(`# a comment\nother:5432:*:postgres:wrong\n${line()}\n${line('*')}x\n`);
    expect(await open(file)).toMatchObject({ signals: 0 });
  });

  test.each([
    ['no line that fits', 'other:1:*:postgres:x\n', 0o600, /has no line for/],
    ['a file that others may read', 'x', 0o644, /may be read by others/],
  ])('%s is said', async (_, lines, mode, problem) => {
    const error = await refusal(open(await withPassfile(lines, mode)));
    expect(error).toMatchObject({ code: 'login_refused', message: expect.stringMatching(problem) });
  });

  test('a file that is not there is said', async () => {
    const url = (await withPassfile('')).replace(/passfile=[^&]*/, 'passfile=%2Fnowhere');
    expect((await refusal(open(url))).message).toMatch(/passfile \/nowhere cannot be read/);
  });
});

describe('what cannot be connected to is named, without a secret', () => {
  const change = (edit: (url: URL) => void) => {
    const url = new URL(book.url);
    edit(url);
    return url.href;
  };

  test.each([
    ['a wrong password', 'login_refused', (url: URL) => (url.password = 'wrong-secret')],
    ['no password', 'login_refused', (url: URL) => (url.password = '')],
    ['an unknown login', 'login_refused', (url: URL) => (url.username = 'nobody_here')],
    ['an unknown database', 'database_unreachable', (url: URL) => (url.pathname = '/nothing_here')],
    ['not a database URL', 'database_url_invalid', (url: URL) => (url.protocol = 'mysql:')],
  ])('%s', async (_, code, edit) => {
    const error = await refusal(open(change(edit)));
    expect(error.code).toBe(code);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain(secret);
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('wrong-secret');
  });

  test('a port where nobody listens', async () => {
    const port = await freePort();
    const error = await refusal(open(change((url) => (url.port = String(port)))));
    expect(error).toMatchObject({
      code: 'database_unreachable',
      message: expect.stringContaining(String(port)),
    });
  });

  test('a URL is shown without its password', () => {
    expect(redact('postgresql://a:geheim@h:1/d?x=1')).toBe('postgresql://a:***@h:1/d?x=1');
    expect(redact('postgresql://a@h:1/d')).toBe('postgresql://a@h:1/d');
  });

  test('after close every call says so', async () => {
    const claire = await connect({ service: 'tests', databaseUrl: book.url });
    await claire.close();
    await claire.close();
    expect((await refusal(claire.positions())).code).toBe('claire_closed');
    expect((await refusal(claire.transaction(async () => {}))).code).toBe('claire_closed');
  });
});
