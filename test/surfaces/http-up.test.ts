import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { findEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { EVENTS, type EventName } from '../../src/log/index.js';
import { holdOpen } from '../harness/hold.js';
import { freePort } from '../harness/ports.js';
import { parseExposition } from '../http/exposition.js';
import { sampleOf } from '../http/ground.js';
import { ask, claire, type Running, start } from './cli-run.js';
import { afterwards, occupy, rested } from './embedded-ground.js';

async function place(): Promise<{ data: string; there: string[] }> {
  const data = await rested('main');
  return { data, there: ['--data', data, '--port', String(await freePort())] };
}

async function up(there: string[], ...args: string[]): Promise<Running> {
  const running = start(['up', ...there, ...args]);
  afterwards(() => running.signal('SIGKILL'));
  await running.says('Ctrl-C');
  return running;
}

const served = (running: Running): string =>
  /served on (http:\/\/\S+?)[: ]* ?(?:\(|\/)/.exec(running.said())![1]!;

async function scrape(url: string) {
  const answer = await fetch(`${url}/metrics`);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return parseExposition(await answer.text());
}

const events = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('up serves HTTP', () => {
  test('metrics of every book, of its pools, its upkeep and the doctor, and ends with it', async () => {
    const { there } = await place();
    const running = await up(there);
    const url = served(running);
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await ask('book', 'create', 'second', ...there);
    await expect
      .poll(async () => sampleOf(await scrape(url), 'claire_trading_halted', { book: 'second' }), {
        ...{ timeout: 60_000, interval: 500 },
      })
      .toBe(0);
    const of = { book: 'main', task: 'refresh_positions_realtime', result: 'ok' };
    await expect
      .poll(async () => sampleOf(await scrape(url), 'claire_upkeep_runs_total', of), {
        ...{ timeout: 60_000, interval: 500 },
      })
      .toBeGreaterThan(0);
    await expect
      .poll(async () => (await scrape(url)).get('claire_doctor_check')!.samples.length, {
        ...{ timeout: 60_000, interval: 500 },
      })
      .toBeGreaterThan(0);
    const families = await scrape(url);
    expect(sampleOf(families, 'claire_database_up')).toBe(1);
    expect(sampleOf(families, 'claire_disk_free_bytes')).toBeGreaterThan(0);
    expect(sampleOf(families, 'claire_database_size_bytes')).toBeGreaterThan(0);
    expect(
      sampleOf(families, 'claire_backup_last_verified_timestamp_seconds', { book: 'main' }),
    ).toBeDefined();
    for (const { samples } of families.get('claire_scrape_errors')
      ? [families.get('claire_scrape_errors')!]
      : [])
      expect(samples.filter(({ value }) => value > 0)).toEqual([]);
    running.signal('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('and a request that is under way when it ends is answered', async () => {
    const { data, there } = await place();
    const running = await up(there, '--open');
    const url = served(running);
    const server = (await findEmbedded(data))!;
    const database = new Database({
      ...{ databaseUrl: server.url('postgres'), applicationName: 'tests', connections: 2 },
    });
    afterwards(() => database.close());
    // Of two that write the same id the second waits until it is known what became of the first.
    const release = await holdOpen(
      database,
      [
        'set local search_path to main',
        `insert into orders (order_id, symbol, side, quantity, price, status) values ('same', 'X', 'BUY', 1, 1, 'PENDING')`,
      ],
      { end: 'rollback' },
    );
    const asking = fetch(`${url}/v1/orders`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ order_id: 'same', symbol: 'X', side: 'BUY', quantity: '1', price: '1' }),
    });
    const waiting = () =>
      database.query(
        `select from pg_stat_activity where application_name like 'claire http %' and wait_event_type = 'Lock'`,
      );
    await expect.poll(waiting, { timeout: 60_000 }).toHaveLength(1);
    running.signal('SIGINT');
    const isClosed = () =>
      fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      );
    await expect.poll(isClosed, { timeout: 60_000 }).toBe(true);
    await release();
    const answer = await asking;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ value: { id: 'same', outcome: 'recorded' } });
    await database.close();
    expect((await running.ended).code).toBe(0);
  });

  test('under the name of this machine only, and that of its proxy', async () => {
    const { there } = await place();
    const wrong = await claire('up', ...there, '--http-origin', 'desk.example');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--http-origin is an origin like https://desk.example');
    const running = await up(there, '--http', '127.0.0.1:0', '--http-origin', 'https://desk.example');
    const under = (host: string) =>
      new Promise<number>((done, failed) => {
        request(`${served(running)}/metrics`, { headers: { host } }, (response) => {
          void text(response).then(() => done(response.statusCode!));
        })
          .once('error', failed)
          .end();
      });
    expect(await under('evil.example')).toBe(421);
    // It is known, and nobody of this machine.
    expect(await under('desk.example')).toBe(401);
    expect(await under('localhost')).toBe(200);
  });

  test('a port that was asked for and is taken is an error, and nothing is left running', async () => {
    const { there } = await place();
    const port = await occupy();
    const { code, stderr } = await claire('up', ...there, '--http', `127.0.0.1:${port}`);
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`The port for HTTP is taken\\. .*${port}[^]*--http`));
    const refused = await claire('up', ...there, '--http', '0.0.0.0:4400');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('loopback');
  });

  test('not where it is off, and not while it only does its job', async () => {
    const { there } = await place();
    const { stdout } = await claire('up', ...there, '--exit-when-done', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ http: null, book: 'main' });
    const running = start(['up', ...there, '--json'], { CLAIRE_HTTP: 'off' });
    afterwards(() => running.signal('SIGKILL'));
    await running.says('"halt"');
    expect(JSON.parse(running.said())).toMatchObject({ http: null });
  });

  test('and says where in JSON', async () => {
    const { there } = await place();
    const running = start(['up', ...there, '--json', '--http', 'localhost:0']);
    afterwards(() => running.signal('SIGKILL'));
    await running.says('"halt"');
    const { http } = JSON.parse(running.said()) as { http: { host: string; port: number; url: string } };
    expect(http).toEqual({
      host: 'localhost',
      port: expect.any(Number),
      url: `http://localhost:${http.port}`,
    });
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
  });
});

