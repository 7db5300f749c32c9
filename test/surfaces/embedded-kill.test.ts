import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findBuild } from '../../src/database/embedded/build.js';
import { findEmbedded, startEmbedded } from '../../src/database/embedded/index.js';
import {
  afterwards,
  ground,
  isLinux,
  isRoot,
  needs,
  pidOf,
  query,
  rested,
  starter,
  until,
} from './embedded-ground.js';

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe.skipIf(!needs(isLinux, 'Linux'))('after a kill', () => {
  test('a server outlives the killed process that started it, and is adopted', async () => {
    const dataDir = await rested();
    const parent = await starter({ dataDir }, { stay: true });
    const { port } = await parent.answer;
    const pid = pidOf(dataDir);
    parent.process.kill('SIGKILL');
    await until(() => parent.process.signalCode);
    expect(await startEmbedded({ dataDir })).toMatchObject({ found: true, port });
    expect(pidOf(dataDir)).toBe(pid);
  });

  test('a first start that is killed while it makes the cluster leaves no half of one', async () => {
    const dataDir = join(await ground(), 'data');
    const killed = await starter({ dataDir });
    const names = async () => (await readdir(dataDir).catch(() => [])).join(' ');
    await until(async () => (await names()).includes('postgres.new-'));
    killed.process.kill('SIGKILL');
    await until(() => killed.process.signalCode);
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    const server = await startEmbedded({ dataDir });
    expect(server.found).toBe(false);
    expect(await query(server, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
    await startEmbedded({ dataDir });
    expect(await names()).not.toContain('postgres.new-');
  });

  test('a killed server is started again, with all that was committed', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await query(first, 'postgres', 'create table kept as select 42 as answer');
    const pid = pidOf(dataDir)!;
    // A backend that computes does not notice that its server is gone, and holds the shared memory.
    const computing = query(first, 'postgres', 'select count(*) from generate_series(1, 5000000)').catch(
      () => {},
    );
    await until(async () => (await activeQueries(first)) > 0);
    process.kill(pid, 'SIGKILL');
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(true);
    const second = await startEmbedded({ dataDir });
    await computing;
    expect(second.found).toBe(false);
    expect(pidOf(dataDir)).not.toBe(pid);
    expect(await query(second, 'postgres', 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test('a server whose setting-up was cut short is set up by the next one who comes', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await query(first, 'postgres', 'drop database claire_de_binare', 'postgres');
    const marker = join(dataDir, 'postgres', 'claire.json');
    const { superuser } = JSON.parse(await readFile(marker, 'utf8'));
    await writeFile(marker, JSON.stringify({ superuser }));
    const second = await findEmbedded(dataDir);
    expect(await query(second!, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

const activeQueries = async (server: Parameters<typeof query>[0]): Promise<number> => {
  const rows = await query(
    server,
    'postgres',
    `select count(*)::int as n from pg_stat_activity where query like 'select count(%' and state = 'active'
      and pid <> pg_backend_pid()`,
  );
  return rows[0].n;
};

describe.skipIf(!needs(isLinux, 'Linux'))('a pid file that names another process', () => {
  /** A living process of the cluster's own account: for another account's PostgreSQL itself knows that it is stale. */
  async function innocent(dataDir: string): Promise<number> {
    const { uid, gid } = await stat(join(dataDir, 'postgres'));
    const child = spawn('sleep', ['600'], { stdio: 'ignore', cwd: '/', ...(isRoot ? { uid, gid } : {}) });
    afterwards(() => child.kill('SIGKILL'));
    return child.pid!;
  }

  /** As after a power cut and a reboot: the pid file is there, the pid is somebody else's. */
  async function stalePidFile(dataDir: string, pid: number, port: number): Promise<void> {
    const { uid, gid } = await stat(join(dataDir, 'postgres'));
    const path = join(dataDir, 'postgres', 'postmaster.pid');
    const lines = [
      pid,
      join(dataDir, 'postgres'),
      1_700_000_000,
      port,
      '',
      '127.0.0.1',
      '   123456         7',
      'ready   ',
    ];
    await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    if (isRoot) execFileSync('chown', [`${uid}:${gid}`, path]);
  }

  test('is no obstacle, and nothing happens to that process', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await first.stop();
    const pid = await innocent(dataDir);
    await stalePidFile(dataDir, pid, first.port);
    expect(await findEmbedded(dataDir)).toBeUndefined();
    await first.stop();
    const second = await startEmbedded({ dataDir });
    expect(second.found).toBe(false);
    expect(pidOf(dataDir)).not.toBe(pid);
    expect(isAlive(pid)).toBe(true);
  });

  test('stops PostgreSQL where it is left to itself', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await first.stop();
    await stalePidFile(dataDir, await innocent(dataDir), first.port);
    const cluster = join(dataDir, 'postgres');
    const { uid, gid } = await stat(cluster);
    const program = join((await findBuild()).native, 'bin', 'postgres');
    const alone = () =>
      execFileSync(program, ['-D', cluster, '-c', `port=${first.port}`, '-c', 'unix_socket_directories='], {
        cwd: dirname(program),
        stdio: 'pipe',
        encoding: 'utf8',
        ...(isRoot ? { uid, gid } : {}),
      });
    expect(alone).toThrow(/lock file "postmaster.pid" already exists/);
  });

  test('is no obstacle where that process is the server of another directory, which goes on', async () => {
    const [one, other] = [await rested(), await rested()];
    const first = await startEmbedded({ dataDir: one });
    await first.stop();
    const running = await startEmbedded({ dataDir: other });
    await stalePidFile(one, pidOf(other)!, running.port);
    await first.stop();
    const second = await startEmbedded({ dataDir: one });
    expect(second.found).toBe(false);
    expect(second.port).not.toBe(running.port);
    expect(await query(running, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});
