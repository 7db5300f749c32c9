import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sweepArchive } from '../../src/backup/index.js';
import type { Surroundings } from '../../src/doctor/check.js';
import { scratchRoot } from '../harness/scratch.js';
import { waitFor } from '../harness/wait.js';
import { ask } from './ground.js';
import { useOwnServer } from './own-server.js';

const archiving = useOwnServer({ archives: true });
const failing = useOwnServer({ settings: { archive_mode: 'on' } });
const without = useOwnServer({});

describe('the archive of the log', () => {
  test('where there is none, it is said what a disaster costs', async () => {
    expect(await ask(without, 'wal_archive')).toMatchObject({
      result: 'ok',
      sentence: expect.stringContaining('since the last backup'),
    });
  });

  test('a command that fails is found by its last try, and is well once one succeeds', async () => {
    const set = async (command: string) => {
      await failing.sql(`alter system set archive_command = '${command}'`);
      await failing.sql('select pg_reload_conf()');
      await failing.sql('create table if not exists public.written (n int)');
      await failing.sql('insert into public.written values (1)');
      await failing.sql('select pg_switch_wal()');
    };
    const becomes = (result: string) =>
      waitFor(
        async () => {
          const diagnosis = await ask(failing, 'wal_archive');
          expect(diagnosis.result).toBe(result);
          return diagnosis;
        },
        { timeout: 50_000, interval: 200 },
      );
    await set('/bin/false');
    expect(await becomes('fail')).toMatchObject({
      sentence: expect.stringMatching(
        /^The last try to archive a file of the log \([0-9A-F]{24}\) failed \d+ s ago; \d+ files? waits?\.$/,
      ),
      evidence: [{ last_archived: null, last_failed: expect.any(String), waiting_files: expect.any(Number) }],
      remedy: { decide: expect.stringContaining('archive_command') },
    });
    await set('/bin/true');
    expect(await becomes('ok')).toMatchObject({ sentence: 'The log is archived.' });
  });

  test('a spool that nobody empties is found, and is well once its files are taken away', async () => {
    const { server } = archiving;
    const look = () => ask(archiving, 'wal_archive');
    expect((await look()).result).toBe('ok');
    await archiving.sql('create table public.written (n int)');
    await archiving.sql('select pg_switch_wal()');
    const files = await waitFor(async () => {
      const found = (await readdir(server.spool)).filter((name) => /^[0-9A-F]{24}$/.test(name));
      expect(found.length).toBeGreaterThan(0);
      return found;
    });
    expect((await look()).result).toBe('ok');
    const old = new Date(Date.now() - 3_600_000);
    for (const name of files) await utimes(join(server.spool, name), old, old);
    expect(await look()).toMatchObject({
      result: 'fail',
      sentence: expect.stringMatching(
        /files? of the log waits? in .* the oldest for 60 min: no `claire up` runs/,
      ),
      evidence: [{ spool_files: expect.any(Number), spool_oldest_seconds: expect.any(Number) }],
      remedy: { command: 'claire up' },
    });
    // What `claire up` does every five seconds.
    const archive = await mkdtemp(join(scratchRoot(), 'claire-doctor-'));
    await sweepArchive({ spool: server.spool, archive, coding: { gzip: 1, key: undefined } });
    await rm(archive, { recursive: true });
    expect((await look()).result).toBe('ok');
  });
});

const GB = 1e9;

describe('disk space', () => {
  const disk = (free_bytes: number, total_bytes = 500 * GB): Surroundings => ({
    disk: async () => ({ directory: '/data', free_bytes, total_bytes }),
  });
  const look = (around: Surroundings) => ask(without, 'disk_space', around);

  test('of a server elsewhere nobody here knows', async () => {
    expect(await look({})).toMatchObject({
      result: 'skipped',
      sentence: expect.stringContaining('another machine'),
    });
  });

  test.each([
    [1.9, 500, 'fail'],
    [9, 500, 'warn'],
    [11, 500, 'ok'],
    [300, 4000, 'ok'],
    [4, 30, 'ok'],
    [2.5, 30, 'warn'],
  ])('%d GB of %d GB free: %s', async (free, total, result) => {
    expect(await look(disk(free * GB, total * GB))).toMatchObject({
      result,
      sentence: expect.stringContaining('are free where the data lies (/data).'),
      evidence: [{ directory: '/data', free_bytes: free * GB, days_left: null }],
    });
  });

  test('a real disk that is nearly full is found, and is well when there is room again', async () => {
    const directory = await mkdtemp(join(scratchRoot(), 'claire-doctor-'));
    const isMounted = mounted(directory);
    const around: Surroundings = {
      async disk() {
        const { bavail, blocks, bsize } = await statfs(directory);
        return { directory, free_bytes: bavail * bsize, total_bytes: blocks * bsize };
      },
    };
    try {
      const { free_bytes } = await around.disk!();
      if (!isMounted) return expect((await look(around)).evidence[0]).toMatchObject({ directory });
      expect(free_bytes).toBeGreaterThan(2 * GB);
      expect((await look(around)).result).toBe('ok');
      execFileSync('fallocate', ['-l', '300MB', join(directory, 'filler')]);
      expect((await look(around)).result).toBe('fail');
      await writeFile(join(directory, 'filler'), '');
      expect((await look(around)).result).toBe('ok');
    } finally {
      if (isMounted) execFileSync('umount', [directory]);
      await rm(directory, { recursive: true });
    }
  });

  describe('with a history of growth', () => {
    beforeAll(async () => {
      await without.sql('create schema if not exists claire_system');
      await without.sql(
        'create table if not exists claire_system.size_samples (at timestamptz not null, database_bytes bigint not null)',
      );
    });

    /** Samples of the last hours, by how much a day. */
    const grows = async (bytes_a_day: number, hours: number) => {
      await without.sql('delete from claire_system.size_samples');
      await without.sql(`insert into claire_system.size_samples
        select now() - n * interval '1 minute', (1e12 - n * ${bytes_a_day / 1440})::bigint
        from generate_series(0, ${hours * 60}) as n`);
    };

    test.each([
      [10, 15, 'fail', 1],
      [10, 105, 'warn', 10],
      [10, 205, 'ok', 20],
      [-10, 24, 'ok', null],
      [0, 24, 'ok', null],
    ])('%d GB a day and %d GB left: %s', async (growth, free, result, days) => {
      await grows(growth * GB, 48);
      expect(await look(disk(free * GB))).toMatchObject({ result, evidence: [{ days_left: days }] });
    });

    test('less than an hour tells nothing, and what is older than a week counts no more', async () => {
      await grows(1000 * GB, 0.5);
      expect(await look(disk(100 * GB))).toMatchObject({ result: 'ok', evidence: [{ days_left: null }] });
      await grows(10 * GB, 2);
      await without.sql("insert into claire_system.size_samples values (now() - interval '8 days', 0)");
      expect(await look(disk(105 * GB))).toMatchObject({ result: 'warn', evidence: [{ days_left: 10 }] });
    });
  });
});

/** A small disk of its own there; false where that may not be. */
function mounted(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2100m', 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
