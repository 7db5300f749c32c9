import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { openProxy } from '../../bench/connections/proxy.js';
import { addressGiven } from '../../src/http/index.js';
import { serve } from '../../src/http/serve.js';
import { refusal } from '../harness/book.js';
import { useApp } from './ground.js';

const { book, app, afterwards } = useApp();
const asked = (port: number) => ({ host: '127.0.0.1', port, isAsked: port !== 0 });

/** A port that another program listens on. */
async function taken(): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  afterwards(async () => other.close());
  return (other.address() as AddressInfo).port;
}

describe('health and readiness', () => {
  test('a process whose book answers is alive and ready', async () => {
    const { served } = app();
    expect((await served.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await served.inject('/readyz')).json()).toEqual({ status: 'ready' });
  });

  test('a book that is older or missing is not ready, and the answer says what to do', async () => {
    const older = await book.bookAt('1.2');
    for (const [name, code] of [
      [older, 'schema_outdated'],
      ['nowhere', 'book_missing'],
    ] as const) {
      const answer = await app({ book: name }).served.inject('/readyz');
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.json()).toMatchObject({
        ...{ type: `urn:claire:error:${code}`, code, status: answer.statusCode },
        ...{ title: expect.any(String), detail: expect.stringContaining(name), remedy: expect.any(String) },
      });
    }
  });

  test('a server that is silent is not ready, and the process lives', async () => {
    const network = await openProxy(Number(new URL(book.url).port));
    afterwards(() => network.close());
    const url = new URL(book.url);
    url.port = String(network.port);
    const { served } = app({ url: url.href });
    await served.inject('/readyz');
    network.sever();
    const answer = await served.inject('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: 'database_unreachable' });
    expect((await served.inject('/healthz')).statusCode).toBe(200);
    network.heal();
  });
});

describe('what is refused', () => {
  test('an address that is not there, by any method, is a problem of the catalogue', async () => {
    const { served } = app();
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      const answer = await served.inject({ method, url: '/nothing?password=x' });
      expect(answer.statusCode).toBe(404);
      expect(answer.json()).toMatchObject({ code: 'http_route_missing' });
      expect(answer.body).not.toContain('password');
    }
  });

  test.each([
    'evil.example',
    'evil.example:4400',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'x@127.0.0.1',
  ])('a request that calls this machine %j', async (host) => {
    const answer = await app().served.inject({ url: '/metrics', headers: { host } });
    expect(answer.statusCode).toBe(421);
    expect(answer.json()).toMatchObject({ code: 'http_host_refused' });
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:4400', '[::1]:4400'])('but not %s', async (host) => {
    expect((await app().served.inject({ url: '/healthz', headers: { host } })).statusCode).toBe(200);
  });

  test('what breaks inside is told to the log and not to the caller', async () => {
    const { served, errors } = app();
    served.get('/broken', async () => {
      throw new Error('postgresql://u:secret@host');
    });
    const answer = await served.inject('/broken');
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'http_failed' });
    expect(answer.body).not.toContain('secret');
    expect(errors).toEqual([new Error('postgresql://u:secret@host')]);
  });

  test.each([
    [
      'a body that is no JSON',
      { method: 'POST', url: '/body', payload: '{', headers: { 'content-type': 'application/json' } },
      ...([400, 'http_request_invalid'] as const),
    ],
    [
      'a body of an unknown kind',
      { method: 'POST', url: '/body', payload: 'x', headers: { 'content-type': 'a/b' } },
      ...([415, 'http_type_refused'] as const),
    ],
    ['an address that cannot be decoded', { method: 'GET', url: '/%ZZ' }, 400, 'http_request_invalid'],
  ] as const)('%s is a problem, too', async (_, given, status, code) => {
    const { served } = app();
    served.post('/body', async () => ({}));
    const answer = await served.inject(given);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({ code, status });
  });

  test('and what is no HTTP', async () => {
    const serving = await serve(app().served, asked(0));
    afterwards(() => serving.close());
    const socket = connect(serving.port, '127.0.0.1');
    socket.end('GARBAGE\r\n\r\n');
    const said = await text(socket);
    expect(said).toMatch(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
    expect(JSON.parse(said.split('\r\n\r\n')[1]!)).toMatchObject({ code: 'http_request_invalid' });
  });
});

describe('where it is served', () => {
  test.each(['4400', 'localhost', 'localhost:x', '127.0.0.1:99999', ':4400', ''])(
    'not on %j, which is no address',
    (given) => {
      expect(() => addressGiven(given)).toThrow(expect.objectContaining({ code: 'usage_invalid' }));
    },
  );

  test('on the loopback address that is named, by default on 4400, or nowhere', () => {
    expect(addressGiven('[::1]:80')).toEqual({ host: '[::1]', port: 80, isAsked: true, isPublic: false });
    expect(addressGiven('LocalHost:0')).toMatchObject({ host: 'localhost', port: 0, isAsked: false });
    expect(addressGiven(undefined)).toMatchObject({
      host: '127.0.0.1',
      port: 4400,
      isAsked: false,
      isPublic: false,
    });
    expect(addressGiven('off')).toBeUndefined();
  });

  test('a port that was asked for and is taken is an error; of the usual one the next is taken', async () => {
    const port = await taken();
    const error = await refusal(serve(app().served, asked(port)));
    expect(error).toMatchObject({ code: 'http_port_in_use', details: { port } });
    const serving = await serve(app().served, { host: '127.0.0.1', port, isAsked: false });
    afterwards(() => serving.close());
    expect(serving.port).not.toBe(port);
    expect((await fetch(`${serving.url}/healthz`)).status).toBe(200);
  });

  test('what is under way when it ends is answered, and who is silent does not keep it', async () => {
    const { served } = app();
    let go = () => {};
    const until = new Promise<void>((done) => {
      go = done;
    });
    let isAsked = () => {};
    const arrived = new Promise<void>((done) => {
      isAsked = done;
    });
    served.get('/slow', async () => {
      isAsked();
      await until;
      return { status: 'done' };
    });
    const serving = await serve(served, asked(0));
    const silent = connect(serving.port, '127.0.0.1');
    await once(silent, 'connect');
    const answer = new Promise<string>((done, failed) => {
      request(`${serving.url}/slow`, (response) => done(text(response)))
        .once('error', failed)
        .end();
    });
    await arrived;
    const closing = serving.close();
    go();
    expect(JSON.parse(await answer)).toEqual({ status: 'done' });
    await closing;
    silent.destroy();
    await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow();
  });
});
