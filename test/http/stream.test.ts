import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect as dial } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ClaireError } from '../../src/errors/index.js';
import { serve } from '../../src/http/serve.js';
import { Client } from '../../src/http/stream/client.js';
import { Hub, isBefore, type ReadLog } from '../../src/http/stream/hub.js';
import { type Claire, connect } from '../../src/index.js';
import { readLog } from '../../src/operations/index.js';
import { holdOpen } from '../harness/hold.js';
import { step } from '../harness/step.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const T = Date.UTC(2024, 0, 12, 15, 20);
const closing: (() => unknown)[] = [];
let claire: Claire;

beforeAll(async () => {
  claire = await connect({
    ...{ service: 'claire', databaseUrl: ground.urlOf('claire', ground.name), book: ground.name },
    ...{ connections: 2, timings: false },
  });
  return () => claire.close();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Event {
  event: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: the row of any kind.
  data: any;
}

async function listening(options: Parameters<typeof ground.served>[0] = {}) {
  const served = ground.served(options);
  const serving = await serve(served.app, { host: '127.0.0.1', port: 0, isAsked: false });
  closing.push(() => serving.close());
  return { ...served, serving };
}

/** Somebody who listens; what he has heard so far. */
async function listen(url: string, headers: Record<string, string> = {}) {
  const ended = new AbortController();
  closing.push(() => ended.abort());
  const answer = await fetch(`${url}/v1/stream`, { headers, signal: ended.signal });
  const events: Event[] = [];
  let isOver = false;
  const reading = (async () => {
    let rest = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop()!;
      for (const part of parts) {
        const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s)));
        events.push({ ...fields, data: JSON.parse(fields.data) } as Event);
      }
    }
  })()
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });
  if (answer.status === 200) await expect.poll(() => events[0]?.event).toBe('hello');
  const of = (event: string) => events.filter((each) => each.event === event);
  return {
    status: answer.status,
    headers: answer.headers,
    events,
    of,
    isOver: () => isOver,
    end: () => ended.abort(),
    reading,
  };
}

let n = 0;
const trade = (symbol = 'X') => ({
  ...{
    trade_id: `t${++n}`,
    symbol,
    side: 'BUY' as const,
    quantity: '1',
    entry_price: '2',
    entry_timestamp: T,
  },
});

