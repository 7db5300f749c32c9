import { describe, expect, test } from 'vitest';
import { addressGiven, requireTokens } from '../../src/http/index.js';
import { connect } from '../../src/index.js';
import { refusal } from '../harness/book.js';
import { bearer, useApi } from './api-ground.js';

const ground = useApi();
const T = Date.UTC(2024, 0, 12, 15, 20);
const order = (order_id: string) => ({ order_id, symbol: 'X', side: 'BUY', quantity: '1', price: '1' });
const signal = (signal_id: string) => ({
  ...{ signal_id, symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T },
});

describe('without a token', () => {
  test('a program of this machine reads and does not write', async () => {
    const { get, post } = ground.served();
    expect((await get('/v1/positions')).status).toBe(200);
    const { status, body, headers } = await post('/v1/signals', signal('n1'));
    expect({ status, code: body.code }).toEqual({ status: 401, code: 'http_token_missing' });
    expect(headers['www-authenticate']).toBe('Bearer');
  });

  test('it writes where that was allowed, as the login whose part it is', async () => {
    const { get, post } = ground.served({ isOpen: true });
    expect((await post('/v1/signals', signal('o1'))).status).toBe(200);
    expect((await post('/v1/halt', { reason: 'open' })).status).toBe(200);
    const { body } = await get('/v1/halts?limit=1');
    expect(body.rows[0]).toMatchObject({ reason: 'open', actor: expect.stringMatching(/^claire_operator/) });
    expect((await post('/v1/resume', { reason: 'open' })).status).toBe(200);
  });

  test.each([
    ['x-forwarded-for', '192.0.2.1'],
    ['forwarded', 'for=192.0.2.1'],
    ['via', '1.1 proxy'],
  ])('who comes through a proxy (%s) is not of this machine', async (name, value) => {
    const { body } = await ground.served().get('/v1/positions', { [name]: value });
    expect(body).toMatchObject({ status: 401, code: 'http_token_missing' });
  });

  test('another machine reads nothing, not the metrics either', async () => {
    const { app } = ground.served({ isPublic: true });
    for (const url of ['/v1/positions', '/v1/me', '/v1/stream', '/metrics']) {
      const answer = await app.inject({ url, remoteAddress: '192.0.2.7', headers: { host: 'desk.example' } });
      expect(answer.json()).toMatchObject({ status: 401, code: 'http_token_missing' });
    }
    const mine = await app.inject({
      ...{ url: '/v1/me', remoteAddress: '192.0.2.7' },
      headers: { host: 'desk.example', ...bearer(await ground.token('claire_reader')) },
    });
    expect(mine.statusCode).toBe(200);
  });
});

describe('the metrics', () => {
  const elsewhere = { remoteAddress: '192.0.2.7', url: '/metrics' };
  const from = (token: string) => ({ host: 'desk.example', ...bearer(token) });
  test('are for this machine, and for a token of the book whose role may look', async () => {
    const other = await ground.bookWithRoles();
    const { app, get } = ground.served({ isPublic: true, books: [ground.name, other] });
    expect((await get('/metrics')).status).toBe(200);
    for (const [role, book, status] of [
      ['claire_reader', ground.name, 200],
      ['claire_operator', ground.name, 200],
      ['signal_engine', ground.name, 403],
      ['claire_reader', other, 401],
    ] as const) {
      const headers = from(await ground.token(role, undefined, book));
      expect((await app.inject({ ...elsewhere, headers })).statusCode).toBe(status);
    }
  });

  test('through a proxy to an address of this machine are not of this machine', async () => {
    const { get } = ground.served();
    const forwarded = { 'x-forwarded-for': '192.0.2.1' };
    expect((await get('/metrics', forwarded)).body.code).toBe('http_token_missing');
    const mine = { ...forwarded, ...bearer(await ground.token('claire_reader')) };
    expect((await get('/metrics', mine)).status).toBe(200);
  });
});

