import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lastEvents, listBackups } from '../../src/backup/index.js';
import { backupStatus } from '../../src/cli/backup-status.js';
import type { Invocation } from '../../src/cli/command.js';
import { type Keeping, keepTaking } from '../../src/cli/daily-backups.js';
import type { Place } from '../../src/cli/session.js';
import { useBook } from '../harness/book.js';
import { backupsDirectory, takeLogical } from './backup-ground.js';

const book = useBook();

/** As `up` keeps them, at a moment; until nothing is to be done, or until `until` says so. */
async function keep(
  backups: string,
  { hook, now, until }: { hook?: string; now: number; until?: () => Promise<boolean> },
): Promise<{ taken: string[]; errors: unknown[]; events: [string, object][] }> {
  const end = new AbortController();
  const taken: string[] = [];
  const errors: unknown[] = [];
  const events: [string, object][] = [];
  const place = { url: () => book.url, database: () => book.database } as unknown as Place;
  const settings = { backups, hook, key: undefined, scratch: undefined, gzip: 1, compress: undefined };
  const keeping: Keeping = {
    ...{ place, settings, minutes: 180, kinds: ['logical'], signal: end.signal },
    ...{ books: async () => ['main'], now: () => now },
    onTaken: (sentence) => taken.push(sentence),
    onError: (error) => errors.push(error),
    log: { tell: (event, fields) => void events.push([event, fields]) },
    clock: { now: () => now, sleep: async () => end.abort() },
  };
  const ended = keepTaking(keeping);
  if (until) {
    while (!(await until()));
    end.abort();
  }
  await ended;
  return { taken, errors, events };
}

const DAY_MS = 86_400_000;

test('a backup that was taken and not tried is tried and handed on; what hangs there ends with `up`', async () => {
  const backups = await backupsDirectory();
  const one = await takeLogical(book, backups);
  const now = one.side!.begun_ms + 1;
  const said = join(backups, 'said');
  const hook = `basename "$CLAIRE_BACKUP" > ${said}.new; mv ${said}.new ${said}; sleep 1000`;
  const hangs = keep(backups, { hook, now, until: async () => (await readdir(backups)).includes('said') });
  expect((await hangs).taken).toEqual([]);
  expect((await readFile(said, 'utf8')).trim()).toBe(one.name);
  expect((await listBackups(backups)).map(({ name, verified }) => [name, verified?.ok])).toEqual([
    [one.name, true],
  ]);
  expect(await lastEvents(backups, 1)).toMatchObject([
    { action: 'hook', ok: false, error: 'It ended with SIGTERM.' },
  ]);
  // It is there, and the next time of day has not come.
  expect(await keep(backups, { now })).toEqual({ taken: [], errors: [], events: [] });
  expect(await listBackups(backups)).toHaveLength(1);
});

test('a day later another one is taken, and failures are told until the same has gone well', async () => {
  const backups = await backupsDirectory();
  const one = await takeLogical(book, backups);
  const now = Date.now();
  const status = () =>
    backupStatus(
      { globals: { book: 'main', data: backups }, options: { backups } } as unknown as Invocation,
      book.database,
      now,
    );
  const event = { at_ms: now + 1, action: 'verify', name: one.name, ok: false, error: 'full' };
  const log = join(backups, 'log.jsonl');
  await writeFile(log, `${JSON.stringify({ ...event, book: 'other' })}\n`);
  expect((await status()).failure).toBeNull();
  await writeFile(log, `${JSON.stringify(event)}\n`);
  expect((await status()).failure).toMatchObject({ error: 'full' });
  await writeFile(log, `${JSON.stringify(event)}\n${JSON.stringify({ ...event, ok: true })}\n`);
  expect((await status()).failure).toBeNull();

  const { taken, errors, events } = await keep(backups, { now: one.side!.begun_ms + DAY_MS });
  expect(errors).toEqual([]);
  expect(taken).toHaveLength(1);
  const [newest, ...others] = await listBackups(backups);
  expect(newest!.verified).toMatchObject({ ok: true });
  expect(others.map(({ name }) => name)).toEqual([one.name]);
  const of = { book: 'main', backup: newest!.name };
  expect(events).toEqual([
    ['backup_taken', { ...of, bytes: expect.any(Number), took_ms: expect.any(Number) }],
    ['backup_verified', of],
  ]);
  expect(await status()).toMatchObject({ verified: { name: newest!.name }, failure: null });
});

test('of a directory that cannot be read status says so, and answers', async () => {
  const file = join(await backupsDirectory(), 'file');
  await writeFile(file, '');
  const found = await backupStatus(
    { globals: { book: 'main', data: file }, options: { backups: file } } as unknown as Invocation,
    book.database,
  );
  expect(found).toMatchObject({ verified: null, failure: { action: 'list' } });
});
