import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Echo, Notice } from '../../src/database/index.js';
import { connect } from '../../src/index.js';
import { refusal } from '../harness/book.js';
import { backend, holdAll, usePools } from './pool-ground.js';

const { book, pool } = usePools();

describe('a checkout', () => {
  test('ends in time, with an error that says who holds the connections', async () => {
    const { database, name } = pool({ connections: 2, checkoutTimeout: 1000 });
    const release = await holdAll(database, 2);
    const error = await refusal(database.query('select 1'));
    expect(error).toMatchObject({
      code: 'connections_exhausted',
      details: {
        service: name,
        largest: 2,
        holders: [{ statement: 'select 42 as held' }, { statement: 'select 42 as held' }],
      },
    });
    expect(error.message).toMatch(
      /has 2 connections out, and may have 2; waited 1\.\d s\. They are held for 1\.\d s: select 42 as held \(borrowed at .*pool-ground\.ts/,
    );
    await release();
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('that gives up does not take the connection that comes later', async () => {
    const { database } = pool({ checkoutTimeout: 1000 });
    const release = await holdAll(database, 1);
    await Promise.all([1, 2, 3].map(() => refusal(database.query('select 1'))));
    await release();
    for (let time = 0; time < 3; time++) expect(await database.query('select 1 as one')).toHaveLength(1);
  });

  test('ends in time for each of many that want the one idle connection at once', async () => {
    const { database } = pool({ checkoutTimeout: 1000 });
    await backend(database);
    const all = await Promise.allSettled([1, 2, 3].map(() => database.query('select pg_sleep(1.8)')));
    expect(all.map((each) => (each.status === 'fulfilled' ? 'answered' : each.reason.code))).toEqual([
      'answered',
      'connections_exhausted',
      'connections_exhausted',
    ]);
  });

  test('waits where the server gives no more, and goes on with what there is', async () => {
    await book.database.query(`create role of_two login connection limit 2 password 'only-for-this-test'`);
    const url = new URL(book.url);
    url.username = 'of_two';
    url.password = 'only-for-this-test';
    const own = pool({ databaseUrl: url.href, connections: 10 });
    const other = pool({ databaseUrl: url.href, connections: 10, checkoutTimeout: 2000 });
    const many = await Promise.all(Array.from({ length: 40 }, () => backend(own.database)));
    expect(new Set(many).size).toBeLessThanOrEqual(2);
    const release = await holdAll(own.database, 2);
    const error = await refusal(other.database.query('select 1'));
    expect(error.code).toBe('connections_exhausted');
    expect(error.message).toMatch(/The server gives no more: too many connections for role "of_two"/);
    const waiting = other.database.query('select 1 as one');
    await release();
    await own.database.close();
    expect(await waiting).toEqual([{ one: 1 }]);
    await other.database.close();
    await book.database.query('drop role of_two');
  });
});

describe('a connection', () => {
  test('that died while it was idle is replaced unnoticed', async () => {
    const { database, kill } = pool({ connections: 3 });
    const release = await holdAll(database, 3);
    await release();
    await kill();
    await sleep(600);
    const rows = await Promise.all([1, 2, 3].map(() => database.query('select 1 as one')));
    expect(rows.flat()).toEqual([{ one: 1 }, { one: 1 }, { one: 1 }]);
  });

  test('that is old is replaced, when it comes back or before it is lent', async () => {
    const { database } = pool({ recycleAfter: 200 });
    const first = await backend(database);
    await database.query('select pg_sleep(0.25)');
    const second = await backend(database);
    expect(second).not.toBe(first);
    await sleep(700);
    expect(await backend(database)).not.toBe(second);
    const { database: lasting } = pool();
    const kept = await backend(lasting);
    await sleep(700);
    expect(await backend(lasting)).toBe(kept);
  });

  test('beyond the base leaves soon after the peak, one of the base stays', async () => {
    const { database, sessions } = pool({ connections: 4, baseConnections: 2 });
    const release = await holdAll(database, 4);
    expect(await sessions()).toHaveLength(4);
    await release();
    await expect.poll(sessions, { timeout: 15_000, interval: 200 }).toHaveLength(2);
    await sleep(500);
    expect(await sessions()).toHaveLength(2);
  });

  test('comes back without the transaction that its borrower left open, or failed', async () => {
    const { database } = pool();
    const first = await backend(database);
    await database.session((session) => session.query('begin'));
    expect(await database.query(`select now() = statement_timestamp() as fresh`)).toEqual([{ fresh: true }]);
    await database.session(async (session) => {
      await session.query('begin');
      await session.query('select 1 / 0').catch(() => {});
    });
    expect(await backend(database)).toBe(first);
  });

  test('whose state nobody knows is not given to the next caller', async () => {
    const { database } = pool();
    const first = await backend(database);
    await refusal(
      database.session(async (session) => {
        await session.query(`set search_path to nowhere`);
        await session.query('select 1 / 0');
      }),
    );
    expect(await backend(database)).not.toBe(first);
    const second = await backend(database);
    await database.session(async (session) => {
      void session.query('select pg_sleep(0.2)').catch(() => {});
    });
    expect(await backend(database)).not.toBe(second);
  });
});

describe('a borrower that does not return', () => {
  test('is reported once with the place where it borrowed, and again when it comes back', async () => {
    const notices: Notice[] = [];
    const { database, name } = pool({ leakAfter: 60, onNotice: (notice) => notices.push(notice) });
    const release = await holdAll(database, 1);
    await expect.poll(() => notices.length).toBe(1);
    await sleep(150);
    await release();
    expect(notices.map(({ code }) => code)).toEqual(['connection_held', 'connection_returned']);
    expect(notices[0]).toMatchObject({
      message: expect.stringMatching(
        new RegExp(`A connection of ${name} has been out for 0.1 s: select 42 as held`),
      ),
      details: { service: name, statement: 'select 42 as held', stack: expect.any(Array) },
    });
    expect(notices[0]!.details.stack.join()).toMatch(/pool-ground\.ts.*pool\.test\.ts/);
    expect(notices[1]!.message).toMatch(/came back after 0\.\d s/);
  });

  test('loses its connection, its place goes to others, and who awaits it is told', async () => {
    const { database, sessions } = pool({ idleInTransactionTimeout: 100 });
    const first = await backend(database);
    let late: Promise<unknown> | undefined;
    const hung = database.transaction(async (t) => {
      await t.query('select 1');
      await new Promise((resolve) => setTimeout(resolve, 400));
      late = t.query('select 1');
      await late;
    });
    const error = await refusal(hung);
    expect(error.code).toBe('transaction_timed_out');
    expect(await backend(database)).not.toBe(first);
    await expect.poll(() => late !== undefined).toBe(true);
    expect((await refusal(late!)).code).toBe('transaction_ended');
    expect(await sessions()).toHaveLength(1);
  });
});

describe('a service', () => {
  test.each([
    ['signal_engine', 12, 6],
    ['risk_manager', 8, 4],
    ['execution_service', 5, 2],
    ['a bot of my own', 20, 10],
  ])('%s may have %i connections', async (service, largest) => {
    const claire = await connect({ service, instance: 'peak', databaseUrl: book.url });
    const count = () =>
      book.database.query<{ n: number; limits: boolean }>(
        `select count(*)::int as n from pg_stat_activity where application_name = $1`,
        [`${service} peak`],
      );
    await Promise.all(
      Array.from({ length: 40 }, () => claire.transaction(async (t) => void (await t.summary()))),
    );
    expect((await count())[0]!.n).toBe(largest);
    await claire.close();
    await expect.poll(async () => (await count())[0]!.n).toBe(0);
  });

  test('has time limits, under its name and instance', async () => {
    const service = 'risk_manager';
    const statements: Echo[] = [];
    const claire = await book.connect({
      service,
      instance: '2',
      statementTimeout: 1234,
      idleInTransactionTimeout: 2345,
      echo: (entry) => statements.push(entry),
    });
    await claire.recordSignal({
      signal_id: 'echoed',
      symbol: 'X',
      side: 'BUY',
      price: 1,
      confidence: 1,
      timestamp: 1705072800000,
    });
    const shown = statements.at(-1)!;
    expect(shown).toMatchObject({
      service: 'risk_manager 2',
      statement: expect.stringMatching(/insert into/),
    });
    expect(JSON.stringify(statements)).not.toContain('echoed');
    const { database } = pool({ statementTimeout: 1234, idleInTransactionTimeout: 2345 });
    expect(
      await database.query(
        `select current_setting('statement_timeout') as s, current_setting('idle_in_transaction_session_timeout') as i`,
      ),
    ).toEqual([{ s: '1234ms', i: '2345ms' }]);
  });

  test.each([0, 21, 1.5])('cannot ask for %d connections', async (connections) => {
    const error = await refusal(connect({ service: 'greedy', databaseUrl: book.url, connections }));
    expect(error).toMatchObject({
      code: 'input_invalid',
      message: expect.stringMatching(/from 1 to 20, not/),
    });
  });

  test('never shows a password that stands in a statement', async () => {
    const entries: Echo[] = [];
    const { database } = pool({ echo: (entry) => entries.push(entry), echoValues: true });
    await refusal(database.query(`alter role nobody_of_this_name password 'very''secret'`));
    await database.query('select $1::text as value', ['shown']);
    expect(entries).toMatchObject([
      { statement: `alter role nobody_of_this_name password '***'`, error: '42704' },
      { statement: 'select $1::text as value', values: ['shown'] },
    ]);
  });
});
