import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findEmbedded } from '../../src/database/embedded/index.js';
import { connect } from '../../src/index.js';
import { claire, json, type Running, start } from './cli-run.js';
import { afterwards, freePort, ground, pidOf } from './embedded-ground.js';

/** A data directory with the book main, at rest: a copy of it takes 0.1 s where a first start takes 2. */
let template: string;
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'claire-cli-'));
  await chmod(template, 0o755);
  const made = await claire(
    'positions',
    '--data',
    join(template, 'data'),
    '--port',
    String(await freePort()),
  );
  expect(made).toMatchObject({ code: 0, stderr: '' });
});
afterAll(() => rm(template, { recursive: true, force: true }));

/** Arguments that lead to a directory of the test's own, of which nothing is there yet. */
async function fresh(): Promise<{ data: string; there: string[] }> {
  const data = join(await ground(), 'data');
  return { data, there: ['--data', data, '--port', String(await freePort())] };
}

/** The same, with the book main in it. */
async function place(): Promise<{ data: string; there: string[] }> {
  const found = await fresh();
  // The cluster belongs to the account that the server runs under.
  execFileSync('cp', ['-a', join(template, 'data'), found.data]);
  return found;
}

/** `claire up` that has said that it is ready. */
async function up(there: string[], ...args: string[]): Promise<Running> {
  const running = start(['up', ...there, ...args]);
  afterwards(() => running.signal('SIGKILL'));
  await running.says('Ctrl-C');
  return running;
}

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
    const names = [
      'claire',
      'signal_engine',
      'risk_manager',
      'execution_service',
      'claire_operator',
      'postgres',
    ];
    expect(lines.map(([login]) => login)).toEqual(names);
    for (const login of names) expect(running.said()).not.toContain(server.password(login as 'claire'));
    for (const [, url] of lines) expect(url).toMatch(/\?passfile=.*&options=-csearch_path%3Ddesk$/);
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
    await claire('book', 'create', 'later', ...there);
    const writer = await connect({
      service: 'tests',
      book: 'later',
      databaseUrl: (await findEmbedded(data))!.url('execution_service', { showSecrets: true }),
    });
    await writer.openTrade({
      ...{
        trade_id: 'T',
        symbol: 'X',
        side: 'BUY',
        quantity: 1,
        entry_price: 1,
        entry_timestamp: 1705072800000,
      },
    });
    await writer.close();
    await expect
      .poll(
        async () =>
          (await json<{ positions: object }>('status', ...there, '--book', 'later')).positions as object,
        { timeout: 30_000, interval: 500 },
      )
      .toMatchObject({ unfolded_changes: 0, refresh_age_seconds: expect.any(Number) });
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
    const commands = ['signals', 'orders', 'trades', 'positions', 'verify', 'exposure'];
    const ended = await Promise.all(commands.map((command) => claire(command, ...there)));
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(commands.map(() => [0, '']));
    expect(await runs(data)).toBe(false);
  });

  test('leaves a server alone that runs', async () => {
    const { data, there } = await place();
    await up(there);
    const pid = pidOf(data);
    expect((await claire('test-data', ...there)).code).toBe(0);
    expect((await claire('status', ...there)).stdout).toMatch(/signals +504/);
    expect(pidOf(data)).toBe(pid);
  });

  test('has only the book main by itself', async () => {
    const { there } = await place();
    const { code, stderr } = await claire('positions', '--book', 'other', ...there);
    expect(code).toBe(4);
    expect(stderr).toMatch(/no book other/);
  });

  test('uses the login of the operator to correct', async () => {
    const { there } = await place();
    await up(there);
    await claire('test-data', ...there);
    const { code } = await claire(
      ...['correct', 'trade', 'test_trade_btcusdt_000', 'commission=1', '--reason', 'told late', ...there],
    );
    expect(code).toBe(0);
  });
});

