import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findEmbedded } from '../../src/database/embedded/index.js';
import { Database, LOGIN_ROLES } from '../../src/database/index.js';
import { connect } from '../../src/index.js';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { freePort } from '../harness/ports.js';
import { ask, claire, json, type Running, start, useServer } from './cli-run.js';
import { afterwards, ground, needs, pidOf, query, rested } from './embedded-ground.js';

/** Arguments that lead to a directory of the test's own, of which nothing is there yet. */
async function fresh(): Promise<{ data: string; there: string[] }> {
  return at(join(await ground(), 'data'));
}

/** The same, with the book main in it. */
async function place(): Promise<{ data: string; there: string[] }> {
  return at(await rested('main'));
}

const at = async (data: string) => ({ data, there: ['--data', data, '--port', String(await freePort())] });

/** `claire up` that has said that it is ready. */
async function up(there: string[], ...args: string[]): Promise<Running> {
  const running = start(['up', ...there, ...args]);
  afterwards(() => running.signal('SIGKILL'));
  await running.says('Ctrl-C');
  return running;
}

async function openTrade(databaseUrl: string, book: string): Promise<void> {
  const writer = await connect({ service: 'tests', book, databaseUrl });
  const trade = { trade_id: 'T', symbol: 'X', side: 'BUY', quantity: 1, entry_price: 1 } as const;
  await writer.openTrade({ ...trade, entry_timestamp: 1705072800000 });
  await writer.close();
}

const hasPsql = spawnSync('psql', ['--version']).status === 0;
const runs = async (data: string) => (await findEmbedded(data)) !== undefined;

