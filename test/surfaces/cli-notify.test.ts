import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { keepTellingOfHalts, notifier } from '../../src/cli/notify.js';
import { createBook } from '../../src/schema/index.js';
import { ask, useServer } from './cli-run.js';
import { until } from './embedded-ground.js';

const desk = useServer();
let receiver: Server;
let url: string;
let got: unknown[] = [];
/** What the receiver answers, one after another; then 200. */
let answers: number[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as unknown;
    const status = answers.shift() ?? 200;
    if (status === 200) got.push({ type: request.headers['content-type'], body });
    response.writeHead(status).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook?token=secret`;
});
afterAll(() => receiver.close());
beforeEach(() => {
  got = [];
  answers = [];
});

const fast = { now: () => 0, sleep: () => new Promise<void>((done) => setTimeout(done, 1)) };

test('each halt and resumption from now on is told, once, and those before are not', async () => {
  await createBook(desk.database, 'told');
  const there = ['--book', 'told', '--database-url', desk.server.url('postgres', { showSecrets: true })];
  await ask('halt', '--reason', 'before', ...there);
  const end = new AbortController();
  const options = {
    signal: end.signal,
    onError: (error: unknown) => expect.unreachable(String(error)),
    clock: fast,
  };
  let looks = 0;
  const books = async () => {
    looks += 1;
    return ['told'];
  };
  const telling = keepTellingOfHalts(desk.database, books, notifier(url, options)!, options);
  await until(() => looks > 1);
  await ask('resume', '--reason', 'prices are back', ...there);
  await ask('halt', '--reason', 'late prices', ...there);
  await until(() => got.length >= 2);
  const seen = looks;
  await until(() => looks > seen + 2);
  end.abort();
  await telling;
  expect(got).toEqual(
    [
      ['resume', 'prices are back'],
      ['halt', 'late prices'],
    ].map(([event, reason]) => ({
      type: 'application/json',
      body: {
        ...{ event, book: 'told', reason, cause: 'hand' },
        ...{ actor: expect.any(String), timestamp: expect.any(Number) },
      },
    })),
  );
});

test('a receiver that is busy is asked again; one that never takes it is told of, without its URL', async () => {
  const errors: string[] = [];
  const notify = notifier(url, {
    ...{ signal: new AbortController().signal, clock: fast },
    onError: (error) => errors.push(String(error)),
  })!;
  answers = [500, 503];
  await notify({ event: 'backup_failed', message: 'no room' });
  expect(got).toMatchObject([{ body: { event: 'backup_failed', message: 'no room' } }]);
  expect(errors).toEqual([]);
  answers = [500, 500, 500, 404];
  await notify({ event: 'backup_failed', message: 'no room' });
  expect(errors).toEqual(['backup_failed could not be sent on: the receiver answered 404.']);
});

test('what is no URL is refused, and not repeated', async () => {
  const none = { signal: new AbortController().signal, onError: () => {} };
  for (const given of ['token=secret', 'ftp://secret', 'http://'])
    expect(() => notifier(given, none)).toThrow(/^(?!.*secret).*--notify wants a URL/s);
  expect(notifier(undefined, none)).toBeUndefined();
});
