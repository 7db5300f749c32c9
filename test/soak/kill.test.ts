import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { ClaireError, connect } from '../../src/index.js';
import { createBook } from '../../src/schema/index.js';
import { ground, pidOf, repository, rested, until } from '../surfaces/embedded-ground.js';

/** kill -9 of the server and of a service in the middle of the work; fsync is on, as it is for everybody. */
const T = 1705072800000;

/** A market that turns every twenty candles, so that both strategies speak; the same for each run. */
async function candleFiles(directory: string): Promise<string[]> {
  return Promise.all(
    ['AAAUSD', 'BBBUSD'].map(async (symbol, shift) => {
      const rows = Array.from({ length: 700 }, (_, n) => {
        const wave = (k: number) =>
          100 + shift * 50 + Math.round(20 * Math.sin((k + shift * 7) / 20) + 6 * Math.sin(k / 3));
        const [open, close] = [wave(n), wave(n + 1)];
        return `${T + n * 60_000},${open},${Math.max(open, close) + 1},${Math.min(open, close) - 1},${close},10`;
      });
      const path = join(directory, `${symbol}.csv`);
      await writeFile(path, `timestamp,open,high,low,close,volume\n${rows.join('\n')}\n`);
      return path;
    }),
  );
}

const open = (server: EmbeddedServer) =>
  new Database({ databaseUrl: server.url('postgres', { showSecrets: true }), applicationName: 'tests' });

/** What the record says, without what differs from run to run: numbers of rows and the time of writing. */
async function contents(database: Database, book: string): Promise<unknown> {
  const [row] = await database.query(
    `select
       (select array_agg(to_jsonb(s) - 'id' - 'created_at' order by signal_id) from ${book}.signals s) as signals,
       (select array_agg(to_jsonb(o) - 'id' - 'created_at' - 'updated_at' order by order_id) from ${book}.orders o) as orders,
       (select array_agg(to_jsonb(t) - 'id' - 'created_at' order by trade_id) from ${book}.trades t) as trades,
       (select array_agg(to_jsonb(e) - 'id' - 'created_at' order by event_id) from ${book}.risk_events e) as events,
       (select array_agg(to_jsonb(p) order by symbol, side) from ${book}.position_sums p) as positions`,
  );
  return row;
}

function replay(server: EmbeddedServer, book: string, files: string[]): ChildProcess {
  const url = server.url('postgres', { showSecrets: true });
  const environment = { ...process.env, DATABASE_URL: url };
  return spawn(process.execPath, ['bin/claire.js', 'replay', ...files, '--book', book], {
    cwd: repository,
    env: environment,
    stdio: 'ignore',
  });
}

const ended = async (child: ChildProcess) =>
  child.exitCode ?? child.signalCode ?? (await once(child, 'exit'))[0];
const orders = async (database: Database, book: string) =>
  (
    await database.query<{ n: number }>(`select count(*) as n from ${book}.orders`).catch(() => [{ n: 0 }])
  )[0]!.n;

test('a service that is killed again and again, and a server that is killed, end in the record of an undisturbed run', async () => {
  const directory = await ground();
  const files = await candleFiles(directory);
  let server = await startEmbedded({ dataDir: await rested(undefined, directory) });
  let database = open(server);
  await createBook(database, 'calm');
  await createBook(database, 'stormy');
  expect(await ended(replay(server, 'calm', files))).toBe(0);
  const wanted = await contents(database, 'calm');
  const all = await orders(database, 'calm');
  expect(all).toBeGreaterThan(60);

  for (const share of [0.2, 0.45, 0.7]) {
    const child = replay(server, 'stormy', files);
    await until(async () => (await orders(database, 'stormy')) >= all * share || child.exitCode !== null);
    expect(child.exitCode).toBe(null);
    child.kill('SIGKILL');
    await ended(child);
  }
  const child = replay(server, 'stormy', files);
  await until(async () => (await orders(database, 'stormy')) >= all * 0.85 || child.exitCode !== null);
  process.kill(pidOf(server.dataDir)!, 'SIGKILL');
  expect(await ended(child)).toBe(3);
  await database.close();

  server = await startEmbedded({ dataDir: server.dataDir });
  database = open(server);
  expect(await orders(database, 'stormy')).toBeLessThan(all);
  expect(await ended(replay(server, 'stormy', files))).toBe(0);
  expect(await contents(database, 'stormy')).toEqual(wanted);
  expect(await ended(replay(server, 'stormy', files))).toBe(0);
  expect(await contents(database, 'stormy')).toEqual(wanted);
  await database.close();
});

