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
import { createBook, LATEST_VERSION } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { backupsDirectory, takeLogical } from './backup-ground.js';

const book = useBook();
/** Restored in a database beside; once in a server of its own. */
const here = { scratch: book.url };

/** Signals, decisions and orders, with text that COPY has to escape. */
async function record(): Promise<void> {
  const claire = await book.connect();
  for (let n = 0; n < 20; n++) {
    await claire.recordSignal({
      signal_id: `s${n}`,
      symbol: n % 2 ? 'BTC/USD' : 'ETH/USD',
      side: 'BUY',
      price: `${100 + n}.00000001`,
      confidence: '0.9',
      timestamp: 1705072800000 + n,
      metadata: { text: 'tab\there, line\nthere, back\\slash, \u00e4\u20ac, "quoted"', big: 12345678901234 },
    });
    if (n < 15) await claire.decide({ signal_id: `s${n}`, quantity: '1.5' });
  }
  expect(await book.sql('select count(*)::int as n from orders')).toEqual([{ n: 15 }]);
}

beforeAll(record);

describe('a logical backup', () => {
  test('says what it holds, is found again and is what was backed up', async () => {
    const backups = await backupsDirectory();
    const taken = await takeLogical(book, backups);
    const [listed] = await listBackups(backups);
    expect(listed).toEqual(taken);
    expect(listed!.side!.books[0]!.facts.find(({ table }) => table === 'signals')).toMatchObject({
      rows: 20,
      sums: { price: '2190.00000020' },
    });
    const verified = await verifyBackup(listed!, {});
    expect(verified).toMatchObject({ ok: true, problems: [], server: 18 });
    expect((await listBackups(backups))[0]!.verified).toEqual(verified);
  });

  test('is restored beside, row by row as it was, and the book works on', async () => {
    const taken = await takeLogical(book, await backupsDirectory());
    const target = { admin: book.database, url: book.url, book: 'beside' };
    expect(await hasRows(target)).toBe(false);
    await createBook(book.database, 'beside');
    expect(await hasRows(target)).toBe(false);
    const restored = await openBackup(taken, here, (opened) => restoreBook(opened, 'main', target));
    expect(restored.rows).toMatchObject({ signals: 20, orders: 15 });
    for (const table of [
      'signals',
      'orders',
      'decisions',
      'order_history',
      'risk',
      'limits',
      'risk_events',
    ]) {
      const rows = (schema: string) =>
        book.sql(`select to_jsonb(t)::text as row from ${table} as t order by 1`, schema);
      expect(await rows('beside'), table).toEqual(await rows('main'));
    }
    const claire = await book.connect({ book: 'beside' });
    expect((await claire.verify()).filter((law) => law.broken > 0)).toEqual([]);
    await claire.recordSignal({
      signal_id: 'next',
      ...{ symbol: 'BTC/USD', side: 'BUY', price: '1', confidence: '1', timestamp: 1705072800000 },
    });
    expect(
      Number(
        (
          await book.sql<{ id: string }>(`select id::text from signals where signal_id = 'next'`, 'beside')
        )[0]!.id,
      ),
    ).toBeGreaterThan(20);
    await expect(book.sql('delete from signals', 'beside')).rejects.toMatchObject({
      code: 'removal_refused',
    });
  });

  test('holds whole transactions while others write', async () => {
    const writer = await book.connect({ book: await book.bookAt() });
    const name = writer.book;
    let isOver = false;
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let n = 0; !isOver; n++) {
        await writer.transaction(async (t) => {
          for (const half of ['a', 'b'])
            await t.recordSignal({
              ...{ signal_id: `${n}${half}`, symbol: 'X', side: 'BUY', price: '1', confidence: '1' },
              timestamp: 1705072800000,
            });
        });
        acknowledged.push(`${n}a`, `${n}b`);
      }
    })();
    while (acknowledged.length < 20) await new Promise((done) => setTimeout(done, 5));
    const before = [...acknowledged];
    const taken = await takeLogical(book, await backupsDirectory(), { book: name });
    isOver = true;
    await writing;
    await openBackup(taken, here, async ({ database, problems, broken }) => {
      expect([...problems, ...broken]).toEqual([]);
      const rows = await database.query<{ signal_id: string }>(`select signal_id from ${name}.signals`);
      const ids = new Set(rows.map(({ signal_id }) => signal_id));
      expect(before.filter((id) => !ids.has(id))).toEqual([]);
      expect(ids.size % 2).toBe(0);
    });
  });

  test('of an older version is restored and brought forward, with rows that break newer laws', async () => {
    const old = await book.bookAt('1.1');
    await book.sql(
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values
         ('s', ' BTC/USD ', 'BUY', 1.5, 1, 1705072800), ('t', 'ETH/USD', 'SELL', 2, 1, 1705072800000);
       alter table signals add column note text default 'mine'`,
      old,
    );
    const taken = await takeLogical(book, await backupsDirectory(), { book: old });
    expect(taken.side!.books[0]!.schema_version).toBe('1.1');
    const target = { admin: book.database, url: book.url, book: `${old}_new` };
    await openBackup(taken, here, (opened) => restoreBook(opened, old, target));
    expect(await book.sql('select symbol, timestamp, note from signals order by id', target.book)).toEqual([
      { symbol: 'BTC/USD', timestamp: 1705072800000, note: 'mine' },
      { symbol: 'ETH/USD', timestamp: 1705072800000, note: 'mine' },
    ]);
    expect(await verifyBackup(taken, here)).toMatchObject({ ok: true, laws: 0 });
  });

  test('keeps laws open that old rows break, and the rows', async () => {
    const dirty = await book.bookAt();
    await book.sql(
      `alter table signals drop constraint signals_price_check;
       insert into signals (signal_id, symbol, side, price, confidence, timestamp)
       values ('s', 'X', 'BUY', -1, 1, 1705072800000);
       alter table signals add constraint signals_price_check check (price > 0) not valid`,
      dirty,
    );
    const taken = await takeLogical(book, await backupsDirectory(), { book: dirty });
    const verified = await verifyBackup(taken, here);
    expect(verified).toMatchObject({
      ok: true,
      broken: [expect.stringMatching(/rows that were there before/)],
    });
    const target = { admin: book.database, url: book.url, book: `${dirty}_new` };
    await openBackup(taken, here, (opened) => restoreBook(opened, dirty, target));
    expect(await book.sql('select price from signals', target.book)).toEqual([{ price: '-1' }]);
    await expect(
      book.sql(
        `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
         values ('t', 'X', 'BUY', -1, 1, 1705072800000)`,
        target.book,
      ),
    ).rejects.toMatchObject({ code: 'price_out_of_range' });
  });
});

describe('a restore in the place of what is there', () => {
  test('asks for it, brings back what was, and leaves what is there where it is cut', async () => {
    const name = await book.bookAt();
    const claire = await book.connect({ book: name });
    const signal = {
      symbol: 'X',
      side: 'BUY',
      price: '1',
      confidence: '1',
      timestamp: 1705072800000,
    } as const;
    await claire.recordSignal({ ...signal, signal_id: 'before' });
    const taken = await takeLogical(book, await backupsDirectory(), { book: name });
    await claire.recordSignal({ ...signal, signal_id: 'after' });
    const there = () => book.sql('select signal_id from signals order by id', name);
    const target = { admin: book.database, url: book.url, book: name };
    expect(await hasRows(target)).toBe(true);
    await openBackup(taken, here, async (opened) => {
      const refused = await refusal(restoreBook(opened, name, target));
      expect(refused.code).toBe('restore_not_empty');
      // Of the session that restores, in the middle of its work.
      const cut = restoreBook(opened, name, target, {
        replace: true,
        onTable: (table) => {
          if (table === 'orders')
            void book.database.query(
              `select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and application_name = 'claire restore'`,
            );
        },
        beforehand: async () => {
          await expect(
            book.sql(`set lock_timeout to 100; insert into signals select * from signals`, name),
          ).rejects.toMatchObject({ code: 'lock_timed_out' });
        },
      });
      expect((await refusal(cut)).code).toBe('database_unreachable');
      expect(await there()).toEqual([{ signal_id: 'before' }, { signal_id: 'after' }]);
      await restoreBook(opened, name, target, { replace: true });
      expect(await there()).toEqual([{ signal_id: 'before' }]);
    });
    await claire.recordSignal({ ...signal, signal_id: 'after' });
    expect(await there()).toEqual([{ signal_id: 'before' }, { signal_id: 'after' }]);
  });
});

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
