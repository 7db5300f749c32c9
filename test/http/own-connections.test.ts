import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { identifier } from '../../src/database/index.js';
import { serve } from '../../src/http/serve.js';
import { connect } from '../../src/index.js';
import { holdOpen } from '../harness/hold.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
let n = 0;
const order = () => ({ order_id: `o${++n}`, symbol: 'X', side: 'BUY', quantity: '1', price: '3' });

/** Sessions of a login of the book that wait for a lock. */
async function waiting(role: string): Promise<number> {
  const [row] = await ground.book.database.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and usename like $1 || '%' and wait_event_type = 'Lock'`,
    [role],
  );
  return row!.n;
}

/** Somebody holds these locks until the test ends, or lets go. */
async function held(...statements: string[]): Promise<() => Promise<void>> {
  const path = `set local search_path to ${identifier(ground.name)}`;
  const release = await holdOpen(ground.book.database, [path, ...statements]);
  let letGo: Promise<void> | undefined;
  const once = () => {
    letGo ??= release();
    return letGo;
  };
  closing.push(once);
  return once;
}

/** Somebody who listens; gives what he has heard so far. */
async function listening({ app }: ReturnType<typeof ground.served>): Promise<() => string> {
  const serving = await serve(app, { host: '127.0.0.1', port: 0, isAsked: false });
  const ended = new AbortController();
  closing.push(() => serving.close());
  closing.push(() => ended.abort());
  let heard = '';
  const stream = await fetch(`${serving.url}/v1/stream`, { signal: ended.signal });
  void (async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) heard += chunk;
  })().catch(() => {});
  return () => heard;
}

describe('a halt', () => {
  test('that cancels, with a token, waits for no order that somebody works on, and names it', async () => {
    const { get, post } = ground.served();
    const [mine, operator] = [await ground.token('risk_manager'), await ground.token('claire_operator')];
    const [locked, free] = [order(), order()];
    for (const one of [locked, free]) await post('/v1/orders', one, bearer(mine));
    const release = await held(`select from orders where order_id = '${locked.order_id}' for update`);
    const { status, body } = await post(
      '/v1/halt',
      { reason: 'all out', cancel_pending: true },
      bearer(operator),
    );
    expect({ status, ...body.value }).toMatchObject({
      ...{ status: 200, cancelled: [free.order_id], not_cancelled: [locked.order_id] },
    });
    expect((await get('/v1/risk-state')).body.value.halted).toBe(true);
    await release();
    await post('/v1/resume', { reason: 'again' }, bearer(operator));
  });

  test('by the command has a connection, whatever is stuck over HTTP', async () => {
    const { post } = ground.served();
    const operator = bearer(await ground.token('claire_operator'));
    const release = await held('select from halt_gate for update');
    const stuck = [1, 2, 3].map((reason) => post('/v1/halt', { reason: `stuck ${reason}` }, operator));
    await expect.poll(() => waiting('claire_operator')).toBeGreaterThan(0);
    // The second one asks in vain by then, or has what was the command's.
    await Promise.race(stuck);
    const command = await connect({
      ...{ service: 'claire_operator', databaseUrl: ground.urlOf('claire_operator', ground.name) },
      ...{ book: ground.name, connections: 1, timings: false, reconnects: false, checkoutTimeout: 5000 },
    });
    expect((await command.riskState()).halted).toBe(false);
    await release();
    await Promise.all(stuck);
    await command.resume({ reason: 'again' });
    await command.close();
  });
});

describe('while every connection for reads is taken', () => {
  test('by slow reads of anybody, whoever has a token writes, and halts', async () => {
    const { get, post } = ground.served();
    const [manager, operator] = [await ground.token('risk_manager'), await ground.token('claire_operator')];
    const release = await held('lock table corrections in access exclusive mode');
    const reads = [{}, {}, bearer(operator), bearer(operator)].map((as) => get('/v1/corrections', as));
    await expect.poll(() => waiting('claire')).toBeGreaterThanOrEqual(2);
    expect((await post('/v1/orders', order(), bearer(manager))).status).toBe(200);
    expect((await post('/v1/halt', { reason: 'all the same' }, bearer(operator))).status).toBe(200);
    await release();
    await Promise.all(reads);
    await post('/v1/resume', { reason: 'again' }, bearer(operator));
  });

  test('who listens hears what happens', async () => {
    const served = ground.served();
    const { post, pools } = served;
    const heard = await listening(served);
    // He has caught up: from now on he is told by the hub.
    const before = order();
    const manager = bearer(await ground.token('risk_manager'));
    await post('/v1/orders', before, manager);
    await expect.poll(heard).toContain(`"order_id":"${before.order_id}"`);
    const { database } = await pools.open('claire_reader', ground.name);
    const taken = [await holdOpen(database, []), await holdOpen(database, [])];
    closing.push(...taken);
    const after = order();
    expect((await post('/v1/orders', after, manager)).status).toBe(200);
    await expect.poll(heard).toContain(`"order_id":"${after.order_id}"`);
  });
});

test('between the questions of a page that is open the command gets a connection to read', async () => {
  const served = ground.served();
  await listening(served);
  let isOpen = true;
  const page = (async () => {
    while (isOpen) {
      await Promise.all(['summary', 'positions', 'exposure'].map((read) => served.get(`/v1/${read}`)));
      await sleep(500);
    }
  })();
  const sessions = () =>
    ground.book.database.query(
      `select from pg_stat_activity where datname = current_database() and usename like 'claire_reader%'`,
    );
  await expect.poll(async () => (await sessions()).length).toBe(3);
  const command = await connect({
    ...{ service: 'claire_reader', databaseUrl: ground.urlOf('claire_reader', ground.name) },
    ...{ book: ground.name, connections: 1, timings: false, checkoutTimeout: 20_000 },
  }).finally(() => {
    isOpen = false;
  });
  expect(await command.positions()).toEqual([]);
  await command.close();
  await page;
});
