import { connect as dial } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { Rates, UnderWay } from '../../src/http/api/limits.js';
import { serve } from '../../src/http/serve.js';
import { refusal } from '../harness/book.js';
import { useApi } from './api-ground.js';

const ground = useApi();
const T = Date.UTC(2024, 0, 12, 15, 20);
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
const signal = (more: object) => ({
  ...{ signal_id: 'a', symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T, ...more },
});

async function listening() {
  const served = ground.served({ isOpen: true });
  const serving = await serve(served.app, { host: '127.0.0.1', port: 0, isAsked: false });
  closing.push(() => serving.close());
  return { ...served, serving };
}

describe('a page of another origin', () => {
  test.each([
    ['an origin', { origin: 'https://evil.example' }],
    ['no origin that it would say', { origin: 'null' }],
    ['a request without an origin', { 'sec-fetch-site': 'cross-site' }],
    ['one on another port of this machine', { origin: 'http://localhost:9999', host: 'localhost:4400' }],
  ])('with %s is refused before anything is done, reading and writing', async (_, headers) => {
    const { get, post } = ground.served({ isOpen: true });
    for (const { body } of [
      await get('/v1/positions', headers),
      await post('/v1/halt', { reason: 'x' }, headers),
    ])
      expect(body).toMatchObject({ status: 403, code: 'http_origin_refused' });
    expect((await get('/v1/risk-state')).body.value.halted).toBe(false);
  });

  test('that was allowed may ask, and only that one is told so', async () => {
    const origin = 'https://desk.example';
    const { get, app } = ground.served({ origins: [origin] });
    const { status, headers } = await get('/v1/positions', { origin });
    expect({ status, allowed: headers['access-control-allow-origin'] }).toEqual({
      status: 200,
      allowed: origin,
    });
    const before = await app.inject({ method: 'OPTIONS', url: '/v1/halt', headers: { origin } });
    expect(before.statusCode).toBe(204);
    expect(before.headers['access-control-allow-headers']).toContain('authorization');
    expect((await get('/v1/positions', { origin: `${origin}.evil.example` })).status).toBe(403);
  });

  test('our own page may ask', async () => {
    const { get } = ground.served();
    const headers = {
      origin: 'http://localhost:4400',
      host: 'localhost:4400',
      'sec-fetch-site': 'same-origin',
    };
    expect((await get('/v1/positions', headers)).status).toBe(200);
    expect((await get('/v1/positions')).headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('cannot write by a form: only JSON is taken', async () => {
    const { post } = ground.served({ isOpen: true });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect((await post('/v1/halt', '{"reason":"x"}', { 'content-type': type })).body).toMatchObject({
        ...{ status: 415, code: 'http_type_refused' },
      });
  });
});

describe('a body', () => {
  test('over 1 MB, deeper than 32 levels, or of more than 5,000 items is too large', async () => {
    const { post } = ground.served({ isOpen: true });
    const deep = (levels: number) => `{"metadata":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    const bodies = [
      JSON.stringify(signal({ metadata: { x: 'x'.repeat(1024 * 1024) } })),
      ...[deep(40), `${'['.repeat(500_000)}`, `${'{"a":'.repeat(100_000)}`],
      JSON.stringify(Array.from({ length: 5001 }, () => ({}))),
    ];
    for (const body of bodies)
      expect((await post('/v1/signals', body)).body).toMatchObject({ status: 413, code: 'http_too_large' });
    // Brackets inside of text are text.
    expect((await post('/v1/signals', signal({ metadata: { x: `\\"${'['.repeat(100)}` } }))).status).toBe(
      200,
    );
  });

  test.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['half a document', '{"signal_id":"x"'],
    ['NaN', '{"price":NaN}'],
  ])('with %s is refused', async (_, body) => {
    expect((await ground.served({ isOpen: true }).post('/v1/signals', body)).status).toBe(400);
  });

  test('with a prototype changes nobody else', async () => {
    const { post } = ground.served({ isOpen: true });
    const sent = `{"__proto__":{"isOpen":true},"constructor":{"prototype":{"x":1}},${JSON.stringify(signal({ signal_id: 'p' })).slice(1)}`;
    expect((await post('/v1/signals', sent)).status).toBe(422);
    expect(({} as { isOpen?: boolean }).isOpen).toBeUndefined();
  });

  test.each(['signal_id', 'symbol'])('with NUL in %s is refused, in metadata too', async (field) => {
    const { post } = ground.served({ isOpen: true });
    expect((await post('/v1/signals', signal({ [field]: 'a\0b' }))).status).toBe(422);
    expect((await post('/v1/signals', signal({ signal_id: 'nul', metadata: { a: 'x\0' } }))).status).toBe(
      422,
    );
  });
});

const HTML = `<script>alert(1)</script>"'&`;

