import { describe, expect, test } from 'vitest';
import type { Queries } from '../../src/cli/queries-text.js';
import { noCalls } from '../../src/domain/latency.js';
import { connect } from '../../src/index.js';
import { sample } from '../../src/upkeep/index.js';
import { waitFor } from '../harness/wait.js';
import { ask, claire, json, start, useServer } from './cli-run.js';

const desk = useServer();
const queries = (...args: string[]) => ask('queries', ...desk.there, ...args);

/** A minute of recordSignal as a service would have written it. */
async function recorded(ago: string, service: string, calls: number, took_ms: number): Promise<void> {
  const buckets = noCalls();
  buckets[8] = calls;
  const operations = [
    {
      operation: 'recordSignal',
      calls,
      total_ms: calls * took_ms,
      p95_ms: took_ms,
      errors: { input_invalid: 2 },
      buckets,
    },
  ];
  await desk.database.query('select claire_system.record_operations($1::jsonb)', [
    JSON.stringify({ book: 'main', service, operations }),
  ]);
  await desk.database.query(
    "update claire_system.operation_samples set at = now() - $1::interval where at > now() - interval '1 second'",
    [ago],
  );
}

describe('claire queries', () => {
  test('says what to do where nothing was sampled', async () => {
    const { code, stdout } = await claire('queries', ...desk.there);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Start it') });
    const series = await queries('--operation', 'exposure');
    expect(series.stdout).toContain('No call of exposure');
  });

  test('is given samples by claire up, and none by a command', async () => {
    await ask('migrate', ...desk.there);
    expect((await json<Queries>('queries', ...desk.there)).sampled.since_ms).toBe(null);
    const up = start(['up', ...desk.there]);
    await waitFor(
      async () => expect((await json<Queries>('queries', ...desk.there)).sampled.last_ms).not.toBe(null),
      { timeout: 30_000, interval: 200 },
    );
    expect((await queries()).stdout).toMatch(
      /No service has called an operation.*\n\nNo statement was sampled/,
    );
    up.signal('SIGINT');
    expect((await up.ended).code).toBe(0);
  });

  test('shows operations and statements, first what took most time or what is slow', async () => {
    const service = await connect({ service: 'desk', databaseUrl: desk.there[1]! });
    for (let n = 0; n < 3; n++) await service.exposure();
    await service.close();
    await sample(desk.database, 0);
    await recorded('2 minutes', 'signal_engine', 100, 12);
    await recorded('1 minute', 'risk_manager', 5, 14);
    const { stdout } = await queries();
    expect(stdout).toMatch(
      /operation +calls +per second +p50 ms +p95 ms +p99 ms +mean ms +% of time +errors/,
    );
    expect(stdout).toMatch(/recordSignal +105 .* 100(\.0)? +input_invalid 4/);
    expect(stdout).toMatch(/exposure +postgres +3 .*select symbol/);
    expect((await queries('--by-service')).stdout).toMatch(
      /recordSignal +signal_engine +100 .*\nrecordSignal +risk_manager +5 /,
    );
    const slowest = await json<Queries>('queries', ...desk.there, '--slowest', '--limit', '2');
    expect(slowest.statements).toHaveLength(2);
    expect(slowest.statements[0]!.mean_ms).toBeGreaterThanOrEqual(slowest.statements[1]!.mean_ms);
    expect((await json<Queries>('queries', ...desk.there, '--since', '1m')).operations).toEqual([]);
    expect((await json<Queries>('queries', ...desk.there, '--book', 'other')).operations).toEqual([]);
  });

  test('shows an operation over time', async () => {
    const { stdout } = await queries('--operation', 'recordSignal');
    expect(stdout).toMatch(/^recordSignal of book main, 105 calls:\nfrom \(UTC\) +calls +p95 ms/);
    expect(stdout).toMatch(/ 100 +14\.\d+ +12 +█+/);
  });

  test('says what is missing where the server does not count statements', async () => {
    await desk.database.query('drop extension pg_stat_statements');
    await sample(desk.database, 0);
    const { stdout } = await queries('--since', '1s');
    expect(stdout).toContain('create extension pg_stat_statements');
  });

  test.each([
    [['--since', 'soon'], 'since'],
    [['--limit', '0'], 'limit'],
    [['--operation', 'nothing'], 'no operation nothing'],
    [['--operation', 'exposure', '--slowest'], 'no other order'],
    [['--slowest', '--most-time'], 'most-time'],
  ])('refuses %j', async (args, said) => {
    const { code, stderr } = await queries(...args);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  });
});
