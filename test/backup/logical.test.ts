import { beforeAll, describe, expect, test } from 'vitest';
import { hasRows, listBackups, openBackup, restoreBook, verifyBackup } from '../../src/backup/index.js';
import { createBook } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { backupsDirectory, record, takeLogical } from './backup-ground.js';

const book = useBook();
/** Restored in a database beside; once in a server of its own. */
const here = { scratch: book.url };

beforeAll(() => record(book));

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
