import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findEmbedded, LOGINS, startEmbedded } from '../../src/database/embedded/index.js';
import { freePort } from '../harness/ports.js';
import { ground, occupy, ownEnd, pidOf, query, rested, starter, useEmbedded } from './embedded-ground.js';

describe('start and adoption', () => {
  test('a first start makes a server, a second start adopts it', async () => {
    const dataDir = join(await ground(), 'data');
    const first = await startEmbedded({ dataDir });
    const pid = pidOf(dataDir);
    const second = await startEmbedded({ dataDir });
    expect(first).toMatchObject({ found: false, host: '127.0.0.1', database: 'claire_de_binare', major: 18 });
    expect(second).toMatchObject({ found: true, port: first.port, dataDir });
    expect(pidOf(dataDir)).toBe(pid);
    expect(second.password('claire')).toBe(first.password('claire'));
  });

  test('looking for a server starts none and makes nothing', async () => {
    const base = await ground();
    expect(await findEmbedded(join(base, 'data'))).toBeUndefined();
    expect(await readdir(base)).toEqual([]);
  });

  test('a running server is found, a stopped one is not', async () => {
    const dataDir = await rested();
    // Of its own, so that nobody else listens there afterwards.
    const server = await startEmbedded({ dataDir, port: await freePort() });
    expect(await findEmbedded(dataDir)).toMatchObject({ found: true, port: server.port, major: 18 });
    await server.stop();
    expect(await findEmbedded(dataDir)).toBeUndefined();
    await expect(query(server, 'postgres', 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a server that has stopped can be stopped again', async () => {
    const server = await startEmbedded({ dataDir: await rested() });
    await server.stop();
    await expect(server.stop()).resolves.toBeUndefined();
  });

  test('data, port and passwords are the same after a stop and a start', async () => {
    const dataDir = await rested();
    // A port of its own: 5432, which all want, may be somebody else's by the second start.
    const first = await startEmbedded({ dataDir, port: await freePort() });
    await query(first, 'postgres', 'create table kept as select 42 as answer');
    await first.stop();
    const second = await startEmbedded({ dataDir });
    expect(second.found).toBe(false);
    expect(second.url('claire', { showSecrets: true })).toBe(first.url('claire', { showSecrets: true }));
    expect(await query(second, 'postgres', 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test('a directory may have blanks, quotes, dollars and letters of any script in its name', async () => {
    const dataDir = join(await ground(), `Börse "$HOME" 'é' データ`);
    const server = await startEmbedded({ dataDir });
    expect(decodeURIComponent(new URL(server.url('claire')).searchParams.get('passfile') ?? '')).toBe(
      join(dataDir, 'pgpass'),
    );
    expect((await startEmbedded({ dataDir })).found).toBe(true);
    await server.stop();
    expect((await startEmbedded({ dataDir })).found).toBe(false);
  });

  test('a setting that the server does not know is refused with the words of its log', async () => {
    const dataDir = await rested();
    const failing = startEmbedded({ dataDir, settings: { no_such_setting: 'on' } });
    await expect(failing).rejects.toMatchObject({
      code: 'embedded_start_failed',
      message: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
    });
    const server = await startEmbedded({ dataDir, settings: { work_mem: '7MB' } });
    expect(await query(server, 'claire', 'show work_mem')).toEqual([{ work_mem: '7MB' }]);
  });
});

describe('what is in the server', () => {
  const running = useEmbedded();

  test('every login comes in with its own password only, and the record is its search path', async () => {
    const { server } = running;
    for (const login of LOGINS.filter((each) => each !== 'postgres')) {
      expect(await query(server, login, 'show search_path')).toEqual([{ search_path: 'main' }]);
    }
    const wrong = { ...server, password: () => server.password('postgres') };
    await expect(query(wrong, 'claire', 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('a login of somebody else has no way into the database', async () => {
    const { server } = running;
    const password = server.password('claire');
    await query(server, 'postgres', `create role stranger login password '${password}'`);
    const stranger = { ...server, password: () => password };
    await expect(query(stranger, 'stranger' as 'claire', 'select 1')).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('no login gets to the locks of the commands, which are kept in a database of their own', async () => {
    const { server } = running;
    for (const login of LOGINS.filter((each) => each !== 'postgres')) {
      for (const database of ['postgres', 'template1'])
        await expect(query(server, login, 'select 1', database)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('the settings that results depend on are the same everywhere', async () => {
    const { server } = running;
    const rows = await query(
      server,
      'postgres',
      `select name, setting from pg_settings where name in ('TimeZone', 'data_checksums', 'fsync', 'listen_addresses',
        'password_encryption', 'server_encoding', 'shared_preload_libraries', 'unix_socket_directories',
        'wal_segment_size')`,
    );
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      TimeZone: 'UTC',
      data_checksums: 'on',
      fsync: 'on',
      listen_addresses: '127.0.0.1',
      password_encryption: 'scram-sha-256',
      server_encoding: 'UTF8',
      shared_preload_libraries: 'pg_stat_statements',
      unix_socket_directories: '',
      wal_segment_size: '1048576',
    });
    expect(await query(server, 'claire', `select 'a' < 'B' as sorts_by_language`)).toEqual([
      { sorts_by_language: false },
    ]);
  });
});

describe('ports', () => {
  test('the port that was asked for is used and kept', async () => {
    const dataDir = await rested();
    const port = await freePort();
    const server = await startEmbedded({ dataDir, port });
    expect(server.port).toBe(port);
    await server.stop();
    expect((await startEmbedded({ dataDir })).port).toBe(port);
  });

  test('a port that was asked for and is in use is refused, and no cluster is made', async () => {
    const dataDir = join(await ground(), 'data');
    const port = await occupy();
    await expect(startEmbedded({ dataDir, port })).rejects.toMatchObject({
      code: 'embedded_port_in_use',
      message: expect.stringContaining(String(port)),
    });
    expect(await readdir(dataDir)).toEqual([]);
  });

  test('a running server keeps its port, whatever port is asked for', async () => {
    const dataDir = await rested();
    const { port } = await startEmbedded({ dataDir });
    const notices: string[] = [];
    const asked = await freePort();
    const again = await startEmbedded({ dataDir, port: asked, onNotice: (text) => notices.push(text) });
    expect(again).toMatchObject({ found: true, port });
    expect(notices).toEqual([expect.stringContaining(String(asked))]);
  });

  test('a kept port that is the own end of an outgoing connection gives way too', async () => {
    const dataDir = await rested();
    await (await startEmbedded({ dataDir, port: await freePort() })).stop();
    const port = await ownEnd();
    await writeFile(join(dataDir, 'server.json'), JSON.stringify({ port, major: 18 }));
    expect((await startEmbedded({ dataDir })).port).not.toBe(port);
  });

  test('a kept port that another program uses gives way to a free one, said and written down', async () => {
    const dataDir = await rested();
    const port = await freePort();
    const first = await startEmbedded({ dataDir, port });
    await first.stop();
    await occupy(port);
    const notices: string[] = [];
    const second = await startEmbedded({ dataDir, onNotice: (text) => notices.push(text) });
    expect(second.port).toBeGreaterThanOrEqual(54320);
    expect(notices).toEqual([expect.stringContaining(`port ${second.port}`)]);
    const lines = (await readFile(second.passfile, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(2 * LOGINS.length);
    for (const line of lines)
      expect(line).toMatch(new RegExp(`^(127\\.0\\.0\\.1|localhost):${second.port}:\\*:`));
    expect(await query(second, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('races', () => {
  test('processes that start the same directory at once get one server', async () => {
    const dataDir = join(await ground(), 'data');
    const starts = await Promise.all([1, 2, 3].map(() => starter({ dataDir })));
    const answers = await Promise.all(starts.map(({ answer }) => answer));
    expect(new Set(answers.map(({ port }) => port)).size).toBe(1);
    expect(answers.filter(({ found }) => found === false)).toHaveLength(1);
    expect(answers.filter(({ found }) => found === true)).toHaveLength(2);
    expect((await readdir(dataDir)).sort()).toEqual(['pgpass', 'postgres', 'server.json', 'server.log']);
    const server = await findEmbedded(dataDir);
    expect(await query(server!, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('processes that start the same directory on the same asked port at once get one server', async () => {
    const dataDir = await rested();
    const port = await freePort();
    const starts = await Promise.all([1, 2].map(() => starter({ dataDir, port })));
    const answers = await Promise.all(starts.map(({ answer }) => answer));
    expect(answers.map((answer) => answer.port)).toEqual([port, port]);
  });

  test('processes that start different directories at once get a server each', async () => {
    const directories = await Promise.all([1, 2, 3].map(() => rested()));
    const starts = await Promise.all(directories.map((dataDir) => starter({ dataDir })));
    const answers = await Promise.all(starts.map(({ answer }) => answer));
    expect(answers.map(({ found }) => found)).toEqual([false, false, false]);
    expect(new Set(answers.map(({ port }) => port)).size).toBe(3);
    for (const dataDir of directories) expect(existsSync(join(dataDir, 'server.json'))).toBe(true);
  });
});
