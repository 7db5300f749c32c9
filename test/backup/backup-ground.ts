import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { createBackup, type Listed, writeLogical } from '../../src/backup/index.js';
import type { BackupKey } from '../../src/backup/keys.js';
import type { Fixture } from '../harness/book.js';

const directories: string[] = [];

/** A directory for backups, gone after the test. */
export async function backupsDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'claire-backups-'));
  directories.push(directory);
  return directory;
}

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

export const takeLogical = (
  { url }: Pick<Fixture, 'url'>,
  backups: string,
  { book = 'main', key, gzip = 1 }: { book?: string; key?: BackupKey; gzip?: number | false } = {},
): Promise<Listed> =>
  createBackup({ backups, kind: 'logical', of: book, coding: { gzip, key } }, (writing) =>
    writeLogical({ url, book }, writing),
  );

/** Signals, decisions and orders, with text that COPY has to escape. */
export async function record(book: Fixture): Promise<void> {
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
