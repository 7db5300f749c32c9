import { request as ask, createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../../src/http/serve.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const DESK = 'https://desk.example';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A proxy on this machine, in front of an address of it; where everybody comes through it. */
async function proxied(keepsHost: boolean) {
  const { app } = ground.served({ ownOrigin: DESK });
  const serving = await serve(app, { host: '127.0.0.1', port: 0, isAsked: false });
  closing.push(() => serving.close());
  const pass: RequestListener = (request, response) => {
    const headers = { ...request.headers, 'x-forwarded-for': '192.0.2.1' };
    const to = { host: '127.0.0.1', port: serving.port, method: request.method, path: request.url };
    const host = keepsHost ? request.headers.host : `127.0.0.1:${serving.port}`;
    const onward = ask({ ...to, headers: { ...headers, host } }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    response.once('close', () => onward.destroy());
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
  const proxy = createServer(pass);
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  closing.push(
    () => proxy.closeAllConnections(),
    () => proxy.close(),
  );
  const { port } = proxy.address() as AddressInfo;
  /** As a browser asks, which takes the proxy for desk.example. */
  return (path: string, { body, ...headers }: Record<string, string> = {}) =>
    new Promise<{ status: number; answer: NodeJS.ReadableStream }>((done, failed) => {
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const of = { host: '127.0.0.1', port, path, method: body === undefined ? 'GET' : 'POST' };
      const sent = ask({ ...of, headers: { host: 'desk.example', ...type, ...headers } }, (answer) =>
        done({ status: answer.statusCode!, answer }),
      );
      sent.once('error', failed);
      sent.end(body);
      closing.push(() => sent.destroy());
    });
}

describe.each([
  ['keeps', true],
  ['replaces', false],
])('behind a proxy that %s the Host header', (_, keepsHost) => {
  test('the page of its address reads, writes and listens with a token', async () => {
    const send = await proxied(keepsHost);
    const own = { origin: DESK, 'sec-fetch-site': 'same-origin' };
    const mine = { ...own, ...bearer(await ground.token('claire_operator')) };
    expect((await send('/v1/positions', mine)).status).toBe(200);
    const written = await send('/v1/capital', { ...mine, body: '{"amount":"5","reason":"by proxy"}' });
    expect(written.status).toBe(200);
    const stream = await send('/v1/stream', mine);
    let heard = '';
    stream.answer.on('data', (chunk) => {
      heard += String(chunk);
    });
    await expect.poll(() => heard).toContain('event: hello');
  });

  test('nobody is of this machine, and pages of others are refused', async () => {
    const send = await proxied(keepsHost);
    for (const path of ['/v1/positions', '/metrics']) {
      const { status, answer } = await send(path);
      expect({ status, body: await json(answer) }).toMatchObject({
        ...{ status: 401, body: { code: 'http_token_missing' } },
      });
    }
    const { status, answer } = await send('/v1/positions', { origin: 'https://evil.example' });
    expect({ status, said: await text(answer) }).toMatchObject({
      ...{ status: 403, said: expect.stringContaining('http_origin_refused') },
    });
  });
});

test.each([
  ['desk.example', 401],
  ['DESK.example:443', 401],
  ['desk.example:80', 421],
  ['desk.example.evil.example', 421],
  ['evil.example', 421],
])('under the name %s a request is answered with %i', async (host, status) => {
  const { get } = ground.served({ ownOrigin: DESK });
  expect((await get('/v1/me', { host })).status).toBe(status);
  expect((await ground.served().get('/v1/me', { host })).status).toBe(421);
});
