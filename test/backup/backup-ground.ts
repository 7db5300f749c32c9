import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createBackup, type Listed, writeLogical } from '../../src/backup/index.js';
import type { BackupKey } from '../../src/backup/keys.js';
import type { Fixture } from '../harness/book.js';

/** A directory for backups, gone after the test that asks for it. */
export async function backupsDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'claire-backups-'));
  // Told to the test: a hook of this module would be that of the first file alone which a worker runs.
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

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
