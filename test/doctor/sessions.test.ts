import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import { blockedSessionsAfter } from '../../src/doctor/checks/blocked-sessions.js';
import { idleInTransactionAfter } from '../../src/doctor/checks/idle-in-transaction.js';
import { oldestSnapshotOver } from '../../src/doctor/checks/oldest-snapshot.js';
import type { Diagnosis } from '../../src/doctor/index.js';
import { useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { waitFor } from '../harness/wait.js';
import { ask } from './ground.js';
import { paste } from './paste.js';

const book = useBook();
const open: Database[] = [];
const held: (() => Promise<void>)[] = [];
afterEach(async () => {
  // What a law that does not hold has left behind is ended, too.
  await book.sql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and application_name <> 'tests' and backend_type = 'client backend'`);
  for (const end of held.splice(0)) await end().catch(() => {});
  for (const database of open.splice(0)) await database.close();
});

/** Sessions of an application, with this login or as the superuser. */
function application(name: string, connections = 1, login?: string): Database {
  const url = new URL(book.url);
  if (login) {
    url.username = login;
    url.password = login;
  }
  const database = new Database({ databaseUrl: url.href, applicationName: name, connections });
  open.push(database);
  return database;
}

const hold: typeof holdOpen = async (...what) => {
  const end = await holdOpen(...what);
  held.push(end);
  return end;
};

const found = (look: () => Promise<Diagnosis>) =>
  waitFor(
    async () => {
      const diagnosis = await look();
      expect(diagnosis.result).not.toBe('ok');
      return diagnosis;
    },
    { timeout: 20_000, interval: 100 },
  );

/** A login of this file's, taken for one of the execution service's. */
const login = `execution_service_${randomBytes(4).toString('hex')}`;
beforeAll(() =>
  book.sql(`create role ${login} login password '${login}';
    grant usage on schema main to ${login}; grant select on all tables in schema main to ${login}`),
);
afterAll(() => book.sql(`drop owned by ${login}; drop role ${login}`));

describe('connections', () => {
  test('a pool that borrows and never gives back is found by application and role, and is well once it is gone', async () => {
    expect((await ask(book, 'connections')).result).toBe('ok');
    const leaking = application('leaking', 6, login);
    for (let n = 0; n < 6; n++) await hold(leaking, ['select 1'], { end: 'rollback' });
    const diagnosis = await ask(book, 'connections');
    expect(diagnosis).toMatchObject({
      result: 'warn',
      sentence: expect.stringContaining(`${login} has 6 connections, 5 are expected at most`),
      remedy: { decide: expect.stringContaining('claire connections end') },
    });
    expect(diagnosis.evidence).toContainEqual(
      expect.objectContaining({
        ...{ application: 'leaking', role: login, connections: 6, idle_in_transaction: 6 },
        expected_at_most: 5,
      }),
    );
    await book.sql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '${login}'`);
    expect((await ask(book, 'connections')).result).toBe('ok');
  });

  test('more than the budget is wrong', async () => {
    const many = application('many', 31);
    const holds = await Promise.all(Array.from({ length: 31 }, () => hold(many, ['select 1'])));
    expect(await ask(book, 'connections')).toMatchObject({
      result: 'fail',
      sentence: expect.stringMatching(/^\d+ connections are over the budget of 30/),
    });
    for (const end of holds) await end();
    await many.close();
    await waitFor(async () => expect((await ask(book, 'connections')).result).toBe('ok'));
  });
});

test('a session that is idle in a transaction is found, and its remedy ends it', async () => {
  const check = idleInTransactionAfter(1);
  const look = () => ask(book, check);
  expect(await look()).toMatchObject({ result: 'ok', remedy: null });
  const forgotten = application('forgotten');
  await hold(forgotten, ['select 1']);
  const diagnosis = await found(look);
  expect(diagnosis).toMatchObject({
    result: 'warn',
    sentence: expect.stringMatching(
      /^1 session has been idle in a transaction for over 1 s, .* of forgotten/,
    ),
    evidence: [{ application: 'forgotten', role: 'postgres', idle_seconds: expect.any(Number) }],
    remedy: { command: 'claire connections end --idle-for 1s --in-transaction' },
  });
  await paste(book, diagnosis, '--yes');
  expect((await look()).result).toBe('ok');
});

describe('oldest snapshot', () => {
  const look = () => ask(book, oldestSnapshotOver({ age_seconds: 1, retained_bytes: 1e12 }));

  test('a session with an old snapshot is named, and its remedy ends it', async () => {
    await hold(application('report'), ['select 1 from pg_class limit 1'], {
      begin: 'begin isolation level repeatable read',
    });
    const diagnosis = await found(look);
    expect(diagnosis).toMatchObject({
      result: 'warn',
      sentence: expect.stringMatching(/^A session of report \(postgres, pid \d+\) has held back vacuum for /),
      evidence: [{ what: 'session', name: 'report', age_seconds: expect.any(Number) }],
    });
    await paste(book, diagnosis, '--yes');
    expect((await look()).result).toBe('ok');
  });

  test('a backup is named as such, and left to end by itself', async () => {
    const end = await hold(application('pg_dump'), ['select 1 from pg_class limit 1'], {
      begin: 'begin isolation level repeatable read',
    });
    expect(await found(look)).toMatchObject({
      result: 'warn',
      evidence: [{ what: 'backup', name: 'pg_dump' }],
      remedy: { decide: expect.stringContaining('a backup that is ended must begin again') },
    });
    await end();
    expect((await look()).result).toBe('ok');
  });

  test('a session that works holds back vacuum, too, and a person decides', async () => {
    const work = application('analyst').session((own) => own.query('select pg_sleep(3600)'));
    const [ended, diagnosis] = [expect(work).rejects.toThrow(), await found(look)];
    expect(diagnosis).toMatchObject({
      remedy: { decide: expect.stringMatching(/claire connections end --pid \d+/) },
    });
    const { pid } = diagnosis.evidence[0] as { pid: number };
    await book.database.query('select pg_terminate_backend($1, 5000)', [pid]);
    await ended;
    expect((await look()).result).toBe('ok');
  });
});