describe('status and stop', () => {
  test('start nothing', async () => {
    const { data, there } = await fresh();
    for (const command of ['status', 'stop']) {
      const { code, stdout } = await claire(command, ...there);
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
    expect(Object.keys(status)).toEqual(['running', 'server', 'books', 'book', 'summary', 'positions']);
    expect(Object.keys(status.server!)).toEqual(['version', 'url', 'data']);
    expect(status.books).toEqual([{ book: 'main', version: '1.2' }]);
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

describe('replay and services', () => {
  const T = 1705072800000;

  async function candles(directory: string): Promise<string> {
    const price = (n: number) => 100 + Math.round(20 * Math.sin(n / 20) + 6 * Math.sin(n / 3));
    const rows = Array.from({ length: 400 }, (_, n) => {
      const [open, close] = [price(n), price(n + 1)];
      return `${T + n * 60_000},${open},${Math.max(open, close) + 1},${Math.min(open, close) - 1},${close},10`;
    });
    const file = join(directory, 'TESTUSD.csv');
    await writeFile(file, `timestamp,open,high,low,close,volume\n${rows.join('\n')}\n`);
    return file;
  }

  test('a replay says what it recorded, the second one that nothing is new, and a pipe sees no progress', async () => {
    const { data, there } = await place();
    const file = await candles(join(data, '..'));
    const first = await claire('replay', file, ...there);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^400 candles read\. Newly recorded in book main:\nsignals +[1-9]/);
    expect(first.stdout).not.toContain('\r');
    const second = await claire('replay', file, ...there);
    expect(second.stdout).toMatch(/^400 candles read; nothing new was recorded/);
    expect((await claire('verify', ...there)).code).toBe(0);
  });

  test('a file that breaks off is named with its line and ends with 2; what came before is recorded', async () => {
    const { data, there } = await place();
    const file = await candles(join(data, '..'));
    await writeFile(file, `${T + 400 * 60_000},1,2,3`, { flag: 'a' });
    const { code, stderr } = await claire('replay', file, ...there);
    expect(code).toBe(2);
    expect(stderr).toMatch(/TESTUSD\.csv, line 402: /);
    expect(await json<object[]>('candles', '--limit', '1000', ...there)).toHaveLength(400);
  });

  test('each service runs as a process of its own and ends cleanly when it is told to', async () => {
    const { data, there } = await place();
    await up(there);
    const file = await candles(join(data, '..'));
    const services = ['risk-manager', 'execution-service'].map((name) => start(['service', name, ...there]));
    for (const service of services) await service.says('Ctrl-C');
    const engine = await claire('service', 'signal-engine', file, '--json', ...there);
    expect(JSON.parse(engine.stdout)).toMatchObject({
      service: 'signal_engine',
      finished: true,
      candles: 400,
    });
    await expect
      .poll(() => json<object[]>('trades', '--status', 'CLOSED', ...there), { timeout: 60_000 })
      .not.toHaveLength(0);
    for (const service of services) service.signal('SIGTERM');
    for (const service of services) expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the demonstration', () => {
  interface Demo {
    book: string;
    demo: { source: string; replay: { candles: number; signals: { recorded: number } } };
    summary: { signals: number; closed_trades: number };
  }

  test('runs in the book demo of the embedded server whatever database is named, and is there the second time', async () => {
    const { data, there } = await fresh();
    const args = ['up', '--demo', '--exit-when-done', ...there];
    const elsewhere = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' };
    const first = await start([...args, '--json'], elsewhere).ended;
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const recorded = JSON.parse(first.stdout) as Demo;
    expect(recorded).toMatchObject({ book: 'demo', demo: { source: 'sp500', replay: { candles: 5105 } } });
    expect(recorded.demo.replay.signals.recorded).toBeGreaterThan(100);
    expect(recorded.summary.closed_trades).toBeGreaterThan(50);
    const second = await start(args, elsewhere).ended;
    expect(second.stdout).toMatch(/nothing new was recorded/);
    expect(second.stdout).toMatch(/gross profit +-?\d.*\nnet profit +-?\d/);
    expect(await runs(data)).toBe(false);
    const books = await json<{ book: string }[]>('book', 'list', ...there);
    expect(books.map(({ book }) => book)).toEqual(['demo']);
  });

  test('Ctrl-C in the middle stops the server, and the next run finishes the work', async () => {
    const { data, there } = await place();
    const args = ['up', '--demo', '--exit-when-done', ...there];
    const running = start([...args]);
    await running.says('S&P 500');
    await new Promise((done) => setTimeout(done, 1000));
    running.signal('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stderr: '' });
    expect(await runs(data)).toBe(false);
    expect(await claire(...args)).toMatchObject({ code: 0 });
    expect((await claire('verify', '--book', 'demo', ...there)).code).toBe(0);
  });
});
