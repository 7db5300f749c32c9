import { beforeEach, describe, expect, test } from 'vitest';
import { operationSeries, operationUse, sampledOf, statementUse } from '../../src/doctor/index.js';
import { LATENCY_BUCKETS_MS, noCalls, quantileOf } from '../../src/domain/latency.js';
import { sample } from '../../src/upkeep/index.js';
import { useBook } from '../harness/book.js';
import { ask } from './ground.js';

const book = useBook();
const { database } = book;
const NAME = 'slow_statements';

/** Calls of `exposure` in the minute that ended so many minutes ago. */
async function minute(ago: number, calls: number, took_ms: number, service = 'desk'): Promise<void> {
  const buckets = noCalls();
  buckets[LATENCY_BUCKETS_MS.findIndex((bound) => took_ms <= bound)] = calls;
  await database.query(
    `insert into claire_system.operation_samples
     values (now() - $1 * interval '1 minute', 'main', $2, 'exposure', $3::bigint, '{"not_found": 1}', $3::int * $4::float8, $4, $5)`,
    [ago, service, calls, took_ms, `{${buckets}}`],
  );
}
const old = () => database.query("update claire_system.sampling set started_at = now() - interval '2 hours'");

beforeEach(async () => {
  await database.query('drop schema if exists claire_system cascade');
  await sample(database, 0);
  await old();
});

describe('slow statements', () => {
  test('an operation that takes longer than on the day before is found, and not found when it is as fast again', async () => {
    for (let ago = 5; ago < 60; ago++) await minute(ago, 50, 12);
    await minute(2, 50, 16);
    expect(await ask(book, NAME)).toMatchObject({ result: 'ok', remedy: null });
    await minute(1, 40, 90);
    expect(await ask(book, NAME)).toMatchObject({
      result: 'warn',
      sentence: expect.stringContaining(
        'exposure of desk took 90 ms (p95) in its last minute of 40 calls, 12 ms before',
      ),
      evidence: [
        {
          of: 'operation',
          name: 'exposure',
          now_ms: 90,
          median_before_ms: 12,
          calls: 40,
          minutes_before: 56,
        },
      ],
      remedy: { decide: expect.stringContaining('claire queries') },
    });
    await minute(0, 40, 12);
    expect((await ask(book, NAME)).result).toBe('ok');
  });

  test.each<[string, calls: number, took_ms: number, before: number]>([
    ['of few calls', 19, 500, 12],
    ['that nobody notices', 50, 19, 1],
    ['under twice its median', 50, 59, 30],
  ])('an operation %s is none', async (_, calls, took_ms, before) => {
    for (let ago = 5; ago < 60; ago++) await minute(ago, 50, before);
    await minute(1, calls, took_ms);
    expect((await ask(book, NAME)).result).toBe('ok');
  });

  test('an operation whose usual minutes were as slow now and then is none', async () => {
    for (let ago = 5; ago < 60; ago++) await minute(ago, 50, ago % 10 === 0 ? 200 : 12);
    await minute(1, 50, 190);
    expect((await ask(book, NAME)).result).toBe('ok');
  });

  test('a statement whose mean grew is found', async () => {
    const call = (seconds: number) => database.query('select pg_sleep($1)', [seconds]);
    for (let n = 0; n < 20; n++) await call(0);
    await sample(database, 0);
    await database.query(
      `insert into claire_system.statement_samples
       select at - n * interval '1 minute', query_id, role, calls, total_ms, rows, 0, 0, 0
       from claire_system.statement_samples, generate_series(5, 40) as n where calls >= 20`,
    );
    expect((await ask(book, NAME)).result).toBe('ok');
    await Promise.all(Array.from({ length: 20 }, () => call(0.05)));
    await sample(database, 0);
    const { result, evidence } = await ask(book, NAME);
    expect(result).toBe('warn');
    expect(evidence).toContainEqual(
      expect.objectContaining({ of: 'statement', name: 'select pg_sleep($1)', by: 'postgres', calls: 20 }),
    );
  });

  test('it is skipped without samples, with old ones, and with an hour too few', async () => {
    await database.query('update claire_system.sampling set started_at = now()');
    expect(await ask(book, NAME)).toMatchObject({
      result: 'skipped',
      sentence: expect.stringContaining('60'),
    });
    await old();
    await database.query("update claire_system.sampling set statements_at = now() - interval '10 minutes'");
    expect(await ask(book, NAME)).toMatchObject({
      result: 'skipped',
      sentence: expect.stringContaining('10 min old'),
    });
    await database.query('drop schema claire_system cascade');
    expect(await ask(book, NAME)).toMatchObject({
      result: 'skipped',
      sentence: expect.stringContaining('claire up'),
    });
  });
});

