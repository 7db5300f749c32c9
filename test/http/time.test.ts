import { beforeAll, describe, expect, test } from 'vitest';
import { Deadline } from '../../src/database/index.js';
import { REQUEST_MS } from '../../src/http/api/routes.js';
import { CLOSE_MS, serve } from '../../src/http/serve.js';
import { type Claire, connect } from '../../src/index.js';
import { holdOpen } from '../harness/hold.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
let claire: Claire;

beforeAll(async () => {
  claire = await connect({
    ...{ service: 'claire', databaseUrl: ground.urlOf('claire', ground.name), book: ground.name },
    ...{ connections: 2, timings: false },
  });
  return () => claire.close();
});

const order = (order_id: string, more: object = {}) => ({
  ...{ order_id, symbol: 'X', side: 'BUY', quantity: '1', price: '1', ...more },
});
const written = async (prefix: string) =>
  (await claire.orders({ limit: 10_000 })).filter(({ order_id }) => order_id.startsWith(prefix)).length;
/** Sessions of requests that wait for a lock. */
const waiting = async () =>
  (
    await ground.book.database.query<{ n: number }>(
      `select count(*) as n from pg_stat_activity
       where datname = current_database() and application_name like 'claire http %' and wait_event_type = 'Lock'`,
    )
  )[0]!.n;
const lock = (table: string) =>
  holdOpen(ground.book.database, [`lock table ${ground.name}.${table} in access exclusive mode`]);

describe('the time of a request', () => {
  test('is ten seconds, and who closes the server waits longer than that', () => {
    const { longest } = new Deadline(REQUEST_MS);
    expect(longest).toBeGreaterThan(9900);
    expect(longest).toBeLessThanOrEqual(10_000);
    expect(CLOSE_MS).toBeGreaterThan(longest);
  });

  test('ends a batch of many statements: it is refused, and nothing of it is recorded', async () => {
    const { post } = ground.served({ requestMs: 500 });
    const mine = bearer(await ground.token('claire'));
    // Each that names no signal is refused, so the batch is halved until they stand alone.
    const orders = Array.from({ length: 5000 }, (_, n) =>
      order(`many${n}`, n % 2 ? { signal_id: `no such ${n}` } : {}),
    );
    expect((await post('/v1/orders', orders, mine)).body).toMatchObject({
      status: 503,
      code: expect.stringMatching(/^(deadline_passed|statement_cancelled)$/),
    });
    expect(await written('many')).toBe(0);
    expect((await post('/v1/orders', order('afterwards'), mine)).status).toBe(200);
  });

  test.each([
    ['with a token', false],
    ['without one, where that may write', true],
  ])('ends what waits for a lock, %s, and the connection is whole', async (_, isOpen) => {
    const { get, post, pools } = ground.served({ isOpen, requestMs: 300 });
    const prefix = isOpen ? 'open' : 'token';
    const headers = isOpen ? {} : bearer(await ground.token('claire'));
    const release = await lock('orders');
    const other = ground
      .served()
      .post('/v1/orders', order(`other of ${prefix}`), bearer(await ground.token('claire')));
    await expect.poll(waiting).toBe(1);
    const refused = [
      post('/v1/orders', [order(`${prefix}1`), order(`${prefix}2`)], headers),
      get('/v1/orders', headers),
    ];
    for (const { body } of await Promise.all(refused)) expect(body.status).toBe(503);
    // Who has more time, and began before, still waits.
    expect(await waiting()).toBe(1);
    await release();
    expect((await other).status).toBe(200);
    expect(await written(prefix)).toBe(0);
    expect((await post('/v1/orders', order(`${prefix}3`), headers)).status).toBe(200);
    expect(pools.stats().reduce((sum, { in_use }) => sum + in_use, 0)).toBe(0);
  });

  test('is over when he who asked has gone: nothing of it is recorded', async () => {
    const served = ground.served();
    const serving = await serve(served.app, { host: '127.0.0.1', port: 0, isAsked: false });
    const headers = { ...bearer(await ground.token('claire')), 'content-type': 'application/json' };
    const release = await lock('orders');
    const gone = new AbortController();
    const asking = fetch(`${serving.url}/v1/orders`, {
      ...{ method: 'POST', headers, body: JSON.stringify([order('gone')]), signal: gone.signal },
    }).catch(() => 'gone');
    await expect.poll(waiting).toBe(1);
    gone.abort();
    expect(await asking).toBe('gone');
    const connections = () => new Promise((done) => served.app.server.getConnections((_, n) => done(n)));
    await expect.poll(connections).toBe(0);
    await release();
    const inUse = () => served.pools.stats().reduce((sum, { in_use }) => sum + in_use, 0);
    await expect.poll(inUse).toBe(0);
    expect(await written('gone')).toBe(0);
  });
});
