import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  changePassfile,
  LOGIN_ROLES,
  loginNames,
  ROLES,
  readPassfile,
  roleName,
  secondName,
} from '../../src/database/index.js';
import { formatPassfileLine, parsePassfileLine, withPassfileLines } from '../../src/database/passfile.js';

const line = { host: 'db.example', port: '5432', database: 'trading', role: 'claire', password: 'p' };

test('a line is read as it was written, whatever is in its fields', () => {
  for (const password of ['plain', 'with:colon', 'with\\backslash', '\\:both:\\', '# no comment'])
    expect(parsePassfileLine(formatPassfileLine({ ...line, password }))).toEqual({ ...line, password });
});

test('what is no line of five fields is none', () => {
  for (const text of [
    '',
    '# db:5432:*:claire:p',
    'db:5432:*:claire',
    'db:5432:*:claire:',
    ':5432:*:claire:p',
  ])
    expect(parsePassfileLine(text)).toBeUndefined();
});

test('a line takes the place of the one for the same role there, and leaves all others as they are', () => {
  const text =
    '# mine\nother:1:*:me:mine\ndb.example:5432:trading:claire:old\ndb.example:5432:*:claire:any\n';
  expect(withPassfileLines(text, [{ ...line, password: 'new' }])).toBe(text.replace(':old', ':new'));
  expect(withPassfileLines(text, [{ ...line, role: 'claire_reader' }])).toBe(
    `${text}db.example:5432:trading:claire_reader:p\n`,
  );
});

test('only the lines that are asked for go', () => {
  const text = 'a:1:*:x:1\na:1:*:y:2\n#\n';
  expect(withPassfileLines(text, [], ({ role }) => role === 'x')).toBe('a:1:*:y:2\n#\n');
});

test('a file that is made or changed is closed to others', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'claire-passfile-'));
  try {
    const path = join(directory, 'below', 'pgpass');
    await changePassfile(path, [line]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const open = join(directory, 'open');
    await writeFile(open, 'a:1:*:x:1\n', { mode: 0o644 });
    await changePassfile(open, [line]);
    expect((await stat(open)).mode & 0o777).toBe(0o600);
    expect(await readFile(open, 'utf8')).toBe('a:1:*:x:1\ndb.example:5432:trading:claire:p\n');
    expect((await readPassfile(open)).map(({ role }) => role)).toEqual(['x', 'claire']);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('no second login has the name of any role of any book, or more bytes than a name has', () => {
  const long = 'a'.repeat(48);
  const books = [
    'main',
    'demo',
    'demo_2',
    'x_2',
    'owner',
    'owner_x',
    'reader',
    'operator_2',
    long,
    `${long.slice(1)}b`,
  ];
  const roles = new Set(books.flatMap((book) => ROLES.map((role) => roleName(role, book))));
  const seconds = books.flatMap((book) => LOGIN_ROLES.map((role) => secondName(role, book)));
  expect(seconds.filter((name) => roles.has(name))).toEqual([]);
  expect(new Set(seconds).size).toBe(books.length * LOGIN_ROLES.length);
  expect(seconds.filter((name) => name.length > 63)).toEqual([]);
  expect(secondName('signal_engine', 'main')).toBe('signal_engine_2');
  expect(secondName('signal_engine', 'demo')).toBe('signal_engine_2_demo');
  expect(loginNames('main')).toHaveLength(2 * LOGIN_ROLES.length);
});
