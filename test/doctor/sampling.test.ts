import { beforeEach, describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import { LATENCY_BUCKETS_MS } from '../../src/domain/latency.js';
import { type Claire, connect } from '../../src/index.js';
import { keepTimings, Timings } from '../../src/operations/index.js';
import { dropBook, listBooks, listHandMade, protectionMissing } from '../../src/schema/index.js';
import { ensureStatistics, runSampling, sample } from '../../src/upkeep/index.js';
import { refusal, useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { waitFor } from '../harness/wait.js';

const book = useBook();
const { database } = book;

/** Takes a sample at once, whenever the last one was. */
const sampleNow = () => sample(database, 0);
const count = async (from: string): Promise<number> => {
  const [row] = await database.query<{ n: number }>(`select count(*)::int as n from claire_system.${from}`);
  return row!.n;
};
const callsOf = async (like: string): Promise<number> => {
  const [row] = await database.query<{ calls: number }>(
    `select coalesce(sum(m.calls), 0)::int as calls
     from claire_system.statement_samples as m join claire_system.statements as s using (query_id, role)
     where s.text like $1`,
    [like],
  );
  return row!.calls;
};

const waiting = async (): Promise<number> => {
  const [row] = await database.query<{ n: number }>(
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row!.n;
};

beforeEach(async () => {
  await database.query('drop schema if exists claire_system cascade');
  await sampleNow();
});

describe('the sampler', () => {
  test('counts what was called since the last sample, and not what was called before the first', async () => {
    expect(await count('statement_samples')).toBe(0);
    for (let n = 0; n < 3; n++) await database.query('select $1::int as wanted_since', [n]);
    await sampleNow();
    expect(await callsOf('%wanted_since%')).toBe(3);
    await sampleNow();
    expect(await callsOf('%wanted_since%')).toBe(3);
  });

  test('counts each call once where two sample at the same time, and in turn', async () => {
    for (let n = 0; n < 5; n++) await database.query('select $1::int as wanted_twice, 2', [n]);
    const commit = await holdOpen(database, ['select claire_system.sample(0)']);
    let isDone = false;
    const other = sampleNow().finally(() => {
      isDone = true;
    });
    // It does not wait for the first, or both would have looked before either had written.
    await waitFor(async () => expect(isDone || (await waiting()) > 0).toBe(true));
    await commit();
    await other;
    await sampleNow();
    expect(await callsOf('%wanted_twice%')).toBe(5);
    const before = await count('statement_samples');
    await database.query('select 1 as wanted_later');
    await sample(database);
    expect(await count('statement_samples'), 'within the same half minute').toBe(before);
  });

  test('takes counters that were reset for what they are', async () => {
    for (let n = 0; n < 5; n++) await database.query('select $1::int as wanted_reset, 2, 3', [n]);
    await sampleNow();
    await database.query(
      'select claire_system.pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)',
    );
    for (let n = 0; n < 2; n++) await database.query('select $1::int as wanted_reset, 2, 3', [n]);
    await sampleNow();
    expect(await callsOf('%wanted_reset%')).toBe(7);
  });

  test('takes what grew while nothing sampled for no minute of its own', async () => {
    await database.query("update claire_system.sampling set statements_at = now() - interval '1 hour'");
    await database.query('select 1 as wanted_in_vain');
    await sampleNow();
    expect(await count('statement_samples')).toBe(0);
  });

  test('keeps the fifty statements that took most time, and the others together', async () => {
    const all = Array.from({ length: 70 }, (_, n) => `select 1 as many_${n}, ${'1, '.repeat(n)} 1`);
    for (const text of all) await database.query(text);
    await sampleNow();
    expect(await count('statement_samples where query_id is not null')).toBe(50);
    const others = await count('statement_samples where query_id is null and calls >= 20');
    expect(others).toBe(1);
  });

  test('says which operation a statement belongs to', async () => {
    const claire = await book.connect();
    await claire.exposure();
    await claire.transaction((t) => t.riskState());
    await sampleNow();
    const rows = await database.query<{ operation: string }>(
      'select distinct operation from claire_system.statements where operation is not null order by 1',
    );
    expect(rows.map(({ operation }) => operation)).toEqual(['exposure', 'riskState']);
  });

  test.each([
    ['a constant', "select 'TOPSECRET' as x"],
    ['a comment', 'select 1 /* TOPSECRET */, 2, 3, 4, 5'],
    ['a command', "do $$ begin perform 'TOPSECRET'; end $$"],
    ['a password', `create role "r_${Date.now()}" password 'TOPSECRET'`],
    ['what a command explains', "explain select 'TOPSECRET'"],
    ['text between dollars', 'select $a$TOPSECRET$a$, 2, 3, 4, 5, 6'],
  ])('keeps no value of %s', async (_, statement) => {
    await book.sql(`begin; ${statement}; rollback`).catch(() => {});
    await database.query(statement).catch(() => {});
    await sampleNow();
    expect(await count("statements as s where s::text like '%TOPSECRET%'")).toBe(0);
    expect(await count('statements where text is not null')).toBeGreaterThan(0);
    await database.query(`drop role if exists ${statement.match(/"r_\d+"/)?.[0] ?? 'nobody_at_all'}`);
  });

  test.each([
    ["select 'it''s', E'it\\'s', 'open", 'select ?, ?, ?'],
    [
      "select -- don't\n 4.5, a1, $1 from t /* 'x */ where x = 'y' limit 10",
      'select ?, a1, $1 from t where x = ? limit ?',
    ],
    ["create user x password 'y'", 'create user'],
    ['with a as (select $x$secret$x$) table a', 'with'],
  ])('leaves of %s only what is no value', async (statement, left) => {
    const [row] = await database.query<{ left: string }>('select claire_system.without_values($1) as left', [
      statement,
    ]);
    expect(row!.left.trim()).toBe(left);
  });

  test('keeps 14 days, and so many rows at most, the newest', async () => {
    await database.query(
      `insert into claire_system.size_samples select now() - n * interval '1 minute', n from generate_series(0, 5999) n;
       insert into claire_system.operation_samples
       select now() - n * interval '1 day', 'main', 'tests', 'exposure', 1, '{}', 1, 1, '{1}' from generate_series(0, 20) n`,
    );
    await database.query('update claire_system.sampling set sizes_at = null');
    await sampleNow();
    expect(await count('size_samples')).toBe(5000);
    expect(await count("size_samples where at > now() - interval '1 hour'")).toBeGreaterThan(55);
    expect(await count('operation_samples')).toBe(14);
  });

  test('forgets statements that neither the server nor a sample knows', async () => {
    await database.query(
      "insert into claire_system.statements values (42, 'nobody', null, 'select', 1, 1, 1, 1, 1, 1)",
    );
    await sampleNow();
    expect(await count('statements where query_id = 42')).toBe(1);
    await database.query('update claire_system.sampling set sizes_at = null');
    await sampleNow();
    expect(await count('statements where query_id = 42')).toBe(0);
  });

  test('begins anew where another version of the program made what is there', async () => {
    await database.query(`comment on schema claire_system is 'of another'`);
    expect(await ensureStatistics(database)).toBe(true);
    expect(await count('size_samples')).toBe(0);
    expect(await ensureStatistics(database)).toBe(false);
  });

  test('samples size and calls where the server counts no statements, and says so once', async () => {
    await database.query('drop extension pg_stat_statements');
    const end = new AbortController();
    const told: string[] = [];
    let turns = 0;
    const clock = {
      now: () => 0,
      sleep: async () => {
        await database.query('update claire_system.sampling set statements_at = null, sizes_at = null');
        if (++turns === 3) end.abort();
      },
    };
    const onError = (error: unknown) => told.push(String(error));
    await runSampling(database, { signal: end.signal, onError, onNotice: (text) => told.push(text), clock });
    expect(told).toEqual([expect.stringContaining('create extension pg_stat_statements')]);
    expect(await count('size_samples')).toBe(3);
  });

  test('without the right to make a schema it says so and goes on', async () => {
    await database.query('drop schema claire_system cascade');
    const role = `powerless_${Date.now()}`;
    await database.query(`create role ${role} login password 'x'`);
    const url = new URL(book.url);
    [url.username, url.password] = [role, 'x'];
    const weak = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
    expect((await refusal(sample(weak))).code).toBe('right_missing');
    await weak.close();
    await database.query(`drop role ${role}`);
  });
});

describe('the schema of statistics', () => {
  test('is no book, and none notices it', async () => {
    expect((await listBooks(database)).map(({ book: name }) => name)).toEqual(['main']);
    expect(await listHandMade(database)).toEqual([]);
    const before = (await protectionMissing(database, 'main')).length;
    await database.query('drop schema claire_system cascade');
    expect((await protectionMissing(database, 'main')).length).toBe(before);
    await sampleNow();
    const other = await book.bookAt();
    expect(await dropBook(database, other)).toEqual({ schema: true });
  });
});

describe('timings of the library', () => {
  const total = ({
    calls,
    buckets,
    errors,
    total_ms,
  }: ReturnType<Claire['timings']>['operations'][string]) => ({
    ...{ calls, errors, isTimed: total_ms > 0 },
    counted: buckets.reduce((sum, each) => sum + each, 0),
  });

  test('count each call with its error, in a transaction too', async () => {
    const claire = await book.connect();
    expect(claire.timings().operations).toEqual({});
    await Promise.all([claire.exposure(), claire.exposure()]);
    await claire.transaction((t) => t.exposure());
    await refusal(claire.closeTrade({ trade_id: 'none', exit_price: 1, exit_timestamp: Date.now() }));
    const { since_ms, operations } = claire.timings();
    expect(since_ms).toBeLessThanOrEqual(Date.now());
    expect(total(operations.exposure!)).toEqual({ calls: 3, counted: 3, errors: {}, isTimed: true });
    expect(total(operations.closeTrade!)).toMatchObject({ calls: 1, counted: 1, errors: { not_found: 1 } });
    expect(operations.exposure!.buckets).toHaveLength(LATENCY_BUCKETS_MS.length + 1);
  });

  /** A pool whose timings are written as often as can be waited for. */
  function kept(url = book.url) {
    const pool = new Database({
      databaseUrl: url,
      applicationName: 'tests',
      connections: 1,
      baseConnections: 1,
    });
    const timings = new Timings();
    const end = keepTimings(pool, timings, { book: 'main', service: 'desk', every_ms: 20 });
    const call = () => timings.watch('exposure', pool.query('select 1'));
    return { pool, call, end: () => end().finally(() => pool.close()) };
  }
  const written = async (): Promise<number> => {
    const [row] = await database.query<{ calls: number }>(
      "select coalesce(sum(calls), 0)::int as calls from claire_system.operation_samples where service = 'desk'",
    );
    return row!.calls;
  };

  test('are written by whoever connects, each call once', async () => {
    const role = `service_${Date.now()}`;
    await database.query(`create role ${role} login password 'x'`);
    const url = new URL(book.url);
    [url.username, url.password] = [role, 'x'];
    const { call, end } = kept(url.href);
    for (let n = 0; n < 3; n++) await call();
    await waitFor(async () => expect(await written()).toBe(3));
    await call();
    await end();
    await waitFor(async () => expect(await written()).toBe(4));
    await database.query(`drop role ${role}`);
  });

  test('are left out where nothing samples, and nobody notices', async () => {
    await database.query('drop schema claire_system cascade');
    const { call, end, pool } = kept();
    await call();
    await waitFor(async () => {
      const [row] = await database.query<{ asked: boolean }>(
        `select exists (select from pg_stat_activity
           where datname = current_database() and query like '%record_operations%' and pid <> pg_backend_pid()) as asked`,
      );
      expect(row!.asked).toBe(true);
    });
    expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    await end();
  });

  test('wait while every connection works', async () => {
    const { call, end, pool } = kept();
    await call();
    await pool.session(async (session) => {
      await session.query('select pg_sleep(0.1)');
      expect(pool.hasIdle).toBe(false);
    });
    await waitFor(async () => expect(await written()).toBe(1));
    await end();
  });

  test('are not written by a process that lived less than a minute, nor where they are not wanted', async () => {
    for (const timings of [true, false]) {
      const claire = await connect({ service: 'desk', databaseUrl: book.url, timings });
      await claire.exposure();
      await claire.close();
    }
    expect(await written()).toBe(0);
  });

  test.each([
    ['a name that is none', [{ operation: 'drop table', calls: 1 }]],
    ['negative calls', [{ operation: 'exposure', calls: -1 }]],
    ['too many classes', [{ operation: 'exposure', calls: 1, buckets: new Array(65).fill(1) }]],
    ['a long text as error', [{ operation: 'exposure', calls: 1, errors: { ['x'.repeat(3000)]: 1 } }]],
    ['much of it', Array.from({ length: 5000 }, () => ({ operation: 'exposure', calls: 1 }))],
  ])('refuse %s', async (_, operations) => {
    const filled = operations.map((each) => ({ total_ms: 1, p95_ms: 1, errors: {}, buckets: [1], ...each }));
    const given = JSON.stringify({ book: 'main', service: 'desk', operations: filled });
    await refusal(database.query('select claire_system.record_operations($1::jsonb)', [given]));
    expect(await written()).toBe(0);
  });

  test('take 2,000 rows a minute at most', async () => {
    const one = { operation: 'exposure', calls: 1, total_ms: 1, p95_ms: 1, errors: {}, buckets: [1] };
    const given = JSON.stringify({ book: 'main', service: 'desk', operations: new Array(200).fill(one) });
    for (let n = 0; n < 12; n++)
      await database.query('select claire_system.record_operations($1::jsonb)', [given]);
    expect(await written()).toBe(2000);
  });
});
