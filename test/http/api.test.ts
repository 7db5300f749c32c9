import { beforeAll, describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/http/api/table.js';
import { type Claire, connect } from '../../src/index.js';
import { type AnyOperation, operations } from '../../src/operations/index.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const T = Date.UTC(2024, 0, 12, 15, 20);
let claire: Claire;

beforeAll(async () => {
  claire = await connect({
    ...{ service: 'claire', databaseUrl: ground.urlOf('claire', ground.name), book: ground.name },
    ...{ connections: 2, timings: false },
  });
  await claire.recordSignals(
    Array.from({ length: 25 }, (_, n) => ({
      ...{ signal_id: `s${n}`, symbol: `SYM${n % 2}`, side: 'BUY', price: '10.5', confidence: '0.5' },
      timestamp: T + n,
    })),
  );
  await claire.openTrades(
    ['a', 'b'].map((trade_id) => ({
      ...{ trade_id, symbol: 'SYM0', side: 'BUY', quantity: '0.1', entry_price: '0.3' },
      entry_timestamp: T,
    })),
  );
  return () => claire.close();
});

describe('the table of addresses', () => {
  test('has every verb of the registry once, and nothing else', () => {
    const named = ROUTES.flatMap(({ one, many }) => [one, many].filter((name) => name !== undefined));
    expect(named.toSorted()).toEqual(Object.keys(operations).toSorted());
    const addresses = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  test('reads by GET and writes by POST, an array as a batch', () => {
    for (const { method, one, many } of ROUTES) {
      if (one) expect((operations[one] as AnyOperation).kind).toBe(method === 'GET' ? 'read' : 'write');
      if (many) expect((operations[many] as AnyOperation).kind).toBe('batch');
    }
  });
});

describe('a read', () => {
  test('answers what the library answers, money as text and times as milliseconds', async () => {
    const { get } = ground.served();
    const { status, body } = await get('/v1/positions');
    expect(status).toBe(200);
    expect(body).toEqual({ rows: await claire.positions(), next: null, at_ms: expect.any(Number) });
    expect(body.rows[0].total_quantity).toBe('0.2');
    expect((await get('/v1/summary')).body.value).toEqual(await claire.summary());
    expect((await get('/v1/why/s1')).body.value).toEqual(await claire.why({ id: 's1' }));
    expect((await get('/v1/not-traded')).body.rows).toEqual(await claire.notTraded());
  });

  test('takes filters as text: numbers, words, JSON, true', async () => {
    const { get } = ground.served();
    const asked = `symbol=SYM1&side=BUY&since=${T + 3}&until=${T + 8}&without_order=true`;
    const { body } = await get(`/v1/signals?${asked}`);
    expect(body.rows.map((row: { signal_id: string }) => row.signal_id)).toEqual(['s7', 's5', 's3']);
    expect((await get('/v1/risk-events?contains=%7B%22a%22%3A1%7D')).body.rows).toEqual([]);
  });

  test('is turned page by page', async () => {
    const { get } = ground.served();
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await get(`/v1/signals?limit=10${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.rows.map((row: { signal_id: string }) => row.signal_id));
      if (body.next === null) break;
      cursor = body.next;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `s${24 - n}`));
  });

  test.each([
    ['a parameter that there is not', 'signals?sybmol=X'],
    ['one of the prototype', 'signals?constructor=x'],
    ['one that is given twice', 'signals?symbol=A&symbol=B'],
    ['more rows than a page', 'signals?limit=1001'],
    ['a cursor that is none', 'signals?cursor=x'],
    ['a cursor by its other name', 'signals?after=x'],
    ['no JSON', 'risk-events?contains=%7B'],
    ['neither true nor false', 'signals?without_order=yes'],
    ['seconds', 'signals?since=1700000000'],
  ])('refuses %s', async (_, path) => {
    const { status, body } = await ground.served().get(`/v1/${path}`);
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'input_invalid', details: { fields: [expect.anything()] } });
  });

  test('of another book, which is not there, or no name of one', async () => {
    const { get } = ground.served();
    expect((await get('/v1/positions?book=nowhere')).body).toMatchObject({
      status: 404,
      code: 'book_missing',
    });
    expect((await get('/v1/positions?book=No%20book')).body.code).toBe('book_name_invalid');
    expect((await get(`/v1/positions?book=${ground.name}`)).status).toBe(200);
  });
});

describe('a write', () => {
  test('of one item and of many: outcomes are data, one bad item fails no other', async () => {
    const { post } = ground.served({ isOpen: true });
    const one = { signal_id: 'w1', symbol: 'X', side: 'SELL', price: '1', confidence: 1, timestamp: T };
    expect((await post('/v1/signals', one)).body).toEqual({ value: { id: 'w1', outcome: 'recorded' } });
    const { status, body } = await post('/v1/signals', [
      one,
      { ...one, signal_id: 'w2' },
      { ...one, price: '-1', signal_id: 'w3' },
    ]);
    expect(status).toBe(200);
    expect(body.rows.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      ...['already_recorded', 'recorded', 'refused'],
    ]);
    const conflict = await post('/v1/signals', { ...one, price: '2' });
    expect(conflict.body).toMatchObject({ status: 409, code: 'id_conflict', details: { fields: ['price'] } });
  });

  test('keeps every digit of a number, and numbers of metadata stay numbers', async () => {
    const { post } = ground.served({ isOpen: true });
    const sent =
      '{"signal_id":"digits","symbol":"X","side":"BUY","price":123456789012.12345678,"confidence":1e-7,"timestamp":1700000000000,' +
      '"metadata":{"exact":0.12345678901234567890,"small":2}}';
    expect((await post('/v1/signals', sent)).status).toBe(200);
    const [row] = await claire.signals({ signal_id: 'digits' });
    expect(row).toMatchObject({ price: '123456789012.12345678', confidence: '0.0000001' });
    const [text] = await ground.book.sql<{ metadata: string }>(
      `select metadata::text from signals where signal_id = 'digits'`,
      ground.name,
    );
    expect(text!.metadata).toContain('0.12345678901234567890');
  });

  test('of JSON is found by the same JSON, and read back with every digit, as a number', async () => {
    const { get, app } = ground.served({ isOpen: true });
    const details = '{"max_position":0.12345678901234567891}';
    const payload = `{"event_id":"digits","event_type":"signal_rejected","reason":"r","timestamp":${T},"details":${details}}`;
    const headers = { 'content-type': 'application/json' };
    await app.inject({ method: 'POST', url: '/v1/risk-events', payload, headers });
    const url = `/v1/risk-events?contains=${encodeURIComponent(details)}`;
    const { body, headers: got } = await app.inject(url);
    expect(body).toMatch(/"details":\{"max_position": ?0\.12345678901234567891\}/);
    expect(got['content-type']).toMatch(/^application\/json/);
    expect((await get('/v1/risk-events?contains={"max_position":0.12345678901234567892}')).body.rows).toEqual(
      [],
    );
  });

  test('counts as a call of its verb, whoever sends it', async () => {
    const { post, pools } = ground.served({ isOpen: true });
    const mine = bearer(await ground.token('claire'));
    const { claire: counted } = await pools.open('claire', ground.name);
    const one = { signal_id: 'c1', symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T };
    await post('/v1/signals', one);
    await post('/v1/signals', one, mine);
    await post('/v1/signals', one, { ...mine, 'idempotency-key': 'counted' });
    expect(counted.timings().operations.recordSignal).toMatchObject({ calls: 3 });
  });

  test('that takes no batch, or takes nothing else, says so', async () => {
    const { post } = ground.served({ isOpen: true });
    expect((await post('/v1/halt', [{ reason: 'x' }])).body.code).toBe('input_invalid');
    expect((await post('/v1/candles', { symbol: 'X' })).body.code).toBe('input_invalid');
    expect((await post('/v1/signals?symbol=X', {})).body.code).toBe('input_invalid');
    expect((await post('/v1/signals', 'null')).body.code).toBe('input_invalid');
  });

  test('with a key is answered with the very bytes of the first answer', async () => {
    const { app } = ground.served();
    const headers = {
      ...{ ...bearer(await ground.token('claire')), 'idempotency-key': 'bytes' },
      'content-type': 'application/json',
    };
    const one = { signal_id: 'bytes', symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T };
    const payload = JSON.stringify([one, { ...one, price: '2' }, { ...one, signal_id: 'b', side: 'buy' }]);
    const send = () => app.inject({ method: 'POST', url: '/v1/signals', payload, headers });
    const [first, again] = [await send(), await send()];
    expect(first.body).toContain('"outcome":"conflict"');
    expect(again.body).toBe(first.body);
    expect(again.headers['content-type']).toBe(first.headers['content-type']);
  });

  test('with a key is done once: sent again it answers the same, with other content it is refused', async () => {
    const { post } = ground.served();
    const sent = { ...bearer(await ground.token('claire_operator')), 'idempotency-key': 'halt-1' };
    const first = await post('/v1/halt', { reason: 'once' }, sent);
    expect(first.status).toBe(200);
    await post('/v1/resume', { reason: 'meanwhile' }, bearer(await ground.token('claire_operator')));
    expect((await post('/v1/halt', { reason: 'once' }, sent)).body).toEqual(first.body);
    expect((await claire.riskState()).halted).toBe(false);
    expect((await post('/v1/halt', { reason: 'other' }, sent)).body).toMatchObject({
      ...{ status: 409, code: 'idempotency_conflict' },
    });
    const other = { ...sent, 'idempotency-key': 'a\u00e9b' };
    expect((await post('/v1/halt', { reason: 'once' }, other)).body.code).toBe('http_request_invalid');
  });
});

describe('how the machine is', () => {
  test('the doctor, backups, connections, queries and books answer; me says who asks', async () => {
    const { get } = ground.served();
    expect((await get('/v1/doctor')).body.value.counts).toMatchObject({ ok: expect.any(Number) });
    expect((await get('/v1/backups')).body.value).toMatchObject({ backups: [] });
    expect((await get('/v1/connections')).body.value.budget.limit).toBe(30);
    expect((await get('/v1/queries')).body.value.operations).toEqual([]);
    expect((await get('/v1/books')).body.rows).toEqual([
      { book: ground.name, version: '1.5', current: true },
    ]);
    expect((await get('/v1/me')).body.value).toEqual({
      ...{ name: 'loopback', role: 'claire_reader', may_write: false, token: false },
    });
  });

  test('the doctor is not asked again for each who asks', async () => {
    const { get } = ground.served();
    const [first, second] = await Promise.all([get('/v1/doctor'), get('/v1/doctor')]);
    expect(second!.body.value.at_ms).toBe(first!.body.value.at_ms);
    expect((await get('/v1/doctor?fresh=1')).body.value.at_ms).toBe(first!.body.value.at_ms);
  });

  test('a service does not see it', async () => {
    const { get } = ground.served();
    const mine = bearer(await ground.token('signal_engine'));
    for (const path of ['doctor', 'backups', 'connections', 'queries'])
      expect((await get(`/v1/${path}`, mine)).body).toMatchObject({ status: 403, code: 'right_missing' });
    expect((await get('/v1/me', mine)).body.value).toMatchObject({
      role: 'signal_engine',
      may_write: true,
      token: true,
    });
  });
});
