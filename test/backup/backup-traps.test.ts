import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atOneMoment } from '../../src/backup/create.js';
import {
  isDue,
  listBackups,
  newestVerified,
  openBackup,
  originOf,
  pruneBackups,
  restoreBook,
  verifyBackup,
} from '../../src/backup/index.js';
import { removeBackup, writeVerified } from '../../src/backup/repository.js';
import { openCopySession } from '../../src/database/index.js';
import { readLog } from '../../src/operations/index.js';
import { migrate } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { backupsDirectory, takeLogical } from './backup-ground.js';

const book = useBook();
const here = { scratch: book.url };
const SIGNAL = `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
  values ('s', 'X', 'BUY', 1.5, 1, 1705072800000)`;

describe('the moment of a backup', () => {
  test('holds its tables, which would look empty to it where somebody truncates or rewrites them', async () => {
    const session = await openCopySession(book.url, 'claire backup');
    await atOneMoment(session, ['main'], async () => {
      for (const crime of ['truncate signals cascade', 'alter table signals alter column id type numeric']) {
        const refused = await refusal(book.sql(`set local lock_timeout to 20; ${crime}`));
        expect(refused.code).toBe('lock_timed_out');
      }
      await book.sql(SIGNAL);
    }).finally(() => session.close());
  });

  test('does not say that it has what was open when it began, though it ended meanwhile', async () => {
    const begun = await book.sql<{ at: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as at',
    );
    const release = await holdOpen(book.database, ['lock table main.orders in access exclusive mode']);
    const session = await openCopySession(book.url, 'claire backup');
    const moment = atOneMoment(session, ['main'], async (seen) => seen);
    const waiting = `select pid from pg_stat_activity where application_name = 'claire backup'
      and datname = current_database() and wait_event_type = 'Lock'`;
    while ((await book.database.query(waiting)).length === 0);
    const [held] = await book.sql<{ at: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as at',
    );
    await release();
    const { complete_until_ms, taken_ms } = await moment.finally(() => session.close());
    expect(complete_until_ms).toBeGreaterThanOrEqual(begun[0]!.at - 1000);
    expect(complete_until_ms).toBeLessThan(held!.at);
    expect(taken_ms).toBeGreaterThanOrEqual(Math.floor(held!.at));
  });
});

describe('what somebody added to a book', () => {
  test('is brought back by value, whatever its type, its numbers and how the database has values written', async () => {
    const name = await book.bookAt();
    await book.sql(
      `create type mood as enum ('good'); create domain few as numeric check (value < 9);
       alter table signals add column n serial, add column g int generated always as identity,
         add column m mood default 'good', add column c "char" default 'c', add column f few default 3.10,
         add column a numeric[] default '{1.10,2}', add column d float8 default 0.1::float8 + 0.2::float8,
         add column b bytea default '\\x00ff', add column i interval default '-1 year 2 months'`,
      name,
    );
    await book.sql(SIGNAL, name);
    const settings = [
      'extra_float_digits to 0',
      `bytea_output to 'escape'`,
      `intervalstyle to 'sql_standard'`,
    ];
    const [{ db }] = (await book.sql<{ db: string }>('select current_database() as db')) as [{ db: string }];
    for (const set of settings) await book.sql(`alter database ${db} set ${set}`);
    try {
      const taken = await takeLogical(book, await backupsDirectory(), { book: name });
      for (const set of settings) await book.sql(`alter database ${db} reset ${set.split(' ')[0]}`);
      expect(await verifyBackup(taken, {})).toMatchObject({ ok: true, problems: [] });
      const target = { admin: book.database, url: book.url, book: `${name}_new` };
      await openBackup(taken, here, async (opened) => {
        await restoreBook(opened, name, target);
        await restoreBook(opened, name, { ...target, book: name }, { replace: true });
      });
      const all = `select n, g, m::text, c::text, f::text, a::text, d, encode(b, 'hex') as b, i::text from signals`;
      const [row] = await book.sql(all, name);
      expect(row).toMatchObject({ n: 1, g: 1, m: 'good', c: 'c', f: '3.10', d: 0.1 + 0.2, b: '00ff' });
      expect(await book.sql(all, target.book)).toEqual([row]);
    } finally {
      for (const set of settings) await book.sql(`alter database ${db} reset ${set.split(' ')[0]}`);
    }
  });

  test('stays as it is where rows are replaced: a trigger that is off, one that is on always; a key is named', async () => {
    const name = await book.bookAt();
    await book.sql(
      `create function tell() returns trigger language plpgsql as 'begin return new; end';
       create trigger off before insert on signals for each row execute function tell();
       create trigger always before insert on signals for each row execute function tell();
       alter table signals disable trigger off, enable always trigger always`,
      name,
    );
    await book.sql(SIGNAL, name);
    const taken = await takeLogical(book, await backupsDirectory(), { book: name });
    const target = { admin: book.database, url: book.url, book: name };
    await openBackup(taken, here, async (opened) => {
      await restoreBook(opened, name, target, { replace: true });
      expect(
        await book.sql(
          `select tgname::text as name, tgenabled::text as state from pg_trigger
           where tgname in ('off', 'always') and tgrelid = 'signals'::regclass order by tgname`,
          name,
        ),
      ).toEqual([
        { name: 'always', state: 'A' },
        { name: 'off', state: 'D' },
      ]);
      await book.sql('create table mine (id text references signals (signal_id))', name);
      const refused = await refusal(restoreBook(opened, name, target, { replace: true }));
      expect(refused.code).toBe('restore_refused');
      expect(refused.message).toContain(`${name}.mine drop constraint mine_id_fkey`);
    });
  });

  test('credentials and the log are in no backup, and who read the log before a restore is told that it missed something', async () => {
    const name = await book.bookAt();
    await book.sql(SIGNAL, name);
    await book.sql(`select create_token('bcdfghjkmnpq', 'n', 'claire', sha256('x'))`, name);
    await book.sql(`select keep_answer('c', 'k', 'h', 200, '{}')`, name);
    await book.sql(`select halt_trading('h')`, name);
    const { cursor } = await readLog(book.database, name, { limit: 10 });
    const taken = await takeLogical(book, await backupsDirectory(), { book: name });
    const target = { admin: book.database, url: book.url, book: `${name}_new` };
    await openBackup(taken, here, async (opened) => {
      await restoreBook(opened, name, target);
      await restoreBook(opened, name, { ...target, book: name }, { replace: true });
    });
    const held = `select (select count(*) from tokens) as tokens, (select count(*) from idempotency_keys) as keys,
      (select count(*) from halts) as halts, (select count(*) from record_log) as log`;
    expect(await book.sql(held, target.book)).toEqual([{ tokens: 0, keys: 0, halts: 1, log: 1 }]);
    expect(await book.sql(held, name)).toEqual([{ tokens: 1, keys: 1, halts: 1, log: 1 }]);
    expect(await readLog(book.database, name, { after: cursor, limit: 10 })).toMatchObject({ gap: true });
  });

  test('rows that a policy hides are an error, and not rows that are not there', async () => {
    const session = await openCopySession(book.url, 'claire backup');
    const shown = await session.query<{ row_security: string }>('show row_security');
    await session.close();
    expect(shown).toEqual([{ row_security: 'off' }]);
  });
});

