import { existsSync } from 'node:fs';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  archiveNow,
  type BackupKey,
  backupBefore,
  backupLeadingTo,
  type Listed,
  pruneArchive,
  restoreCluster,
  sweepArchive,
} from '../../src/backup/index.js';
import { openDraft } from '../../src/backup/repository.js';
import { keepArchiving } from '../../src/cli/log-archive.js';
import type { Place } from '../../src/cli/session.js';
import { startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { refusal } from '../harness/book.js';
import { freePort } from '../harness/ports.js';
import { ground, rested, useEmbedded } from '../surfaces/embedded-ground.js';
import {
  admin,
  adminUrl,
  backupsDirectory,
  copyOf,
  flipBit,
  idsIn,
  idsOf,
  lastingDirectory,
  record,
  sweeping,
  takePhysical,
} from '../surfaces/physical-ground.js';

const desk = useEmbedded({ book: 'main', archives: true, settings: { fsync: 'off' } });

let backups: string;
let first: Listed;
/** Ids in the order of their commits, and a moment between each and the next. */
let ids: string[];
const moments: string[] = [];

const now = async (database: Database): Promise<string> =>
  (
    await database.query<{ now: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    )
  )[0]!.now;

beforeAll(async () => {
  backups = await lastingDirectory();
  const database = new Database({ databaseUrl: adminUrl(desk.server), applicationName: 'tests' });
  await record(database, 2);
  await desk.server.keepLog();
  first = await takePhysical(adminUrl(desk.server), backups);
  for (let at = 0; at < 30; at++) {
    await record(database, 1);
    moments.push(await now(database));
    // A file of the log each ten.
    if (at % 10 === 9) await database.query('select pg_switch_wal()');
  }
  await archiveNow(database, await sweeping(desk.server, backups));
  ids = await idsIn(database);
  await database.close();
});

const archive = async (of = backups) => (await sweeping(desk.server, of)).archive;
const until = async (moment?: string, of = backups) => ({ until: { archive: await archive(of), moment } });

test('restored to a moment between two commits it has exactly what was committed before', async () => {
  const [at] = fc.sample(fc.integer({ min: 0, max: 28 }), { numRuns: 1 }) as [number];
  const found = await idsOf(first, await until(moments[at]));
  expect(found.ids, `commit ${at}`).toEqual(ids.slice(0, 3 + at));
  expect(found.problems).toEqual([]);
});

test('a moment after the last commit is refused with the last possible one, which then is given', async () => {
  const refused = await refusal(idsOf(first, await until('2100-01-01T00:00:00Z')));
  expect(refused.code).toBe('restore_beyond_archive');
  const last = refused.details?.last_possible as string;
  expect(refused.message).toContain(last);
  expect(last > moments.at(-2)! && last < moments.at(-1)!).toBe(true);
  expect((await idsOf(first, await until(last))).ids).toEqual(ids);
});

test('a moment before the end of the oldest backup is refused with that end', async () => {
  const refused = await refusal(
    Promise.resolve().then(() => backupBefore([first], Date.parse('2020-01-01T00:00:00Z'))),
  );
  expect(refused.code).toBe('restore_before_backups');
  expect(refused.message).toContain(new Date(first.side!.ended_ms).toISOString());
  expect(backupBefore([first], Date.parse(moments[0]!)).name).toBe(first.name);
});

describe('an archive that', () => {
  test('lacks a file is refused from there on, with its name, and serves the moments before', async () => {
    const copy = await copyOf(backups);
    const second = (await readdir(await archive(copy))).sort().at(-2);
    await rm(join(await archive(copy), second!));
    const refused = await refusal(idsOf(first, await until(moments[25], copy)));
    expect(refused.code).toBe('backup_wal_missing');
    expect(refused.details?.missing).toBe(second!.slice(0, 24));
    expect((await idsOf(first, await until(moments[4], copy))).ids).toEqual(ids.slice(0, 7));
  });

  test('has a file with a changed bit is refused with its name', async () => {
    const copy = await copyOf(backups);
    const second = (await readdir(await archive(copy))).sort().at(-2);
    await flipBit(join(await archive(copy), second!));
    const refused = await refusal(idsOf(first, await until(moments[25], copy)));
    expect(refused.code).toBe('backup_damaged');
    expect(refused.message).toContain(second!);
  });
});

/** Of a server that a physical backup was taken of. */
async function wantedSpool(): Promise<string> {
  const spool = await ground();
  await writeFile(join(spool, '.wanted'), '');
  return spool;
}

test('a log that is encrypted since after the backup is read with the key, and asks for it', async () => {
  const copy = await copyOf(backups);
  const key: BackupKey = { bytes: Buffer.alloc(32, 7), id: 'abcdef0123456789' };
  const options = await sweeping(desk.server, copy, key);
  const last = (await readdir(options.archive)).sort().at(-1)!;
  const spool = await wantedSpool();
  await writeFile(join(spool, last.slice(0, 24)), gunzipSync(await readFile(join(options.archive, last))));
  await rm(join(options.archive, last));
  await sweepArchive({ ...options, spool });
  expect((await refusal(idsOf(first, await until(undefined, copy)))).code).toBe('backup_key_wrong');
  expect((await idsOf(first, { ...(await until(undefined, copy)), key })).ids).toEqual(ids);
});

describe('the sweep', () => {
  test('leaves what is still being written, and what it has taken is gone from the spool', async () => {
    const copy = await copyOf(backups);
    const options = await sweeping(desk.server, copy);
    const [name] = (await readdir(options.archive)).sort().reverse();
    const spool = await wantedSpool();
    const later = `${name!.slice(0, 23)}F`;
    for (const each of [`archtemp.${later}.1.2`, later, `${later}.00000028.backup`])
      await writeFile(join(spool, each), Buffer.alloc(1024 ** 2));
    await Promise.all([sweepArchive({ ...options, spool }), sweepArchive({ ...options, spool })]);
    expect(await readdir(spool)).toEqual(['.wanted', `archtemp.${later}.1.2`]);
    expect(await readdir(options.archive)).toContain(`${later}.gz`);
    expect((await readdir(options.archive)).filter((each) => each.startsWith('.'))).toEqual([]);
  });

  test('gets what was committed a while after the server began, however little it was', async () => {
    const server = await startEmbedded({
      ...{ dataDir: await rested('main'), port: await freePort(), archives: true },
      settings: { fsync: 'off', archive_timeout: '1s' },
    });
    const database = admin(server);
    const copy = await backupsDirectory();
    const stop = new AbortController();
    const ended = keepArchiving(
      { server, database: () => database } as unknown as Place,
      { backups: copy, key: undefined, scratch: undefined, hook: undefined, gzip: 1, compress: undefined },
      { signal: stop.signal, onError: (error) => expect.unreachable(String(error)) },
    );
    const there = async () =>
      (
        await database.query<{ last: string | null }>(
          'select last_archived_wal as last from pg_stat_archiver',
        )
      )[0]!.last;
    const before = await there();
    await record(database, 1);
    // Else the server sleeps for five minutes after its start.
    while ((await there()) === before) await new Promise((done) => setTimeout(done, 50));
    stop.abort();
    await ended;
    await server.stop();
  });

  test('takes nothing under a name that is something else in the archive', async () => {
    const options = await sweeping(desk.server, await copyOf(backups));
    const [name] = await readdir(options.archive);
    const spool = await wantedSpool();
    await writeFile(join(spool, name!.slice(0, 24)), Buffer.alloc(1024 ** 2, 1));
    const refused = await refusal(sweepArchive({ ...options, spool }));
    expect(refused.code).toBe('backup_wal_conflict');
    expect(await readdir(spool)).toHaveLength(2);
  });

  test('throws away what nobody has use for: the log of a server without a physical backup', async () => {
    const options = await sweeping(desk.server, await backupsDirectory());
    const spool = await ground();
    await writeFile(join(spool, '000000010000000000000001'), '');
    await sweepArchive({ ...options, spool });
    expect(await readdir(spool)).toEqual([]);
    expect(existsSync(options.archive)).toBe(false);
  });
});

test('the log goes that no kept backup needs, and all of it where none is kept', async () => {
  const copy = await copyOf(backups);
  const before = (await readdir(await archive(copy))).length;
  expect(before).toBeGreaterThan(3);
  const { system_identifier } = first.side!.server;
  await pruneArchive(copy, system_identifier, await archive(copy));
  expect((await idsOf(first, await until(moments[15], copy))).ids).toEqual(ids.slice(0, 18));
  await rm(join(copy, first.name), { recursive: true });
  const draft = await openDraft(copy, 'server_physical_20990101T000000Z');
  expect(await pruneArchive(copy, system_identifier, await archive(copy))).toBe(0);
  await draft.abandon();
  await pruneArchive(copy, system_identifier, await archive(copy));
  expect(await readdir(await archive(copy))).toEqual([]);
});

test('a server that was lost with its directory comes back whole, goes on, and its log with it', async () => {
  const copy = await copyOf(backups);
  const dataDir = join(await ground(), 'data');
  const { side, directory } = first;
  const reading = { directory, side: side!, ...(await until(undefined, copy)) };
  await restoreCluster(dataDir, reading, await archive(copy));
  const server = await startEmbedded({
    ...{ dataDir, port: await freePort(), archives: true, settings: { fsync: 'off' } },
  });
  const database = admin(server);
  expect(await idsIn(database)).toEqual(ids);
  const more = await record(database, 2);
  const moment = await now(database);
  await record(database, 1);
  await archiveNow(database, await sweeping(server, copy));
  // From the backup of the server that is gone, over the branch, to a moment of the new one.
  expect((await idsOf(first, await until(moment, copy))).ids).toEqual([...ids, ...more]);
  expect((await refusal(restoreCluster(dataDir, reading, await archive(copy)))).code).toBe(
    'embedded_directory_unusable',
  );
});

test('a server that was brought back to before its last backup is found again by the one that leads to it', async () => {
  const copy = await copyOf(backups);
  const left = await takePhysical(adminUrl(desk.server), copy);
  const { side, directory } = first;
  const goOn = async (reading: Parameters<typeof restoreCluster>[1]) => {
    const dataDir = join(await ground(), 'data');
    await restoreCluster(dataDir, reading, await archive(copy));
    const server = await startEmbedded({
      ...{ dataDir, port: await freePort(), archives: true, settings: { fsync: 'off' } },
    });
    const database = admin(server);
    const more = await record(database, 1);
    await archiveNow(database, await sweeping(server, copy));
    await server.stop();
    return more;
  };
  const more = await goOn({ directory, side: side!, ...(await until(moments[20], copy)) });
  const listed = [left, first];
  expect((await backupLeadingTo(listed, copy, {})).name).toBe(first.name);
  expect((await idsOf(first, await until(undefined, copy))).ids).toEqual([...ids.slice(0, 23), ...more]);
  // What it was before it was brought back is there as well, which in life is more than the seconds of a test ago.
  const later = new Date(Date.now() + 60_000);
  await utimes(join(await archive(copy), '00000002.history.gz'), later, later);
  expect((await backupLeadingTo(listed, copy, { moment_ms: left.side!.ended_ms })).name).toBe(left.name);
  expect((await idsOf(first, await until(moments[25], copy))).ids).toEqual(ids.slice(0, 28));
  // Once more, and from the backup alone: its log has a name of its own.
  const again = await goOn({ directory, side: side! });
  expect((await idsOf(first, await until(undefined, copy))).ids).toEqual([...ids.slice(0, 2), ...again]);
});

afterAll(() => rm(backups, { recursive: true, force: true }));
