import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createBackup,
  findBackup,
  hasRows,
  type Listed,
  listBackups,
  openBackup,
  readKey,
  restoreBook,
  verifyBackup,
  writeLogical,
} from '../../src/backup/index.js';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { backupsDirectory, record, takeLogical } from './backup-ground.js';

const book = useBook();
const here = { scratch: book.url };

beforeAll(() => record(book));

describe('what is not what was written', () => {
  let taken: Listed;
  let encrypted: Listed;
  const key = { bytes: randomBytes(32), id: 'one' };
  let home: string;
  beforeAll(async () => {
    home = join(import.meta.dirname, `../../.test-backups-${randomBytes(4).toString('hex')}`);
    await mkdir(home);
    taken = await takeLogical(book, home);
    encrypted = await takeLogical(book, home, { key });
    return () => rm(home, { recursive: true });
  });

  /** A copy of the backup that something was done to. */
  async function broken(of: Listed, damage: (directory: string) => Promise<void>): Promise<Listed> {
    const backups = await backupsDirectory();
    await cp(of.directory, join(backups, of.name), { recursive: true });
    await damage(join(backups, of.name));
    return (await listBackups(backups))[0]!;
  }
  const signals = 'signals.copy';

  test.each([
    [
      'one bit of a file',
      (at: string) => flip(join(at, signals), 40),
      /content of signals\.copy has changed/,
    ],
    ['a file that ends early', (at: string) => truncate(join(at, signals), 20), /signals\.copy has 20 bytes/],
    ['a file that is gone', (at: string) => rm(join(at, signals)), /signals\.copy is missing/],
    [
      'one digit of the side file',
      (at: string) => edit(at, '"rows": 20', '"rows": 21'),
      /backup\.json has changed/,
    ],
    ['half a side file', (at: string) => truncate(join(at, 'backup.json'), 500), /backup\.json: .*JSON/],
    [
      'the side file of another one',
      (at: string) => cp(join(encrypted.directory, 'backup.json'), join(at, 'backup.json')),
      /is that of main_logical/,
    ],
    ['no side file', (at: string) => rm(join(at, 'backup.json')), /backup\.json is missing/],
  ])('%s is found and named', async (_, damage, message) => {
    const verified = await verifyBackup(await broken(taken, damage), here);
    expect(verified.ok).toBe(false);
    expect(verified.problems.join()).toMatch(message);
  });

  test('a key that is another one, or none, is said so, and not taken for damage', async () => {
    for (const given of [undefined, { bytes: randomBytes(32), id: 'two' }]) {
      const refused = await refusal(verifyBackup(encrypted, { ...here, key: given }));
      expect(refused.code).toBe('backup_key_wrong');
    }
    expect(await readFile(join(encrypted.directory, signals), 'latin1')).not.toContain('BTC');
    expect(await verifyBackup(encrypted, { ...here, key })).toMatchObject({ ok: true });
  });

  test('encrypted bytes that were changed together with their sum are found by the cipher', async () => {
    const forged = await broken(encrypted, async (at) => {
      await flip(join(at, signals), 40);
      await reseal(at, signals);
    });
    const verified = await verifyBackup(forged, { ...here, key });
    expect(verified).toMatchObject({ ok: false });
    expect(verified.problems.join()).toContain('signals.copy');
  });

  test('rows that are not those that were counted are found by their table and column', async () => {
    const lying = await createBackup(
      { backups: await backupsDirectory(), kind: 'logical', of: 'main', coding: { gzip: 1 } },
      async (writing) => {
        const written = await writeLogical({ url: book.url, book: 'main' }, writing);
        written.books[0]!.facts.find(({ table }) => table === 'signals')!.sums.price = '2190.00000021';
        return written;
      },
    );
    const verified = await verifyBackup(lying, here);
    expect(verified.problems).toEqual(['signals: the sum of price is 2190.00000020, and was 2190.00000021.']);
    const target = { admin: book.database, url: book.url, book: 'lying' };
    const refused = await refusal(openBackup(lying, here, (opened) => restoreBook(opened, 'main', target)));
    expect(refused.code).toBe('backup_unverified');
    expect(await hasRows(target)).toBe(false);
  });

  test('a backup of a newer program is refused', async () => {
    const newer = await broken(taken, (at) =>
      edit(at, `"schema_version": "${LATEST_VERSION}"`, '"schema_version": "9.9"', true),
    );
    expect((await refusal(openBackup(newer, here, async () => {}))).code).toBe('backup_newer');
  });
});