describe('up', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'stays until %s, then stops the server cleanly and ends with 0',
    async (name) => {
      const { data, there } = await place();
      const running = await up(there);
      expect(await runs(data)).toBe(true);
      running.signal(name);
      expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
      expect(await runs(data)).toBe(false);
      expect(existsSync(join(data, 'postgres', 'postmaster.pid'))).toBe(false);
    },
  );

  test('prints a connection string for each login that works, without a password', async () => {
    const { data, there } = await place();
    const running = await up(there, '--book', 'desk');
    const server = (await findEmbedded(data))!;
    const lines = running
      .said()
      .match(/^\w+ +postgresql:.*$/gm)!
      .map((line) => line.split(/ +/));
    expect(lines.map(([login]) => login)).toEqual([...LOGIN_ROLES, 'postgres']);
    const passwords = Object.values(await server.passwords());
    expect(passwords).toHaveLength(2 * LOGIN_ROLES.length + 1);
    for (const password of passwords) expect(running.said()).not.toContain(password);
    // A login finds its book by itself; the superuser is of none.
    for (const [login, url] of lines)
      expect(url).toMatch(
        login === 'postgres' ? /&options=-csearch_path%3Ddesk$/ : /_desk@.*\?passfile=[^&]*$/,
      );
    const empty = { code: 0, stdout: 'There are no such positions in book desk.\n', stderr: '' };
    for (const [login, url] of lines) {
      const database = new Database({ databaseUrl: url!, applicationName: 'tests' });
      const looked = await database
        .query('select session_user, to_regclass($1) is not null as found', ['positions'])
        .finally(() => database.close());
      expect(looked).toEqual([{ session_user: login === 'postgres' ? login : `${login}_desk`, found: true }]);
    }
    // As users do it: in a process of its own, and by a variable.
    const [, url] = lines.find(([login]) => login === 'claire_reader')!;
    expect(await claire('positions', '--database-url', url!, '--book', 'desk')).toEqual(empty);
    expect(await start(['positions', '--book', 'desk'], { DATABASE_URL: url! }).ended).toEqual(empty);
    if (!needs(hasPsql, 'psql')) return;
    const asked = execFileSync('psql', ['-XAtw', url!, '-c', 'select current_user, count(*) from positions']);
    expect(asked.toString()).toBe('claire_reader_desk|0\n');
  });

  test('a connection string whose file does not hold the password is refused, so it is the file that lets in', async () => {
    const { data, there } = await place();
    await up(there);
    const server = (await findEmbedded(data))!;
    const [right, wrong] = [new URL(server.url('claire')), new URL(server.url('claire'))];
    const file = join(data, '..', 'pgpass');
    const lines = (await readFile(server.passfile, 'utf8'))
      .split('\n')
      .filter((line) => !line.includes(':claire:'));
    await writeFile(file, lines.join('\n'), { mode: 0o600 });
    wrong.searchParams.set('passfile', file);
    expect((await ask('positions', '--database-url', right.href)).code).toBe(0);
    const { code, stderr } = await ask('positions', '--database-url', wrong.href);
    expect(code).toBe(3);
    expect(stderr).toContain(`${file} has no line for `);
  });

  test('shows passwords only where it is asked to', async () => {
    const { data, there } = await place();
    const { stdout } = await claire('up', ...there, '--show-secrets', '--exit-when-done', '--json');
    const { connections } = JSON.parse(stdout) as { connections: Record<string, string> };
    expect(connections.signal_engine).toMatch(/^postgresql:\/\/signal_engine:[\w-]{32}@/);
    expect(await runs(data)).toBe(false);
  });

  test('a second up on the same directory says so, and does no harm', async () => {
    const { data, there } = await place();
    const first = await up(there);
    const second = await claire('up', ...there);
    expect(second.code).toBe(4);
    expect(second.stderr).toMatch(/Another `claire up` runs.*\n.*--data/);
    expect(await runs(data)).toBe(true);
    first.signal('SIGINT');
    expect((await first.ended).code).toBe(0);
  });

  test('says so and ends with 3 where the server dies underneath', async () => {
    const { data, there } = await place();
    const running = await up(there);
    process.kill(pidOf(data)!, 'SIGKILL');
    const { code, stderr } = await running.ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(/^claire: The database server ended while/);
  });

  test('takes over the server of an up that was killed', async () => {
    const { data, there } = await place();
    const killed = await up(there);
    const pid = pidOf(data);
    killed.signal('SIGKILL');
    await killed.ended;
    expect((await claire('positions', ...there)).code).toBe(0);
    expect(pidOf(data)).toBe(pid);
    const next = await up(there);
    expect(pidOf(data)).toBe(pid);
    next.signal('SIGINT');
    expect((await next.ended).code).toBe(0);
    expect(await runs(data)).toBe(false);
  });

  test('folds changes and refreshes positions_realtime, of a book that came later as well', async () => {
    const { data, there } = await place();
    await up(there);
    await ask('book', 'create', 'later', ...there);
    const server = (await findEmbedded(data))!;
    await openTrade(server.url('execution_service', { book: 'later' }), 'later');
    await expect
      .poll(() => json('status', ...there, '--book', 'later'), { timeout: 30_000, interval: 200 })
      .toMatchObject({ positions: { unfolded_changes: 0, refresh_age_seconds: expect.any(Number) } });
    // Refreshed every five seconds, whenever the change was folded.
    await expect
      .poll(() => query(server, 'postgres', 'select symbol from later.positions_realtime'), {
        ...{ timeout: 30_000, interval: 200 },
      })
      .toEqual([{ symbol: 'X' }]);
  });
});