describe('what was sampled', () => {
  test('operations are told together and by service, with quantiles, errors, and shares of the time', async () => {
    await minute(5, 100, 10, 'a');
    await minute(4, 100, 30, 'b');
    const since_ms = Date.now() - 3_600_000;
    const [together, ...others] = await operationUse(database, 'main', { since_ms });
    expect(others).toEqual([]);
    expect(together).toMatchObject({
      service: null,
      calls: 200,
      mean_ms: 20,
      share: 1,
      errors: { not_found: 2 },
    });
    expect(together!.p50_ms).toBe(10);
    expect(together!.calls_per_second).toBeCloseTo(200 / 3600, 2);
    const apart = await operationUse(database, 'main', { since_ms, by_service: true });
    expect(apart.map(({ service, share }) => [service, share])).toEqual([
      ['b', 0.75],
      ['a', 0.25],
    ]);
    expect(await operationUse(database, 'other', { since_ms })).toEqual([]);
    expect(await operationUse(database, 'main', { since_ms: Date.now() })).toEqual([]);
  });

  test('an operation over time has thirty equal parts at most, those without calls included', async () => {
    await minute(90, 10, 10);
    await minute(1, 30, 30);
    const steps = await operationSeries(database, 'main', 'exposure', Date.now() - 86_400_000);
    expect(steps.length).toBeLessThanOrEqual(30);
    expect(new Set(steps.slice(1).map(({ from_ms }, at) => from_ms - steps[at]!.from_ms))).toEqual(
      new Set([4 * 60_000]),
    );
    expect([steps[0], steps.at(-1)]).toMatchObject([
      { calls: 10, mean_ms: 10 },
      { calls: 30, mean_ms: 30 },
    ]);
    expect(steps[5]).toMatchObject({ calls: 0, p95_ms: null, mean_ms: null });
    expect(await operationSeries(database, 'main', 'exposure', Date.now())).toEqual([]);
  });

  test('statements are told with what a call took and read', async () => {
    for (let n = 0; n < 4; n++) await database.query('select n from generate_series(1, $1::int) n', [5]);
    await sample(database, 0);
    const statements = await statementUse(database, { since_ms: Date.now() - 60_000, limit: 1000 });
    const found = statements.find(({ text }) => text?.startsWith('select n from generate_series'));
    expect(found).toMatchObject({
      calls: 4,
      rows_per_call: 5,
      operation: null,
      role: 'postgres',
      temp_blocks_per_call: 0,
    });
    expect(statements.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    const of = { since_ms: 0, limit: 1000, roles: ['nobody'] };
    expect(await statementUse(database, of)).toEqual([]);
    const mine = await statementUse(database, { ...of, roles: ['postgres'] });
    expect(mine.map(({ text }) => text)).toContain(found!.text);
    expect(new Set(mine.map(({ role }) => role))).toEqual(new Set(['postgres']));
    const slowest = await statementUse(database, { since_ms: 0, order: 'slowest' });
    expect(slowest.map(({ mean_ms }) => mean_ms)).toEqual(
      slowest.map(({ mean_ms }) => mean_ms).sort((a, b) => b - a),
    );
  });

  test('it says since when, and that nothing was', async () => {
    expect(await sampledOf(database)).toMatchObject({ missing: null, last_ms: expect.any(Number) });
    await database.query('drop schema claire_system cascade');
    expect(await sampledOf(database)).toEqual({ since_ms: null, last_ms: null, missing: null });
  });

  test.each<[buckets: number[], fraction: number, quantile: number | null]>([
    [[], 0.5, null],
    [[10], 0.5, 0.125],
    [[0, 4, 4], 0.5, 0.5],
    [[0, 4, 4], 0.75, 0.75],
    [[...noCalls().slice(1), 5], 0.99, 30_000],
  ])('of the classes %j the quantile %d is %s', (buckets, fraction, quantile) => {
    expect(quantileOf(buckets, fraction)).toBe(quantile);
  });
});