describe('a book', () => {
  const elsewhere = { remoteAddress: '192.0.2.7' };
  test('that is not there is to others as one that is', async () => {
    const other = await ground.bookWithRoles();
    const { app, get } = ground.served({ isPublic: true, books: [ground.name, other] });
    const foreign = bearer(await ground.token('claire'));
    for (const sent of [{}, foreign]) {
      const answers = [other, 'nowhere'].map(async (book) => {
        const headers = { host: 'desk.example', ...sent };
        const answer = await app.inject({ ...elsewhere, url: `/v1/me?book=${book}`, headers });
        return [answer.statusCode, answer.body];
      });
      const [known, unknown] = await Promise.all(answers);
      expect(known![0]).toBe(401);
      expect(unknown).toEqual(known);
    }
    expect((await get('/v1/me?book=nowhere')).body).toMatchObject({ status: 404, code: 'book_missing' });
  });

  test('is guessed no faster than a token', async () => {
    const { get } = ground.served({ rate: { perSecond: 1, burst: 2 } });
    const statuses: number[] = [];
    for (const book of ['one', 'two', 'three'])
      statuses.push((await get(`/v1/me?book=${book}`, bearer('guessed'))).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  test('is all that its tokens see of the books, the sessions and the statements', async () => {
    const other = await ground.bookWithRoles();
    const { get } = ground.served({ books: [ground.name, other] });
    const mine = bearer(await ground.token('claire_reader'));
    // A session of the other book's reader.
    await get(`/v1/positions?book=${other}`);
    const books = async (as: object) =>
      (await get('/v1/books', { ...as })).body.rows.map(({ book }: { book: string }) => book);
    expect(await books({})).toEqual([ground.name, other]);
    expect(await books(mine)).toEqual([ground.name]);
    const [all, own] = [await get('/v1/connections'), await get('/v1/connections', mine)];
    expect(JSON.stringify(all.body)).toContain(`claire_reader_${other}`);
    expect(JSON.stringify(own.body)).not.toContain(other);
    expect(own.body.value.groups).not.toEqual([]);
    const logins: string[] = own.body.value.groups.map(({ role }: { role: string }) => role);
    expect(logins.filter((login) => !login.endsWith(ground.name))).toEqual([]);
    expect(own.body.value.server.databases).toEqual([]);
  });
});

describe('a token', () => {
  test.each([
    ['signal_engine', '/v1/signals', signal('t1'), '/v1/orders', order('t1')],
    ['risk_manager', '/v1/orders', order('t2'), '/v1/trades', { trade_id: 't2' }],
    ['claire_reader', undefined, undefined, '/v1/signals', signal('t3')],
    ['claire_operator', '/v1/capital', { amount: '5', reason: 'r' }, '/v1/signals', signal('t4')],
    ['claire', '/v1/signals', signal('t5'), '/v1/capital', { amount: '6', reason: 'r' }],
  ] as const)(
    'of %s does what that role does, and the database refuses the rest',
    async (role, own, body, other, bad) => {
      const { post } = ground.served();
      const mine = bearer(await ground.token(role));
      if (own) expect((await post(own, body, mine)).body).toHaveProperty('value');
      const refused = await post(other, { ...TRADE, ...bad }, mine);
      if (other === '/v1/trades') expect(refused.body).toMatchObject({ code: 'right_missing', status: 403 });
      else expect((await post(other, bad, mine)).body).toMatchObject({ code: 'right_missing', status: 403 });
    },
  );

  test('stands in the record as who did it, in the same transaction, beside the login that it is', async () => {
    const { get, post } = ground.served();
    const mine = bearer(await ground.token('claire_operator', 'night desk'));
    await post('/v1/capital', { amount: '7', reason: 'by token' }, mine);
    const { body } = await get('/v1/capital?limit=1');
    expect(body.rows[0]).toMatchObject({
      amount: '7',
      actor: expect.stringMatching(/^claire_operator_?\S* \(night desk\)$/),
    });
  });

  test.each([
    ['of no such id', 'claire_bcdfghjkmnpq_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    ['with nothing', ''],
    ['with SQL', "claire_' or true --"],
    ['that is long', 'x'.repeat(5000)],
  ])('%s is refused', async (_, token) => {
    const { body } = await ground.served().get('/v1/positions', { authorization: `Bearer ${token}` });
    expect(body).toMatchObject({ status: 401, code: 'http_token_refused' });
  });

  test('with another secret, by another scheme, in the address: refused', async () => {
    const { get } = ground.served();
    const token = await ground.token('claire');
    const forged = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    expect((await get('/v1/me', bearer(forged))).body.code).toBe('http_token_refused');
    expect((await get('/v1/me', { authorization: `Basic ${token}` })).body.code).toBe('http_token_refused');
    expect((await get(`/v1/me?token=${token}`)).body.code).toBe('input_invalid');
  });

  test('that was revoked is refused', async () => {
    const token = await ground.token('claire');
    const operator = await connect({
      ...{ service: 'claire_operator', databaseUrl: ground.urlOf('claire_operator', ground.name) },
      ...{ book: ground.name, connections: 1, timings: false },
    });
    await operator.revokeToken({ token_id: token.split('_')[1]! });
    await operator.close();
    expect((await ground.served().get('/v1/me', bearer(token))).body.code).toBe('http_token_refused');
  });

  test('that was revoked here is refused at once', async () => {
    const { get, post } = ground.served();
    const token = await ground.token('claire');
    expect((await get('/v1/me', bearer(token))).status).toBe(200);
    const revoked = { token_id: token.split('_')[1] };
    await post('/v1/tokens/revoke', revoked, bearer(await ground.token('claire_operator')));
    expect((await get('/v1/me', bearer(token))).body.code).toBe('http_token_refused');
  });

  test('that was revoked elsewhere is refused soon', async () => {
    const { get } = ground.served();
    const token = await ground.token('claire');
    expect((await get('/v1/me', bearer(token))).status).toBe(200);
    await ground
      .login('claire_operator', ground.name)
      .query(`select ${ground.name}.revoke_token($1)`, [token.split('_')[1]]);
    await expect.poll(async () => (await get('/v1/me', bearer(token))).status).toBe(401);
  });

  test('that many come with at once is looked for once', async () => {
    let asked = 0;
    const findToken = async () => {
      asked++;
      return { token_id: 'x', name: 'x', role: 'claire_reader' as const };
    };
    const { get } = ground.served({ findToken });
    const answers = await Promise.all(Array.from({ length: 5 }, () => get('/v1/me', bearer('x'))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(asked).toBe(1);
  });

  test('is not kept as the answer of a key', async () => {
    const sent = { ...bearer(await ground.token('claire_operator')), 'idempotency-key': 'k' };
    const { body } = await ground.served().post('/v1/tokens', { name: 'kept', role: 'claire' }, sent);
    expect(body.code).toBe('input_invalid');
    expect(JSON.stringify(body)).not.toContain('claire_');
  });
});

describe('an address that other machines reach', () => {
  const address = addressGiven('0.0.0.0:4400')!;
  test('wants a token in the book', async () => {
    const error = await refusal(requireTokens(address, false, async () => false));
    expect(error).toMatchObject({ code: 'http_not_loopback' });
    await requireTokens(address, false, async () => true);
  });
  test('is not open', async () => {
    expect((await refusal(requireTokens(address, true, async () => true))).code).toBe('usage_invalid');
  });
  test('is any that is not loopback', () => {
    for (const given of ['0.0.0.0:1', '[::]:1', '192.168.1.2:80', 'desk.example:80'])
      expect(addressGiven(given)!.isPublic).toBe(true);
    for (const given of ['127.0.0.1:1', '[::1]:1', 'LocalHost:1'])
      expect(addressGiven(given)!.isPublic).toBe(false);
  });
});

const TRADE = { symbol: 'X', side: 'BUY', quantity: '1', entry_price: '1', entry_timestamp: T };
