import { execFileSync } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findEmbedded, startEmbedded } from '../../src/database/embedded/index.js';
import { syntheticMarket } from '../../src/services/index.js';
import { freePort } from '../harness/ports.js';
import { profitOfFills } from '../services/profit.js';
import { ask, claire, json, start } from './cli-run.js';
import { afterwards, ground, query, repository, rested, until } from './embedded-ground.js';

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
    const data = await rested('main');
    const there = ['--data', data, '--port', String(await freePort())];
    const file = await candles(join(data, '..'));
    const first = await claire('replay', file, ...there);
    expect(first).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Book main has no limits: .*\n.*\n$/),
    });
    expect(first.stdout).toMatch(/^400 candles read\. Newly recorded in book main:\nsignals +[1-9]/);
    expect(first.stdout).not.toContain('\r');
    const second = await ask('replay', file, ...there);
    expect(second.stdout).toMatch(/^400 candles read; nothing new was recorded/);
    expect((await ask('verify', ...there)).code).toBe(0);
  });

  test('a file that breaks off is named with its line and ends with 2; what came before is recorded', async () => {
    const data = await rested('main');
    const there = ['--data', data, '--port', String(await freePort())];
    const file = await candles(join(data, '..'));
    await writeFile(file, `${T + 400 * 60_000},1,2,3`, { flag: 'a' });
    const { code, stderr } = await ask('replay', file, ...there);
    expect(code).toBe(2);
    expect(stderr).toMatch(/TESTUSD\.csv, line 402: /);
    expect(await json<object[]>('candles', '--limit', '1000', ...there)).toHaveLength(400);
  });

  test('each service runs as a process of its own and ends cleanly when it is told to', async () => {
    const data = await rested('main');
    const there = ['--data', data];
    // Stays while they run, as a command that came before them would.
    await startEmbedded({ dataDir: data, port: await freePort() });
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
      .poll(() => json<object[]>('trades', '--status', 'CLOSED', ...there), {
        timeout: 60_000,
        interval: 100,
      })
      .not.toHaveLength(0);
    for (const service of services) service.signal('SIGTERM');
    for (const service of services) expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the demonstration', () => {
  interface Demo {
    book: string;
    demo: {
      source: string;
      replay: { candles: number; signals: { recorded: number; already_recorded: number } };
    };
    summary: { closed_trades: number; risk_events: Record<string, number> };
  }

  /** Whatever database is named, the demonstration runs in the book demo of the embedded server. */
  const elsewhere = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' };

  test('Ctrl-C in the middle stops the server, the next run finishes twenty years of real candles, and the one after it finds nothing to do', async () => {
    const data = await rested();
    const there = ['--data', data, '--port', String(await freePort())];
    const args = ['up', '--demo', '--exit-when-done', ...there];
    const interrupted = start(args, elsewhere);
    afterwards(() => interrupted.signal('SIGKILL'));
    await interrupted.says('S&P 500');
    const server = (await findEmbedded(data))!;
    const signals = () => query(server, 'postgres', 'select from demo.signals');
    await until(async () => (await signals()).length > 10);
    interrupted.signal('SIGINT');
    expect(await interrupted.ended).toMatchObject({ code: 130, stderr: '' });
    expect(await findEmbedded(data)).toBeUndefined();

    const finished = await start([...args, '--json'], elsewhere).ended;
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    const { book, demo, summary } = JSON.parse(finished.stdout) as Demo;
    expect({ book, demo }).toMatchObject({
      book: 'demo',
      demo: { source: 'sp500', replay: { candles: 5105 } },
    });
    expect(demo.replay.signals.already_recorded).toBeGreaterThan(10);
    expect(demo.replay.signals.recorded).toBeGreaterThan(100);
    expect(summary.closed_trades).toBeGreaterThan(50);
    expect(Object.keys(summary.risk_events)).toHaveLength(5);
    expect((await ask('verify', '--book', 'demo', ...there)).code).toBe(0);

    const running = await startEmbedded({ dataDir: data });
    const sql = (text: string) => query(running, 'postgres', `set search_path to demo; ${text}`);
    const { pnl } = await json<{ pnl: string }>('profit', '--book', 'demo', ...there);
    expect(pnl).toBe(await profitOfFills(sql, 'demo'));
    await running.stop();

    const again = await start(args, elsewhere).ended;
    expect(again.stdout).toMatch(/nothing new was recorded/);
    expect(again.stdout).toMatch(/gross profit +-?\d.*\nnet profit +-?\d/);
    expect(await findEmbedded(data)).toBeUndefined();
    const books = await json<{ book: string }[]>('book', 'list', ...there);
    expect(books.map(({ book }) => book)).toEqual(['demo']);
  });

  test('without the package of candles its market is made up, says so, and is the same everywhere', async () => {
    const base = await ground();
    execFileSync('cp', ['-r', join(repository, 'dist'), join(repository, 'package.json'), base]);
    await mkdir(join(base, 'node_modules'));
    for (const name of await readdir(join(repository, 'node_modules'))) {
      if (name !== 'vega-datasets')
        await symlink(join(repository, 'node_modules', name), join(base, 'node_modules', name));
    }
    await writeFile(
      join(base, 'ask.js'),
      `import { demo } from './dist/cli/demo.js';
      const { origin, source, input } = demo();
      const candles = [];
      for (const market of input.candles) for await (const candle of market) candles.push(candle);
      console.log(JSON.stringify({ origin, source, files: input.files, total: input.total, candles }));`,
    );
    const said = JSON.parse(
      execFileSync(process.execPath, ['ask.js'], { cwd: base, encoding: 'utf8', maxBuffer: 1e8 }),
    );
    expect(said).toMatchObject({
      source: 'synthetic',
      origin: expect.stringContaining('SYNTHETIC: made up'),
    });
    expect(said.files).toBeUndefined();
    expect(said.total).toBe(15_000);
    expect(said.candles).toHaveLength(said.total);
    const here = [];
    for (const market of syntheticMarket()) for await (const candle of market) here.push(candle);
    expect(said.candles).toEqual(here);
    expect(here.every(({ symbol }) => symbol.startsWith('SYNTH-'))).toBe(true);
  });
});