test('every write that was acknowledged before the server was killed is there exactly once', async () => {
  const directory = await ground();
  let server = await startEmbedded({ dataDir: await rested(undefined, directory) });
  let database = open(server);
  await createBook(database, 'acked');
  const acknowledged = new Set<string>();
  for (let kill = 0; kill < 3; kill++) {
    const claire = await connect({
      service: 'writer',
      book: 'acked',
      databaseUrl: server.url('postgres', { showSecrets: true }),
      // Else they would wait for a server that this test starts only when all of them were told.
      reconnects: false,
    });
    const write = async (worker: number) => {
      for (let n = 0; ; n++) {
        const ids = [0, 1, 2].map((item) => `${kill}-${worker}-${n}-${item}`);
        const batch = ids.map((signal_id) => ({
          signal_id,
          symbol: 'X',
          side: 'BUY' as const,
          price: 1,
          confidence: 1,
          timestamp: T,
        }));
        await claire.recordSignals(batch);
        for (const id of ids) acknowledged.add(id);
      }
    };
    const writers = Promise.allSettled([0, 1, 2, 3].map(write));
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + 300);
    process.kill(pidOf(server.dataDir)!, 'SIGKILL');
    for (const { reason } of (await writers) as PromiseRejectedResult[]) {
      expect(reason).toBeInstanceOf(ClaireError);
      expect(['database_unreachable', 'write_unresolved']).toContain(reason.code);
    }
    await claire.close();
    await database.close();
    server = await startEmbedded({ dataDir: server.dataDir });
    database = open(server);
  }
  const rows = await database.query<{ signal_id: string; n: number }>(
    'select signal_id, count(*) as n from acked.signals group by 1',
  );
  const there = new Map(rows.map(({ signal_id, n }) => [signal_id, n]));
  expect([...acknowledged].filter((id) => there.get(id) !== 1)).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(900);
  await database.close();
});

test('a decision that was made and not answered when the server was killed is answered as it was made, once', async () => {
  const directory = await ground();
  let server = await startEmbedded({ dataDir: await rested('main', directory) });
  const wanted = Array.from({ length: 400 }, (_, at) => ({ signal_id: `s${at}`, quantity: 1, at: T }));
  const service = { service: 'risk_manager', connections: 4, reconnects: false };
  let claire = await connect({ ...service, databaseUrl: server.url('postgres', { showSecrets: true }) });
  await claire.recordSignals(
    wanted.map(({ signal_id }) => ({
      ...{ signal_id, symbol: 'BTCUSDT', side: 'BUY' as const, price: 100, confidence: 1, timestamp: T },
    })),
  );
  await claire.setLimits({ changes: { max_exposure: 10_000 }, reason: 'a hundred of them' });
  const answered = new Map<string, unknown>();
  const asked = wanted.map(async (item) => {
    const decision = await claire.decideAll([item]);
    answered.set(item.signal_id, decision[0]);
  });
  await until(() => answered.size >= 60);
  process.kill(pidOf(server.dataDir)!, 'SIGKILL');
  const lost = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
  expect(lost.length).toBeGreaterThan(0);
  await claire.close();

  server = await startEmbedded({ dataDir: server.dataDir });
  claire = await connect({ ...service, databaseUrl: server.url('postgres', { showSecrets: true }) });
  const stored = new Map((await claire.decisions({ limit: 1000 })).map((row) => [row.signal_id, row]));
  const again = await claire.decideAll(wanted);
  for (const [at, decision] of again.entries()) {
    const { signal_id } = wanted[at]!;
    const before = answered.get(signal_id);
    if (before) expect(decision).toEqual({ ...(before as object), outcome: 'already_recorded' });
    if (stored.has(signal_id)) expect(decision.outcome).toBe('already_recorded');
  }
  const decisions = again.map((one) => ('decision' in one ? one.decision : undefined));
  expect(decisions.filter((decision) => decision === 'opening')).toHaveLength(100);
  expect(decisions.filter((decision) => decision === 'rejected')).toHaveLength(300);
  expect((await claire.orders({ limit: 1000 })).length).toBe(400);
  expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  await claire.close();
});