describe('up on a database that was named', () => {
  const desk = useServer();

  test('makes the book, looks after it, and leaves the server running when it ends', async () => {
    const elsewhere = join(await ground(), 'data');
    const running = await up([...desk.there, '--data', elsewhere], '--book', 'hosted');
    expect(running.said()).toContain('Ctrl-C ends the upkeep; the server is not ours to stop.');
    expect(running.said()).not.toContain(desk.server.password('postgres'));
    const pid = pidOf(desk.server.dataDir);
    await openTrade(desk.server.url('postgres', { showSecrets: true }), 'hosted');
    const changes = () => desk.database.query('select symbol from hosted.position_changes');
    await expect.poll(changes, { timeout: 30_000, interval: 100 }).toEqual([]);
    expect(await desk.database.query('select symbol from hosted.position_totals')).toEqual([{ symbol: 'X' }]);
    running.signal('SIGINT');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await desk.database.query('select 1 as one')).toEqual([{ one: 1 }]);
    expect(pidOf(desk.server.dataDir)).toBe(pid);
    expect(existsSync(elsewhere)).toBe(false);
  });

  test('has ended its upkeep with it: what comes later stays unfolded', async () => {
    await ask('up', ...desk.there, '--book', 'left', '--exit-when-done');
    await openTrade(desk.server.url('postgres', { showSecrets: true }), 'left');
    const sessions = `select count(*) as n from pg_stat_activity
      where datname = current_database() and application_name like 'claire%'`;
    // A server sees the end of a client a moment after the client.
    await expect.poll(() => desk.database.query(sessions)).toEqual([{ n: 0 }]);
    expect(await desk.database.query('select symbol from "left".position_changes')).toEqual([
      { symbol: 'X' },
    ]);
  });
});

describe('a command that needs the server while none runs', () => {
  test('starts it, answers, and leaves things as it found them', async () => {
    const { data, there } = await fresh();
    const { code, stdout } = await claire('positions', ...there);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'There are no such positions in book main.\n' });
    expect(await runs(data)).toBe(false);
    expect(existsSync(join(data, 'temporary'))).toBe(false);
  });

  test('of several at once the last one stops it', async () => {
    const { data, there } = await fresh();
    const commands = ['signals', 'positions', 'verify', 'exposure'];
    const ended = await Promise.all(commands.map((command) => claire(command, ...there)));
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(commands.map(() => [0, '']));
    expect(await runs(data)).toBe(false);
  });

  test('leaves a server alone that runs', async () => {
    const { data, there } = await place();
    await up(there);
    const pid = pidOf(data);
    expect((await ask('test-data', ...there)).code).toBe(0);
    expect((await ask('status', ...there)).stdout).toMatch(/signals +504/);
    expect(pidOf(data)).toBe(pid);
  });

  test('has only the book main by itself', async () => {
    const { there } = await place();
    const { code, stderr } = await ask('positions', '--book', 'other', ...there);
    expect(code).toBe(4);
    expect(stderr).toMatch(/no book other/);
  });

  test('uses the login of the operator to correct', async () => {
    const { there } = await place();
    await up(there);
    await ask('test-data', ...there);
    const { code } = await ask(
      ...['correct', 'trade', 'test_trade_btcusdt_000', 'commission=1', '--reason', 'told late', ...there],
    );
    expect(code).toBe(0);
  });
});

describe('status and stop', () => {
  test('start nothing', async () => {
    const { data, there } = await fresh();
    for (const command of ['status', 'stop']) {
      const { code, stdout } = await ask(command, ...there);
      expect({ code, stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^No server runs on /),
      });
    }
    expect(await json('status', ...there)).toEqual({ running: false, data });
    expect(existsSync(data)).toBe(false);
  });

  test('the JSON keys of status stay', async () => {
    const { there } = await place();
    await up(there);
    const status = await json<Record<string, object>>('status', ...there);
    expect(Object.keys(status)).toEqual([
      ...[
        'running',
        'server',
        'books',
        'book',
        'summary',
        'risk',
        'open_laws',
        'hand_made',
        'positions',
        'backups',
        'protection',
      ],
    ]);
    expect(Object.keys(status.server!)).toEqual(['version', 'url', 'data']);
    expect(status.books).toEqual([{ book: 'main', version: LATEST_VERSION }]);
  });

  test('stop stops a server that an up has left behind', async () => {
    const { data, there } = await place();
    const killed = await up(there);
    killed.signal('SIGKILL');
    await killed.ended;
    const { code, stdout } = await claire('stop', ...there);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/is stopped/) });
    expect(await runs(data)).toBe(false);
  });
});
