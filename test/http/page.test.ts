import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { addPage } from '../../src/http/routes/page.js';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of undo.splice(0)) await work();
});

/** A page of two files, beside one that is none of it. */
async function served(): Promise<{ app: FastifyInstance; url: string }> {
  const base = await mkdtemp(join(tmpdir(), 'claire-page-'));
  await mkdir(join(base, 'web/assets'), { recursive: true });
  await writeFile(join(base, 'secret.js'), 'secret');
  await writeFile(join(base, 'web/index.html'), '<!doctype html><title>Claire</title>');
  await writeFile(join(base, 'web/assets/index-AbC_12-3.js'), 'export {};'.repeat(50));
  const app = fastify();
  addPage(app, join(base, 'web'));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  undo.push(
    () => app.close(),
    () => rm(base, { recursive: true }),
  );
  return { app, url };
}

/** As it is written: `fetch` would take the dots away before it asks. */
const statusOf = (url: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { path }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject).end();
  });

test('the document is asked for each time, what has a hash in its name never again', async () => {
  const { app } = await served();
  const page = await app.inject('/');
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  });
  const script = await app.inject('/assets/index-AbC_12-3.js');
  expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
});

test('who understands gzip gets it, and the same text', async () => {
  const { app } = await served();
  const [plain, packed] = await Promise.all([
    app.inject('/assets/index-AbC_12-3.js'),
    app.inject({ url: '/assets/index-AbC_12-3.js', headers: { 'accept-encoding': 'br, gzip' } }),
  ]);
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
  expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body);
});

test.each([
  ...[
    '/../secret.js',
    '/assets/../../secret.js',
    '/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '/assets/..%5c..%5csecret.js',
  ],
  ...['//secret.js', '/assets', '/assets/', '/index.html', '/assets/index-AbC_12-3.js%00', '/.git/config'],
])('%s is none of the page', async (path) => {
  const { url } = await served();
  expect(await statusOf(url, path)).toBeGreaterThanOrEqual(400);
});

test('where nothing was built there is no page, and the rest is served', async () => {
  const app = fastify();
  addPage(app, '/nowhere/at/all');
  app.get('/healthz', async () => 'ok');
  expect((await app.inject('/')).statusCode).toBe(404);
  expect((await app.inject('/healthz')).body).toBe('ok');
});
