import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Listed, listBackups, newestVerified, originOf } from '../../src/backup/index.js';
import { writeVerified } from '../../src/backup/repository.js';
import { coverageOf } from '../../src/cli/coverage.js';
import { useBook } from '../harness/book.js';
import { backupsDirectory, takeLogical } from './backup-ground.js';

const book = useBook();
const found = (listed: Listed, ok: boolean) =>
  writeVerified(listed, {
    ...{ at_ms: Date.now(), ok, problems: ok ? [] : ['lost'], broken: [] },
    ...{ duration_ms: 1, server: 18, laws: 1 },
  });

test('what may go is what the newest backup holds that was found right and lies there whole', async () => {
  const backups = await backupsDirectory();
  const covered = () => coverageOf(book.database, backups, 'main');
  await book.sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
    values ('a', 'X', 'BUY', 1, 1, now_ms())`);
  const [older, newer, newest] = [
    await takeLogical(book, backups),
    await takeLogical(book, backups),
    await takeLogical(book, backups),
  ];
  expect(await covered()).toBeUndefined();
  await found(older, true);
  await found(newer, true);
  await found(newest, false);
  expect(await covered()).toEqual({
    ...{ name: newer.name, until_ms: newer.side!.complete_until_ms, open_from: newer.side!.open_from },
    last_ids: { orders: '0', signals: '1', risk_events: '0' },
  });
  await truncate(join(newer.directory, newer.side!.files[0]!.name), 1);
  expect((await covered())?.name).toBe(older.name);
  await rm(join(older.directory, older.side!.files.at(-1)!.name));
  expect(await covered()).toBeUndefined();
});

test('a backup of another server, or of another book, holds nothing of this one', async () => {
  const backups = await backupsDirectory();
  await found(await takeLogical(book, backups), true);
  const origin = await originOf(book.database, 'main');
  const listed = await listBackups(backups);
  expect(newestVerified(listed, origin)).toBeDefined();
  for (const other of [{ systemIdentifier: '1' }, { database: 'other' }, { book: 'other' }])
    expect(newestVerified(listed, { ...origin, ...other })).toBeUndefined();
});