describe('the log', () => {
  test('has what happened, by the table of events, and no password', async () => {
    const { data, there } = await place();
    const file = join(data, '..', 'log');
    const running = await up(there, '--log', file, '--verbose');
    await ask('halt', '--reason', 'a test', ...there);
    const has = async (event: EventName) => (await events(file)).some((line) => line.event === event);
    await expect.poll(() => has('trading_halted'), { timeout: 60_000, interval: 200 }).toBe(true);
    running.signal('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    const lines = await events(file);
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['http_started', 'up_started', 'trading_halted', 'up_stopped']),
    );
    for (const { time, level, event, ...fields } of lines) {
      const entry = EVENTS[event as EventName];
      expect(time).toEqual(expect.any(Number));
      expect(level).toBe(entry.level);
      expect(Object.keys(entry.fields)).toEqual(expect.arrayContaining(Object.keys(fields)));
    }
    expect(lines.find(({ event }) => event === 'trading_halted')).toMatchObject({
      ...{ level: 'warn', book: 'main', cause: 'hand', reason: 'a test' },
    });
    expect(stderr).toMatch(/^\d\d:\d\d:\d\d trading halted main hand \S+ a test$/m);
    const passwords = await readFile(join(data, 'pgpass'), 'utf8').catch(() => '');
    const all = JSON.stringify(lines) + stderr;
    for (const line of passwords.split('\n').filter(Boolean))
      expect(all).not.toContain(line.split(':').at(-1));
  });

  test('goes on after its file was copied and cut off, as logrotate does', async () => {
    const { data, there } = await place();
    const file = join(data, '..', 'log');
    const running = await up(there, '--log', file);
    execFileSync('sh', ['-c', `cp "${file}" "${file}.1" && : > "${file}"`]);
    running.signal('SIGINT');
    await running.ended;
    expect((await events(`${file}.1`)).at(-1)).toMatchObject({ event: 'up_started' });
    expect(await events(file)).toMatchObject([{ event: 'up_stopped' }]);
  });

  test('of a service says when it began, and why it ended', async () => {
    const { data, there } = await place();
    const file = join(data, '..', 'log');
    const running = start(['service', 'risk-manager', ...there], { CLAIRE_LOG: file });
    afterwards(() => running.signal('SIGKILL'));
    await running.says('Ctrl-C ends it');
    running.signal('SIGINT');
    expect((await running.ended).code).toBe(0);
    expect(await events(file)).toMatchObject([
      { event: 'service_started', book: 'main', service: 'risk_manager' },
      { event: 'service_stopped', took_ms: expect.any(Number) },
    ]);
    const { code } = await claire('service', 'risk-manager', ...there, '--log', join(data, 'no', 'log'));
    expect(code).toBe(2);
  });
});
