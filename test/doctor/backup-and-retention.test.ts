import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { verifyBackup } from '../../src/backup/index.js';
import { backupStatus } from '../../src/cli/backup-status.js';
import type { Invocation } from '../../src/cli/command.js';
import type { Queryable } from '../../src/database/index.js';
import { backupsDirectory, takeLogical } from '../backup/backup-ground.js';
import { emptyBook, useBook } from '../harness/book.js';
import { retentionGround } from '../operations/retention-ground.js';
import { ask } from './ground.js';

const book = useBook();
const { signal, order, trade, candle, horizon, run } = retentionGround(book);

beforeEach(async () => {
  await emptyBook(book);
});

/** What `claire doctor --backups` reaches, as `claire status` does. */
const around = (backups: string, now = Date.now()) => ({
  now: () => now,
  backups: (session: Queryable) =>
    backupStatus(
      { globals: { book: 'main', data: backups }, options: { backups } } as unknown as Invocation,
      session,
      now,
    ),
});
const HOUR = 3_600_000;

test('without a place where backups lie their age is not known', async () => {
  expect(await ask(book, 'backup_age')).toMatchObject({ result: 'skipped', remedy: null });
});

test('a backup that nobody has restored does not count; once it was, its age does', async () => {
  const backups = await backupsDirectory();
  await signal('a', 0);
  const taken = await takeLogical(book, backups);
  expect(await ask(book, 'backup_age', around(backups))).toMatchObject({
    result: 'warn',
    sentence: expect.stringMatching(/ The book was made today\.$/),
  });
  await book.sql(`update schema_migrations set applied_at = applied_at - interval '30 hours'`);
  const unverified = await ask(book, 'backup_age', around(backups));
  expect(unverified).toMatchObject({
    result: 'fail',
    sentence: `${backups} holds no backup of book main that was verified.`,
    evidence: [{ directory: backups, backup: null }],
    remedy: { command: 'claire backup create' },
  });
  // The command takes one and restores it.
  expect(await verifyBackup(taken, { scratch: book.url })).toMatchObject({ ok: true });
  expect((await ask(book, 'backup_age', around(backups))).result).toBe('ok');

  const at = (hours: number) => ask(book, 'backup_age', around(backups, taken.side!.taken_ms + hours * HOUR));
  expect((await at(25)).result).toBe('ok');
  expect(await at(27)).toMatchObject({ result: 'warn', evidence: [{ backup: taken.name }] });
  expect(await at(49)).toMatchObject({ result: 'fail' });

  const failure = { at_ms: Date.now(), action: 'create', book: 'main', ok: false, error: 'the disk is full' };
  await appendFile(join(backups, 'log.jsonl'), `${JSON.stringify(failure)}\n`);
  const failed = await ask(book, 'backup_age', around(backups));
  expect(failed).toMatchObject({ result: 'warn', evidence: [{ error: 'the disk is full' }] });
  expect(failed.sentence).toMatch(/Since then create failed at 20\S+: the disk is full\.$/);
});

test('rows that are past their horizon for days and that no run has looked at are found, and removed by a run', async () => {
  expect((await ask(book, 'retention_lag')).result).toBe('ok');
  await signal('young', 31);
  await candle(1, 401);
  expect((await ask(book, 'retention_lag')).result).toBe('ok');
  await signal('old', 40);
  await candle(2, 410);
  const found = await ask(book, 'retention_lag');
  expect(found).toMatchObject({
    result: 'warn',
    evidence: [
      { table: 'signals', keep_days: 30, days_past_horizon: 10, last_run: null },
      { table: 'candles', keep_days: 400, days_past_horizon: 10, last_run: null },
    ],
    remedy: { command: 'claire retention run' },
  });
  const backups = await backupsDirectory();
  expect(await ask(book, 'retention_lag', around(backups))).toMatchObject({
    remedy: { command: 'claire backup create && claire retention run' },
  });
  await run();
  expect((await ask(book, 'retention_lag')).result).toBe('ok');
});

test('what is named stays, and is no lag once a run has looked at it', async () => {
  await order('o', 120);
  await trade('t', 'o', 120);
  expect((await ask(book, 'retention_lag')).result).toBe('warn');
  await run();
  // As though the run were of last week.
  await book.sql(`update retention_runs set ended_at = ended_at - interval '7 days'`);
  expect((await ask(book, 'retention_lag')).result).toBe('ok');
});

test('a run that ended lately comes again; one that failed has looked at nothing', async () => {
  await run();
  await signal('imported', 365);
  expect((await ask(book, 'retention_lag')).result).toBe('ok');
  await book.sql(`update retention_runs set outcome = 'failed'`);
  expect((await ask(book, 'retention_lag')).result).toBe('warn');
});

test('where everything is kept for ever nothing is late', async () => {
  await signal('old', 4000);
  for (const table of ['signals', 'orders', 'risk_events', 'candles']) await horizon(table, null);
  expect(await ask(book, 'retention_lag')).toMatchObject({
    result: 'ok',
    sentence: 'Book main keeps every row for ever.',
  });
});