describe('a backup that cannot be finished', () => {
  test('leaves nothing, where the server ends its session in the middle', async () => {
    const backups = await backupsDirectory();
    const cut = createBackup(
      { backups, kind: 'logical', of: 'main', coding: { gzip: 1 } },
      async (writing) => {
        // While somebody holds a table it waits there, and is ended.
        const release = await holdOpen(book.database, ['lock table main.orders in access exclusive mode']);
        const written = writeLogical({ url: book.url, book: 'main' }, writing);
        written.catch(() => {});
        const waiting = `select pid, pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
          and application_name = 'claire backup' and wait_event_type = 'Lock'`;
        while ((await book.database.query(waiting)).length === 0);
        await release();
        return written;
      },
    );
    expect((await refusal(cut)).code).toBe('database_unreachable');
    expect(await readdir(backups)).toEqual([]);
  });

  test('leaves nothing, where it is aborted', async () => {
    const backups = await backupsDirectory();
    const end = new AbortController();
    const aborted = createBackup(
      {
        ...{ backups, kind: 'logical', of: 'main', coding: { gzip: 1, signal: end.signal } },
        onProgress: (_, __, table) => table === 'orders' && end.abort(),
      },
      (writing) => writeLogical({ url: book.url, book: 'main' }, writing),
    );
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(backups)).toEqual([]);
  });

  test('of a process that was killed is taken away by the next one, and that of a living one is not', async () => {
    const backups = await backupsDirectory();
    await mkdir(join(backups, '.partial-main_logical_20260101T000000Z-999999999'));
    await mkdir(join(backups, `.partial-main_logical_20260101T000000Z-${process.ppid}`));
    const { name } = await takeLogical(book, backups);
    expect((await readdir(backups)).sort()).toEqual([
      `.partial-main_logical_20260101T000000Z-${process.ppid}`,
      name,
    ]);
  });

  test('says that there is none of a name, and reads a key that is one', async () => {
    const backups = await backupsDirectory();
    expect((await refusal(findBackup(backups, 'main_logical_20260101T000000Z'))).code).toBe('backup_missing');
    await writeFile(join(backups, 'key'), 'secret');
    const refused = await refusal(readKey({ file: join(backups, 'key') }));
    expect(refused.code).toBe('backup_key_invalid');
    expect(refused.message).not.toContain('secret');
    expect((await readKey({ text: `${'ab'.repeat(32)}\n` }))!.bytes).toHaveLength(32);
  });
});

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte[0]! ^ 4]), 0, 1, at);
  await file.close();
}

/** Changes the side file, with its seal where that is wanted. */
async function edit(directory: string, from: string, to: string, seals = false): Promise<void> {
  const path = join(directory, 'backup.json');
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(path, text.replace(from, to));
  if (seals) await seal(path);
}

/** The sum of a file as it is now, as if it had been written so. */
async function reseal(directory: string, name: string): Promise<void> {
  const path = join(directory, 'backup.json');
  const side = JSON.parse(await readFile(path, 'utf8'));
  const sum = createHash('sha256').update(await readFile(join(directory, name)));
  side.files.find((file: { name: string }) => file.name === name).sha256 = sum.digest('hex');
  await writeFile(path, JSON.stringify(side));
  await seal(path);
}

async function seal(path: string): Promise<void> {
  const { seal: _, ...side } = JSON.parse(await readFile(path, 'utf8'));
  const sum = createHash('sha256').update(JSON.stringify(side)).digest('hex');
  await writeFile(path, JSON.stringify({ ...side, seal: sum }));
}
