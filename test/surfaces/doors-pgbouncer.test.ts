import { afterAll, describe, expect, test } from 'vitest';
import { type BareClient, connectBare, Database, isPooled } from '../../src/database/index.js';
import { type Claire, connect } from '../../src/index.js';
import { migrate } from '../../src/schema/index.js';
import { ask } from './cli-run.js';
import { has, PASSWORD, PGBOUNCER, startPgBouncer, startServer, useGround } from './doors-ground.js';
import { needs } from './embedded-ground.js';

/** Named statements off, which PgBouncer 1.18 does not know in transaction mode, and no startup parameters. */
const OPTIONS = { service: 'tests', pooler: true };

describe.skipIf(!needs(has(PGBOUNCER), PGBOUNCER))('PgBouncer in transaction mode', () => {
  let direct: string;
  let pooled: string;
  let desk: Claire;
  useGround(async (ground) => {
    const server = await startServer(ground, {
      settings: { listen_addresses: '127.0.0.1' },
      hba: ['host all all all scram-sha-256'],
    });
    const port = await startPgBouncer(ground, server);
    const at = (door: number) => `postgresql://postgres:${PASSWORD}@127.0.0.1:${door}/postgres`;
    [direct, pooled] = [at(server.port), at(port)];
    const owner = new Database({ databaseUrl: direct, applicationName: 'tests' });
    await migrate(owner, 'main');
    await owner.close();
    desk = await connect({ ...OPTIONS, databaseUrl: pooled });
  });
  afterAll(() => desk?.close());

  const signal = (n: number) => ({
    ...{ signal_id: `s${n}`, symbol: 'BTCUSDT', side: 'BUY' as const, price: 100, confidence: 0.5 },
    timestamp: Date.now(),
  });
  const bare = async (): Promise<BareClient> => connectBare(pooled, 'tests');

  test('verbs, batches, transactions and reads of many callers work on its four connections', async () => {
    await Promise.all(Array.from({ length: 60 }, (_, n) => desk.recordSignal(signal(n))));
    await desk.recordSignals(Array.from({ length: 60 }, (_, n) => signal(n + 30)));
    const decided = await Promise.all(
      Array.from({ length: 30 }, (_, n) => desk.decide({ signal_id: `s${n}`, quantity: 1 })),
    );
    expect(new Set(decided.map(({ outcome }) => outcome))).toEqual(new Set(['recorded']));
    await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        desk.transaction(async (t) => {
          await t.fillOrder({ order_id: `ord-s${n}` });
          await t.openTrade({
            ...{ trade_id: `t${n}`, order_id: `ord-s${n}`, symbol: 'BTCUSDT', side: 'BUY', quantity: 1 },
            ...{ entry_price: 100, entry_timestamp: Date.now() },
          });
        }),
      ),
    );
    expect(await desk.summary()).toMatchObject({ signals: 90, orders: { FILLED: 30 }, open_trades: 30 });
    expect(await desk.exposure({ symbol: 'BTCUSDT' })).toMatchObject([{ gross: '3000' }]);
    expect(await desk.trades({ limit: 100 })).toHaveLength(30);
  });

  test('a transaction that fails leaves nothing, and nothing to the next caller', async () => {
    const before = await desk.summary();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        expect(
          desk.transaction(async (t) => {
            await t.recordSignal(signal(1000 + n));
            throw new Error('changed my mind');
          }),
        ).rejects.toThrow('changed my mind'),
      ),
    );
    expect(await desk.summary()).toEqual(before);
  });

  test('a named statement is not there on its other connections: that is why they are off', async () => {
    const [one, other] = [await bare(), await bare()];
    const named = { name: 'mine', text: 'select $1::int as n', values: [1] };
    await one.query(named);
    // It has just been given back, so this one gets it and keeps it.
    await other.query('begin');
    await expect(one.query(named)).rejects.toMatchObject({ code: '26000' });
    await other.query('rollback');
    for (const client of [one, other]) await client.end();
  });

  test('a lock of a session is lost on its other connections, so what needs one is refused', async () => {
    const [one, other] = [await bare(), await bare()];
    const locked = async (client: BareClient, text: string) => (await client.query(text)).rows[0].done;
    expect(await locked(one, 'select pg_try_advisory_lock(1) as done')).toBe(true);
    await other.query('begin');
    expect(await locked(one, 'select pg_advisory_unlock(1) as done')).toBe(false);
    await other.query('rollback');
    for (const client of [one, other]) await client.end();
  });

  test.each([
    [['migrate', '--book', 'second']],
    [['up', '--exit-when-done']],
    [['book', 'create', 'second']],
  ])('claire %s is refused, with where to go', async (args) => {
    const { code, stderr } = await ask(...args, '--database-url', pooled);
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /A pooler stands between.* session of the server for itself\.\nName the server itself/,
    );
  });

  test('a pooler is told from a server, which does the same work', async () => {
    expect(await isPooled(pooled, 'tests')).toBe(true);
    expect(await isPooled(direct, 'tests')).toBe(false);
    expect((await ask('book', 'create', 'second', '--database-url', direct)).code).toBe(0);
  });

  test('settings in the connection string it does not take, and says so', async () => {
    const error = await connect({
      ...OPTIONS,
      databaseUrl: `${pooled}?options=-c%20lock_timeout%3D300`,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'pooler_between',
      message: expect.stringMatching(/unsupported startup parameter: options/i),
    });
  });

  test('who forgets to say that it is there is told, a command too', async () => {
    await expect(connect({ service: 'tests', databaseUrl: pooled })).rejects.toMatchObject({
      code: 'pooler_between',
      remedy: expect.stringContaining('pooler: true'),
    });
    const { code, stderr } = await ask('positions', '--database-url', pooled);
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^claire: A pooler stands/),
    });
  });
});
