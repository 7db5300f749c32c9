import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openProxy } from '../../bench/connections/proxy.js';
import { Database, type DatabaseOptions } from '../../src/database/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
let network: Awaited<ReturnType<typeof openProxy>>;
let open: Database[] = [];

beforeEach(async () => {
  network = await openProxy(Number(new URL(book.url).port));
});
afterEach(async () => {
  await Promise.all(open.map((pool) => pool.close()));
  open = [];
  await network.close();
});

/** A pool whose server is behind a network that can break. */
function pool(options: Partial<DatabaseOptions> = {}): Database {
  const url = new URL(book.url);
  url.port = String(network.port);
  const database = new Database({
    ...{ databaseUrl: url.href, applicationName: 'pool behind a network', connections: 1 },
    ...{ checkoutTimeout: 3000, statementTimeout: 300, reconnects: true, ...options },
  });
  open.push(database);
  return database;
}

const backend = async (database: Database) =>
  (await database.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]!.pid;

/** Longer than a connection may be idle without being tried before its use. */
const IDLE_MS = 600;

describe('a connection that is silent', () => {
  test('is found out before its use and replaced, and the caller does not notice', async () => {
    const database = pool();
    const before = await backend(database);
    network.sever();
    network.heal();
    await sleep(IDLE_MS);
    expect(await backend(database)).not.toBe(before);
  });

  test('is tried for all that were idle as long', async () => {
    const database = pool({ connections: 4 });
    const hold = () => database.transaction((t) => t.query('select pg_sleep(0.1)'));
    await Promise.all([hold(), hold(), hold(), hold()]);
    network.sever();
    network.heal();
    await sleep(IDLE_MS);
    await Promise.all([hold(), hold(), hold(), hold()]);
    expect(network.open()).toBe(4);
  });

  test('ends the wait of a statement, whose place is usable again', async () => {
    const database = pool();
    await database.query('select 1');
    network.sever();
    const error = await refusal(database.query('select 1'));
    expect(error.code).toBe('database_unreachable');
    network.heal();
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('is replaced under a statement that may be run twice', async () => {
    const database = pool();
    await database.query('select 1');
    network.sever();
    const read = database.repeating('read').query('select 2 as two');
    await sleep(50);
    network.heal();
    expect(await read).toEqual([{ two: 2 }]);
  });

  test('does not keep a borrower who left a transaction open', async () => {
    const database = pool();
    network.loseQuestion('rollback\0');
    const before = await database.session(async (session) => {
      await session.query('begin');
      return (await session.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]!.pid;
    });
    expect(await backend(database)).not.toBe(before);
  });

  test('does not keep the pool from closing', async () => {
    const database = pool();
    await database.query('select 1');
    network.sever();
    await database.close();
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'claire_closed' });
  });
});

describe('a network that stands still', () => {
  test('is waited for within the checkout', async () => {
    const database = pool();
    network.freeze();
    const read = database.query('select 3 as three');
    await sleep(200);
    network.thaw();
    expect(await read).toEqual([{ three: 3 }]);
  });

  test('ends a checkout in time, and is not told as a pool that is full', async () => {
    const database = pool({ checkoutTimeout: 1000 });
    network.freeze();
    const error = await refusal(database.query('select 1'));
    expect(error.code).toBe('database_unreachable');
    expect(error.message).toMatch(/no answer/);
    network.thaw();
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('a network that loses', () => {
  /** As it ends in a message of the protocol; "read committed" begins a transaction. */
  const COMMIT = 'commit\0';
  const rows = async (table: string) => book.sql(`select count(*)::int as n from ${table}`);
  const writing = (database: Database, table: string) => {
    const seen = { runs: 0 };
    const done = database.transaction(async (t) => {
      seen.runs++;
      await t.query(`insert into main.${table} values ($1)`, [seen.runs]);
      return seen.runs;
    });
    return { seen, done };
  };

  test('the answer to COMMIT: the transaction is recorded once, and its work is not run again', async () => {
    await book.sql('create table answers (n int)');
    const database = pool({ connections: 2 });
    network.loseAnswer(COMMIT);
    const { done } = writing(database, 'answers');
    expect(await done).toBe(1);
    expect(await rows('answers')).toEqual([{ n: 1 }]);
  });

  test('the COMMIT itself: the server stops waiting for it, and the work is run again', async () => {
    await book.sql('create table questions (n int)');
    const database = pool({ connections: 2 });
    network.loseQuestion(COMMIT);
    const { done } = writing(database, 'questions');
    expect(await done).toBe(2);
    expect(await book.sql('select n from questions')).toEqual([{ n: 2 }]);
  });

  test('the answer to COMMIT and everything after it: the caller is told that nobody knows', async () => {
    await book.sql('create table unknowns (n int)');
    const database = pool({ connections: 2, checkoutTimeout: 300 });
    await database.query('select 1');
    network.loseAnswer(COMMIT);
    const { done, seen } = writing(database, 'unknowns');
    const told = refusal(done);
    await expect.poll(() => rows('unknowns')).toEqual([{ n: 1 }]);
    network.freeze();
    expect((await told).code).toBe('write_unresolved');
    expect(seen.runs).toBe(1);
    network.thaw();
    expect(await rows('unknowns')).toEqual([{ n: 1 }]);
  });

  test('the answer to a write that knows its rows by their ids: it is found where it stands', async () => {
    await book.sql('create table ids (id text primary key)');
    const database = pool({ connections: 2 });
    network.loseAnswer('insert into main.ids');
    const found = await database
      .repeating('write')
      .query(`insert into main.ids values ($1) on conflict do nothing returning id`, ['a']);
    expect(found).toEqual([]);
    expect(await book.sql('select * from ids')).toEqual([{ id: 'a' }]);
  });
});