test('HTML in every text comes back as it was, as JSON and nothing else', async () => {
  const { get, post } = ground.served({ isOpen: true });
  const of = { symbol: '<b>X</b>', side: 'BUY', quantity: '1' };
  await post('/v1/signals', signal({ signal_id: HTML, symbol: of.symbol, metadata: { [HTML]: HTML } }));
  await post('/v1/orders', { ...of, order_id: HTML, price: '1' });
  await post('/v1/orders/reject', { order_id: HTML, reason: HTML });
  await post('/v1/risk-events', {
    event_id: HTML,
    event_type: 'signal_rejected',
    reason: HTML,
    details: { a: HTML },
    timestamp: T,
  });
  const id = encodeURIComponent(HTML);
  for (const [path, field] of [
    [`signals?signal_id=${id}`, 'signal_id'],
    [`orders?order_id=${id}`, 'rejection_reason'],
    [`risk-events?event_id=${id}`, 'reason'],
  ] as const) {
    const { body, headers } = await get(`/v1/${path}`);
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'self'"),
    });
    expect(body.rows[0][field]).toBe(HTML);
  }
  const missing = await get(`/v1/why/${id}x`);
  expect(missing.headers['content-type']).toMatch(/^application\/problem\+json/);
});

describe('an address', () => {
  test.each([
    ...[
      '/../../etc/passwd',
      '/v1/../../../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/..%2f..%2fetc%2fpasswd',
    ],
    ...['/v1/why/..%2f..%2fetc%2fpasswd', '/v1/%00', '/v1/why/%00', '//etc/passwd', '/v1/why/%ff'],
  ])('%s leads nowhere', async (path) => {
    const { serving } = await listening();
    const socket = dial(serving.port, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    const said = await text(socket);
    expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(said).not.toContain('root:');
  });

  test('that has another method is told which', async () => {
    const { get, app, post } = ground.served({ isOpen: true });
    expect(await post('/v1/why/x', {})).toMatchObject({
      headers: { allow: 'GET, HEAD' },
      body: { status: 405, code: 'http_method_refused' },
    });
    expect(await get('/v1/halt')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect((await get('/v1/why')).body.code).toBe('http_route_missing');
    // HEAD of a stream would have no end.
    const { statusCode, headers } = await app.inject({ method: 'HEAD', url: '/v1/stream?book=x' });
    expect({ statusCode, allow: headers.allow }).toEqual({ statusCode: 405, allow: 'GET' });
  });

  test('with more headers than are taken is refused as that', async () => {
    const { serving } = await listening();
    const socket = dial(serving.port, '127.0.0.1');
    socket.write(`GET /v1/me HTTP/1.1\r\nhost: localhost\r\nx-a: ${'x'.repeat(20_000)}\r\n\r\n`);
    const said = await text(socket);
    expect(said).toMatch(/^HTTP\/1\.1 431 /);
    expect(said).toContain('http_headers_too_large');
  });

  test('of a header with a line break in it is no request', async () => {
    const { get } = ground.served();
    const { headers, body } = await get('/v1/why/x%0d%0aset-cookie:%20a=b');
    expect(headers).not.toHaveProperty('set-cookie');
    expect(body.code).toBe('not_found');
    const { serving } = await listening();
    const socket = dial(serving.port, '127.0.0.1');
    socket.end(
      'GET /v1/me HTTP/1.1\r\nhost: localhost\r\nidempotency-key: a\rb: c\r\nconnection: close\r\n\r\n',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('who is slow', () => {
  test('with his headers, or his body, is sent away, and told why', { timeout: 60_000 }, async () => {
    const { serving } = await listening();
    const heads = [
      'GET /v1/me HTTP/1.1\r\nhost: localhost\r\nx-a: ',
      'POST /v1/halt HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{',
    ];
    const ask = (head: string, drips: boolean): Promise<string> => {
      const socket = dial(serving.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(head);
      const dripping = drips ? setInterval(() => socket.write('x'), 250) : undefined;
      return text(socket)
        .catch(() => '')
        .finally(() => clearInterval(dripping));
    };
    const [dripped, silent] = await Promise.all(
      [true, false].map((drips) => Promise.all(heads.map((head) => ask(head, drips)))),
    );
    for (const said of silent!) {
      expect(said).toMatch(/^HTTP\/1\.1 408 /);
      expect(said).toContain('http_too_slow');
    }
    // What was sent after the end may have taken the answer away.
    for (const said of dripped!) expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect((await fetch(`${serving.url}/healthz`)).status).toBe(200);
  });
});

describe('who asks too often', () => {
  test('waits as long as Retry-After says', async () => {
    const { get } = ground.served({ rate: { perSecond: 1, burst: 3 } });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await get('/v1/me')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const { headers, body } = await get('/v1/me');
    expect(body.code).toBe('http_rate_limited');
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  test('has his bucket filled with time, and takes nothing from others', () => {
    const rates = new Rates({ perSecond: 10, burst: 2 });
    for (const caller of ['a', 'b']) {
      rates.take(caller, 0);
      rates.take(caller, 0);
      expect(() => rates.take(caller, 0)).toThrow(expect.objectContaining({ code: 'http_rate_limited' }));
    }
    rates.take('a', 100);
    expect(() => rates.take('a', 100)).toThrow();
    rates.take('a', 10_000);
    rates.take('a', 10_000);
    expect(() => rates.take('a', 10_000)).toThrow();
  });

  test('beyond what is worked on is told at once, and nobody waits in a queue', async () => {
    const underWay = new UnderWay(2);
    let go = () => {};
    const until = new Promise<void>((done) => {
      go = done;
    });
    const begun = [underWay.run(() => until), underWay.run(() => until)];
    expect(await refusal(underWay.run(async () => {}))).toMatchObject({
      code: 'http_overloaded',
      status: 503,
    });
    go();
    await Promise.all(begun);
    await underWay.run(async () => {});
  });
});
