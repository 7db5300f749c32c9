import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
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
