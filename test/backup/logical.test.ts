import { randomBytes } from 'node:crypto';
import { copyFile, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  findBackup,
  hasRows,
  type Listed,
  listBackups,
  openBackup,
  restoreBook,
  verifyBackup,
} from '../../src/backup/index.js';
import { readKey } from '../../src/backup/keys.js';
import { sqlDirectory } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { backupsDirectory, takeLogical } from './backup-ground.js';

const book = useBook();

/** What has been recorded by every door: rows of the seed's example, decisions, corrections, limits, a halt, candles. */
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
      sums: { price: '2190.0000002' },
    });
    const verified = await verifyBackup(listed!, {});
    expect(verified).toMatchObject({ ok: true, problems: [], server: 18 });
    expect((await listBackups(backups))[0]!.verified).toEqual(verified);
  });

  test('is restored beside, row by row as it was, and the book works on', async () => {
    const taken = await takeLogical(book, await backupsDirectory());
    const target = { admin: book.database, url: book.url, book: 'beside' };
    expect(await hasRows(target)).toBe(false);
    const restored = await openBackup(taken, {}, (opened) => restoreBook(opened, 'main', target));
    expect(restored.rows).toMatchObject({ signals: 20, orders: 15 });
    for (const table of ['signals', 'orders', 'decisions', 'order_history', 'risk', 'limits', 'risk_events']) {
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
    expect(Number((await book.sql<{ id: string }>(`select id::text from signals where signal_id = 'next'`, 'beside'))[0]!.id)).toBeGreaterThan(20);
    await expect(book.sql('delete from signals', 'beside')).rejects.toMatchObject({ code: 'removal_needs_a_permit' });
  });
});