describe('who listens', () => {
  test('hears what is recorded, as the reads give it, with who did it', async () => {
    const { serving } = await listening();
    const ear = await listen(serving.url);
    expect(ear.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(ear.headers.get('x-content-type-options')).toBe('nosniff');
    await claire.placeOrder({ order_id: 'o1', symbol: 'X', side: 'BUY' as const, quantity: '1', price: '3' });
    const opened = trade('LISTEN');
    await claire.openTrade(opened);
    await claire.closeTrade({ trade_id: opened.trade_id, exit_price: '3', exit_timestamp: T + 1 });
    // Each row is told as it stands when it is read: the position may be flat before the trade is told as closed.
    await expect.poll(() => ear.of('trade').at(-1)?.data.status).toBe('CLOSED');
    await expect.poll(() => ear.of('position').at(-1)?.data.total_quantity).toBe('0');
    const [order] = ear.of('order');
    const [row] = await claire.orders({ order_id: 'o1' });
    expect(order!.data).toEqual({ ...row, actor: expect.stringMatching(/^claire/) });
    expect(ear.of('trade').at(-1)!.data).toMatchObject({
      trade_id: opened.trade_id,
      status: 'CLOSED',
      pnl: '1',
    });
    expect(ear.of('position').at(-1)!.data).toMatchObject({ symbol: 'LISTEN', side: 'BUY' });
    const ids = ear.events.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0)));
  });

  test('hears what plain SQL writes, too', async () => {
    const { serving } = await listening();
    const ear = await listen(serving.url);
    await ground.book.sql(
      `insert into risk_events (event_id, event_type, reason, timestamp) values ('sql', 'signal_rejected', 'r', ${T})`,
      ground.name,
    );
    await expect.poll(() => ear.of('risk_event').map(({ data }) => data.event_id)).toEqual(['sql']);
  });

  test('and comes again with the last id that he got loses nothing and hears nothing twice', async () => {
    const { serving } = await listening();
    const first = await listen(serving.url);
    await claire.openTrades([trade('A1'), trade('A2')]);
    await expect.poll(() => first.of('position').length).toBe(2);
    const all = await listen(serving.url);
    first.end();
    const symbols = Array.from({ length: 600 }, (_, at) => `M${at % 7}`);
    await claire.openTrades(symbols.map((symbol) => trade(symbol)));
    const again = await listen(serving.url, { 'last-event-id': first.events.at(-1)!.id });
    await claire.openTrade(trade('LAST'));
    for (const ear of [again, all]) await expect.poll(() => ear.of('trade').at(-1)?.data.symbol).toBe('LAST');
    for (const ear of [again, all]) {
      const ids = ear.of('trade').map(({ data }) => data.trade_id);
      expect(ids).toHaveLength(601);
      expect(new Set(ids).size).toBe(601);
    }
  });

  test('and was away for too long is told that there is a gap, and goes on from now', async () => {
    const { serving } = await listening();
    await claire.openTrade(trade('GAP'));
    const ear = await listen(serving.url, { 'last-event-id': '3.1.0' });
    await expect.poll(() => ear.of('gap').length).toBe(1);
    await claire.openTrade(trade('AFTER'));
    // The one before is told, too, where an older transaction of the server held it back until now.
    const told = () => ear.of('trade').flatMap(({ data }) => (data.symbol === 'GAP' ? [] : [data.symbol]));
    await expect.poll(told).toEqual(['AFTER']);
  });

  test('with an id that is none is refused', async () => {
    const { serving } = await listening();
    const ear = await listen(serving.url, { 'last-event-id': "1'; drop table orders" });
    expect(ear.status).toBe(422);
  });

  test('is told that it lives, and why it ends', async () => {
    const { serving } = await listening({ beatMs: 50 });
    const ear = await listen(serving.url);
    await expect.poll(() => ear.of('alive').length).toBeGreaterThan(1);
    expect(ear.of('alive')[0]).toEqual({
      event: 'alive',
      data: { at_ms: expect.any(Number), held_since_ms: null, failing_since_ms: null },
    });
    await serving.close();
    await ear.reading;
    expect(ear.events.at(-1)).toMatchObject({ event: 'bye', data: { reason: 'shutting_down' } });
  });

  test('is told since when an older transaction holds the stream back, and hears what came when it ends', async () => {
    const { serving } = await listening();
    const ear = await listen(serving.url);
    const release = await holdOpen(ground.book.database, ['create temp table holds_back (n int)'], {
      end: 'rollback',
    });
    closing.push(release);
    const before = Date.now();
    await claire.openTrade(trade('HELD'));
    const held = () => ear.of('alive').findLast(({ data }) => data.held_since_ms !== null);
    await expect.poll(held).toBeDefined();
    expect(held()!.data.held_since_ms).toBeLessThanOrEqual(Date.now());
    expect(held()!.data.held_since_ms).toBeGreaterThan(before - 1000);
    expect(ear.of('trade').filter(({ data }) => data.symbol === 'HELD')).toEqual([]);
    // Who comes now is told at once.
    const late = await listen(serving.url);
    await expect.poll(() => late.of('alive')[0]?.data.held_since_ms).toBeGreaterThan(0);
    await release();
    await expect.poll(() => ear.of('trade').at(-1)?.data.symbol).toBe('HELD');
    await expect.poll(() => ear.of('alive').at(-1)?.data.held_since_ms).toBeNull();
  });

  test('is told while the log cannot be read', async () => {
    const { serving } = await listening();
    const ear = await listen(serving.url);
    await ground.book.sql(`alter table record_log rename to record_log_away`, ground.name);
    const failing = () => ear.of('alive').at(-1)?.data.failing_since_ms;
    try {
      await expect.poll(failing).toBeGreaterThan(0);
    } finally {
      await ground.book.sql(`alter table record_log_away rename to record_log`, ground.name);
    }
    await expect.poll(failing).toBeNull();
  });

  test('is told why it ends while he is still sent what he missed', async () => {
    const { pools } = ground.served();
    const asked = step();
    const go = step();
    const read: ReadLog = async (options) => {
      asked.done();
      await go.reached;
      return readLog((await pools.open('claire_reader', ground.name)).database, ground.name, options);
    };
    const hub = new Hub({ read, onError: (error) => expect.unreachable(String(error)) });
    const server = createServer((_, response) => void hub.join(new Client(response, '0.0.0'), read));
    closing.push(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const answer = fetch(`http://127.0.0.1:${port}`).then((response) => response.text());
    await asked.reached;
    await hub.close('shutting_down');
    go.done();
    expect(await answer).toBe('event: bye\ndata: {"reason":"shutting_down"}\n\n');
  });

  test('by a token may as long as it holds, and where the role may read', async () => {
    const { serving } = await listening({ beatMs: 50 });
    expect((await listen(serving.url, bearer(await ground.token('signal_engine')))).status).toBe(403);
    const token = await ground.token('claire_reader');
    const ear = await listen(serving.url, bearer(token));
    expect(ear.status).toBe(200);
    await ground.book.sql(
      `update tokens set revoked_at = now(), revoked_by = 'test' where token_id = '${token.split('_')[1]}'`,
      ground.name,
    );
    await expect.poll(() => ear.events.at(-1)?.event).toBe('bye');
    expect(ear.events.at(-1)!.data).toEqual({ reason: 'token_refused' });
  });

  test('by a token that cannot be asked for at the moment goes on', async () => {
    let asked = 0;
    const findToken = async () => {
      if (asked++ > 0) throw new ClaireError('database_unreachable');
      return { token_id: 'x', name: 'x', role: 'claire_reader' as const };
    };
    const { serving } = await listening({ findToken, beatMs: 500 });
    const ear = await listen(serving.url, bearer('x'));
    await expect.poll(() => asked).toBeGreaterThan(3);
    expect(ear.isOver()).toBe(false);
    expect(ear.of('bye')).toEqual([]);
  });

  test('and leaves is forgotten', async () => {
    const { serving, streams } = await listening();
    const ears = await Promise.all(Array.from({ length: 5 }, () => listen(serving.url)));
    expect(streams.size).toBe(5);
    for (const ear of ears) ear.end();
    await expect.poll(() => streams.size).toBe(0);
  });
});

test('who does not read is dropped, and those who do hear everything', { timeout: 90_000 }, async () => {
  const { serving, streams } = await listening();
  const slow = dial(serving.port, '127.0.0.1');
  slow.on('error', () => {});
  closing.push(() => slow.destroy());
  slow.pause();
  slow.write('GET /v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await expect.poll(() => streams.size).toBe(1);
  const ear = await listen(serving.url);
  expect(streams.size).toBe(2);
  const details = { text: 'x'.repeat(3000) };
  let sent = 0;
  while (streams.size === 2 && sent < 20_000) {
    await claire.recordRiskEvents(
      Array.from(
        { length: 200 },
        () =>
          ({
            ...{
              event_id: `slow${++sent}`,
              event_type: 'signal_rejected',
              reason: 'r',
              timestamp: T,
              details,
            },
          }) as const,
      ),
    );
    await expect.poll(() => ear.of('risk_event').length).toBe(sent);
  }
  expect(streams.size).toBe(1);
  expect(ear.isOver()).toBe(false);
});
