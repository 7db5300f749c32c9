import { describe, expect, test } from 'vitest';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { ask, claire, json, useServer } from './cli-run.js';
import { needs } from './embedded-ground.js';
import { hasTerminal, onTerminal } from './terminal.js';

const desk = useServer();
const on = (book: string, ...args: string[]) => ask(...desk.there, '--book', book, ...args);
const bookNames = async () =>
  (await json<{ book: string }[]>(...desk.there, 'book', 'list')).map(({ book }) => book);

describe('books', () => {
  test('a book that is created is listed, answers, and is gone when it is dropped', async () => {
    expect((await ask(...desk.there, 'book', 'create', 'paper')).code).toBe(0);
    expect(await bookNames()).toContain('paper');
    expect((await on('paper', 'positions')).stdout).toMatch(/no such positions in book paper/);
    expect((await ask(...desk.there, 'book', 'drop', 'paper', '--yes')).code).toBe(0);
    expect(await bookNames()).not.toContain('paper');
  });

  test('a book cannot be created twice', async () => {
    await ask(...desk.there, 'book', 'create', 'twice');
    const { code, stderr } = await ask(...desk.there, 'book', 'create', 'twice');
    expect(code).toBe(4);
    expect(stderr).toMatch(/exists already/);
  });

  test('without a terminal nothing is dropped unless --yes is said', async () => {
    await ask(...desk.there, 'book', 'create', 'kept');
    const { code, stderr } = await claire(...desk.there, 'book', 'drop', 'kept');
    expect(code).toBe(4);
    expect(stderr).toMatch(/--yes/);
    expect(await bookNames()).toContain('kept');
  });

  test.skipIf(!needs(hasTerminal, 'the program script of util-linux, for a terminal'))(
    'on a terminal the name is asked for, and only that name drops the book',
    async () => {
      await ask(...desk.there, 'book', 'create', 'typed');
      const other = await onTerminal('Type its name', 'typo', ...desk.there, 'book', 'drop', 'typed');
      expect(other.code).toBe(4);
      expect(other.text).toMatch(
        /Everything in book typed will be gone\. Type its name: .*Another name was typed/s,
      );
      expect(await bookNames()).toContain('typed');
      const same = await onTerminal('Type its name', 'typed', ...desk.there, 'book', 'drop', 'typed');
      expect(same.code).toBe(0);
      expect(same.text).toMatch(/Book typed is dropped/);
      expect(await bookNames()).not.toContain('typed');
    },
  );

  test('a book that does not exist is neither dropped nor read', async () => {
    expect((await ask(...desk.there, 'book', 'drop', 'nowhere', '--yes')).code).toBe(4);
    const { code, stderr } = await on('nowhere', 'positions');
    expect(code).toBe(4);
    expect(stderr).toMatch(/claire book create/);
  });

  test('on a named database no book is made without being asked for', async () => {
    expect((await on('main', 'positions')).code).toBe(4);
    expect(await bookNames()).not.toContain('main');
  });
});

describe('migrate', () => {
  const version = async (book: string) =>
    (await json<{ version: string | null }>(...desk.there, '--book', book, 'migrate', '--status')).version;

  test('brings a book from nothing to 1.0, to 1.1 and to the newest version, and not back', async () => {
    expect(await version('old')).toBe(null);
    for (const to of ['1.0', '1.1']) {
      expect((await on('old', 'migrate', '--to', to)).code).toBe(0);
      expect(await version('old')).toBe(to);
    }
    expect((await on('old', 'migrate', '--to', 'latest')).code).toBe(0);
    expect(await version('old')).toBe(LATEST_VERSION);
    const { code, stderr } = await on('old', 'migrate', '--to', '1.1');
    expect(code).toBe(4);
    expect(stderr).toMatch(/forward only/);
    expect((await on('old', 'migrate')).stdout).toMatch(/there is nothing to do/);
  });

  test('--status says of each migration whether it is applied, and changes nothing', async () => {
    await on('between', 'migrate', '--to', '1.1');
    const status = await json<{ migrations: { version: string; state: string }[] }>(
      ...[...desk.there, '--book', 'between', 'migrate', '--status'],
    );
    for (const { version, state } of status.migrations)
      expect(state).toBe(version > '1.1' ? 'pending' : 'applied');
    expect(await version('between')).toBe('1.1');
    expect((await on('between', 'migrate', '--status')).stdout).toMatch(
      /stands at 1\.1\.\nThe newest version is/,
    );
  });

  test('a book at an older version is neither read nor filled, and is named with what to do', async () => {
    await on('older', 'migrate', '--to', '1.1');
    for (const command of [['positions'], ['test-data'], ['verify']]) {
      const { code, stderr } = await on('older', ...command);
      expect(code).toBe(3);
      expect(stderr).toMatch(/older stands at 1\.1.*\n.*claire migrate/);
    }
    expect((await on('older', 'status')).stdout).toContain(`not at ${LATEST_VERSION}`);
  });
});