describe('blocked sessions', () => {
  const look = () => ask(book, blockedSessionsAfter(1));
  const set = (id: number) => `update steps set n = n + 1 where id = ${id}`;
  beforeAll(() =>
    book.sql(
      'create table public.steps (id int primary key, n int); insert into public.steps values (1, 0), (2, 0)',
    ),
  );
  const into = (text: string) => text.replace('steps', 'public.steps');

  test('nobody waits where nobody is in the way', async () => {
    expect(await look()).toMatchObject({ result: 'ok', sentence: 'No session waits for a lock.' });
  });

  test('a tree of three is shown from its root, and ending the root that does nothing frees the others', async () => {
    const root = application('root');
    await hold(root, [into(set(1))]);
    // The middle holds the second row, and waits for the first; the leaf waits for the second.
    const middle = application('middle').session(async (own) => {
      await own.query('begin');
      await own.query(into(set(2)));
      await own.query(into(set(1)));
      await own.query('commit');
    });
    await waitFor(async () => expect((await look()).evidence).toHaveLength(2));
    const leaf = application('leaf').session((own) => own.query(into(set(2))));
    const diagnosis = await waitFor(
      async () => {
        const one = await look();
        expect(one.result).toBe('fail');
        expect(one.evidence).toHaveLength(3);
        return one;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(diagnosis.sentence).toMatch(
      /^2 sessions wait for locks, the longest for \d+ s: behind root \(postgres, pid \d+\), idle in transaction for \d+ s\.$/,
    );
    const [first, second, third] = diagnosis.evidence as { pid: number }[];
    expect(diagnosis.evidence).toMatchObject([
      {
        ...{ depth: 0, application: 'root', role: 'postgres', state: 'idle in transaction' },
        ...{ waits_seconds: null, waits_for: [], lock: null },
      },
      {
        ...{ depth: 1, application: 'middle', state: 'active', waits_for: [String(first!.pid)] },
        ...{ lock: 'transactionid ShareLock', relation: 'public.steps', waits_seconds: expect.any(Number) },
      },
      { depth: 2, application: 'leaf', waits_for: [String(second!.pid)] },
    ]);
    expect(third!.pid).not.toBe(second!.pid);
    expect(diagnosis.remedy).toEqual({ command: `claire connections end --pid ${first!.pid}` });
    await paste(book, diagnosis, '--yes');
    await Promise.all([middle, leaf]);
    expect((await look()).result).toBe('ok');
  });

  test('a root that is at work is left to a person', async () => {
    const root = application('root');
    const work = root.session(async (own) => {
      await own.query('begin');
      await own.query('lock table public.steps');
      await own.query('select pg_sleep(3600)');
    });
    const ended = expect(work).rejects.toThrow();
    await waitFor(async () =>
      expect(
        await book.sql("select from pg_stat_activity where query = 'select pg_sleep(3600)'"),
      ).toHaveLength(1),
    );
    const waiting = application('waiting').session((own) => own.query('select from public.steps'));
    const diagnosis = await found(look);
    expect(diagnosis).toMatchObject({
      result: 'fail',
      evidence: [
        { application: 'root', state: 'active' },
        { application: 'waiting', lock: 'relation AccessShareLock', relation: 'public.steps' },
      ],
      remedy: { decide: expect.stringContaining('which is at work') },
    });
    const { pid } = diagnosis.evidence[0] as { pid: number };
    await book.database.query('select pg_terminate_backend($1, 5000)', [pid]);
    await ended;
    await waiting;
    expect((await look()).result).toBe('ok');
  });

  test('who does not see what others do is told what it takes', async () => {
    const database = application('blind', 1, login);
    for (const check of ['blocked_sessions', 'idle_in_transaction', 'oldest_snapshot']) {
      expect(await ask({ database }, check)).toMatchObject({
        result: 'skipped',
        sentence: expect.stringContaining('pg_read_all_stats'),
      });
    }
  });
});

describe('clock skew', () => {
  const at = (ms: number) => ask(book, 'clock_skew', { now: () => Date.now() + ms });

  test('clocks that agree are well', async () => {
    expect(await at(0)).toMatchObject({ result: 'ok', remedy: null });
  });

  test.each([
    [2000, 'warn', 'behind'],
    [-2000, 'warn', 'ahead of'],
    [3_600_000, 'fail', 'behind'],
    [-10_000, 'fail', 'ahead of'],
  ])('an application that is %d ms ahead is found: %s', async (ms, result, where) => {
    const diagnosis = await at(ms);
    expect(diagnosis).toMatchObject({
      result,
      sentence: expect.stringContaining(`ms ${where} the application's`),
      remedy: { decide: expect.stringContaining('NTP') },
    });
    const { skew_ms, round_trip_ms } = diagnosis.evidence[0] as { skew_ms: number; round_trip_ms: number };
    expect(Math.abs(skew_ms + ms)).toBeLessThanOrEqual(round_trip_ms + 1);
  });
});