test('a book that an interrupted migration left between two versions is restored, and brought forward', async () => {
  const old = await book.bookAt('1.1');
  await book.sql(SIGNAL, old);
  let files = 0;
  const onFile = () => {
    if (files++ === 5) throw new Error('killed');
  };
  await expect(migrate(book.database, old, { onFile, recordedIn: 'Asia/Tokyo' })).rejects.toThrow('killed');
  const taken = await takeLogical(book, await backupsDirectory(), { book: old });
  expect(await verifyBackup(taken, here)).toMatchObject({ ok: true, problems: [] });
  const target = { admin: book.database, url: book.url, book: `${old}_new` };
  await openBackup(taken, here, (opened) => restoreBook(opened, old, target));
  expect(await book.sql('select signal_id from signals', target.book)).toEqual([{ signal_id: 's' }]);
});

describe('backups that lie there', () => {
  const verified = {
    ...{ at_ms: 1, ok: true, problems: [], broken: [] },
    ...{ duration_ms: 1, server: 18, laws: 1 },
  };

  test('are verified no longer where a file is gone, and lose nothing but the mark where the mark is damaged', async () => {
    const backups = await backupsDirectory();
    const taken = await takeLogical(book, backups);
    await writeVerified(taken, verified);
    const origin = await originOf(book.database, 'main');
    expect(newestVerified(await listBackups(backups), origin)?.name).toBe(taken.name);
    await writeFile(join(taken.directory, 'verified.json'), '{"at_ms":');
    const [listed] = await listBackups(backups);
    expect(listed).toEqual(taken);
    await writeVerified(taken, verified);
    await rm(join(taken.directory, 'trades.copy'));
    const [cut] = await listBackups(backups);
    expect(cut!.verified).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('trades.copy is missing')],
    });
    expect(newestVerified([cut!], origin)).toBeUndefined();
  });

  test('of the time to come, from a clock that was wrong, hold up no other and cover nothing', async () => {
    const taken = await takeLogical(book, await backupsDirectory());
    const origin = await originOf(book.database, 'main');
    const year = 365 * 86_400_000;
    const now = taken.side!.begun_ms;
    const late = { ...taken, side: { ...taken.side!, begun_ms: now + year, taken_ms: now + year }, verified };
    const when = { kind: 'logical', minutes: 180, now, madeAt: 0 } as const;
    expect(isDue([late], origin, when)).toBe(true);
    expect(isDue([late, taken], origin, when)).toBe(false);
    expect(newestVerified([late], origin, now)).toBeUndefined();
    const old = { ...taken, side: { ...taken.side!, begun_ms: now - year, taken_ms: now - year }, verified };
    expect(await pruneBackups([late, old], { now })).toEqual([]);
  });

  test('go as one: a process that is killed while it takes one away leaves nothing that is taken for a backup', async () => {
    const backups = await backupsDirectory();
    const taken = await takeLogical(book, backups);
    await Promise.all([removeBackup(taken), removeBackup(taken)]);
    expect(await readdir(backups)).toEqual([]);
    // What is left of one whose process had the number that is ours now, as in a container.
    await mkdir(join(backups, `.partial-${taken.name}-${process.pid}`));
    const again = await takeLogical(book, backups);
    expect(await readdir(backups)).toEqual([again.name]);
  });
});

test.each([
  ['a server of its own', {}],
  ['a database beside', here],
])('work on a backup in %s ends with its signal, and leaves neither server nor mark', async (_, where) => {
  const taken = await takeLogical(book, await backupsDirectory());
  const end = new AbortController();
  const reason = new Error(`ended ${randomBytes(2).toString('hex')}`);
  const cut = verifyBackup(taken, {
    ...where,
    signal: end.signal,
    onStage: (sentence) => sentence === 'comparing' && end.abort(reason),
  });
  await expect(cut).rejects.toBe(reason);
  expect(
    (await readdir(tmpdir())).filter((name) => name.startsWith(`claire-scratch-${process.pid}-`)),
  ).toEqual([]);
  await expect(stat(join(taken.directory, 'verified.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});
