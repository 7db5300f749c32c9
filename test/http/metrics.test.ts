import { describe, expect, test } from 'vitest';
import { openProxy } from '../../bench/connections/proxy.js';
import { noCalls } from '../../src/domain/latency.js';
import { entryOfMetric, METRICS, type MetricName, UpkeepRuns } from '../../src/http/index.js';
import { runUpkeep } from '../../src/upkeep/index.js';
import { holdOpen } from '../harness/hold.js';
import { parseExposition } from './exposition.js';
import { sampleOf, useApp } from './ground.js';

const { book, app, afterwards } = useApp();
const names = Object.keys(METRICS) as MetricName[];

describe('what is scraped', () => {
  test('is the text format, and every metric of the table with its type and help', async () => {
    const families = await app().scrape();
    for (const name of names) {
      const { type, help } = entryOfMetric(name);
      expect(families.get(name), name).toMatchObject({ type, help });
    }
    expect(families.has('process_cpu_seconds_total')).toBe(true);
    const ours = [...families.keys()].filter((name) => name.startsWith('claire_'));
    expect(ours.sort()).toEqual([...names].sort());
    for (const { name, samples } of families.values())
      for (const sample of name.startsWith('claire_') ? samples : [])
        expect(
          Object.keys(sample.labels).filter((label) => label !== 'le'),
          name,
        ).toEqual([...entryOfMetric(name as MetricName).labels]);
  });

  test.each([
    ['a line without a value', '# HELP a b\n# TYPE a gauge\na\n'],
    ['a sample of another metric', '# HELP a b\n# TYPE a gauge\nc 1\n'],
    ['a series twice', '# HELP a b\n# TYPE a gauge\na{l="x"} 1\na{l="x"} 2\n'],
    ['a label that is not closed', '# HELP a b\n# TYPE a gauge\na{l="x} 1\n'],
    [
      'classes that fall',
      '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_count 1\n',
    ],
  ])('%s is found by the parser', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });

  test('the names keep the conventions: base units last, _total for what only grows', () => {
    for (const name of names) {
      const { type, unit, labels } = entryOfMetric(name);
      expect(name).toMatch(/^claire_[a-z]+(_[a-z]+)*$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (unit) expect(name.endsWith(`_${unit}`), name).toBe(true);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|percent|count|sum|bucket)$/);
      for (const label of labels) expect(label).not.toMatch(/symbol|_id$|^le$/);
    }
  });

  test('what is held, earned, halted and refused is told', async () => {
    const claire = await book.connect();
    const { scrape } = app();
    const at = Date.now();
    const trade = {
      symbol: 'BTCUSDT',
      side: 'BUY',
      quantity: '2',
      entry_price: '100',
      entry_timestamp: at,
    } as const;
    await claire.openTrade({ ...trade, trade_id: 'open' });
    await claire.openTrade({ ...trade, trade_id: 'closed' });
    await claire.closeTrade({
      trade_id: 'closed',
      exit_price: '110.25',
      exit_timestamp: at,
      commission: '0.5',
    });
    await claire.recordRiskEvent({
      ...{ event_id: 'e', event_type: 'exposure_limit_exceeded', symbol: 'BTCUSDT' },
      ...{ reason: 'too much', timestamp: at },
    });
    const before = await scrape();
    const of = { book: 'main' };
    expect(sampleOf(before, 'claire_exposure_gross', of)).toBe(200);
    expect(sampleOf(before, 'claire_open_trades', of)).toBe(1);
    expect(sampleOf(before, 'claire_realized_profit_today', of)).toBe(20.5);
    expect(sampleOf(before, 'claire_realized_profit_net_today', of)).toBe(20);
    expect(sampleOf(before, 'claire_trading_halted', of)).toBe(0);
    for (const window of ['1h', '24h'])
      expect(sampleOf(before, 'claire_risk_events_recent', { window, type: 'exposure_limit_exceeded' })).toBe(
        1,
      );
    expect(sampleOf(before, 'claire_position_changes_unfolded', of)).toBeGreaterThan(0);
    await claire.halt({ reason: 'a test' });
    const after = await scrape();
    await claire.resume({ reason: 'a test' });
    expect(sampleOf(after, 'claire_trading_halted', of)).toBe(1);
    expect(sampleOf(after, 'claire_circuit_breaker_tripped', of)).toBe(0);
    expect(sampleOf(after, 'claire_database_up')).toBe(1);
    expect(sampleOf(after, 'claire_connections_budget')).toBe(30);
    expect(sampleOf(after, 'claire_pool_connections', { service: 'claire http', state: 'in_use' })).toBe(0);
    expect(sampleOf(after, 'claire_pool_checkout_duration_seconds_count', { service: 'claire http' })).toBe(
      2,
    );
  });

  test('a counter never goes down, and what is pruned has been counted', async () => {
    await book.database.query('create schema claire_system');
    await book.database.query(
      `create table claire_system.operation_samples (at timestamptz, book text, service text, operation text,
         calls bigint, errors jsonb, total_ms double precision, p95_ms double precision, buckets bigint[])`,
    );
    const report = (calls: number, errors: object) =>
      book.database.query(
        `insert into claire_system.operation_samples
         values (clock_timestamp(), 'main', 'bot', 'placeOrder', $1, $2, 12.5, 3, $3)`,
        [calls, JSON.stringify(errors), `{${noCalls().with(4, calls).join()}}`],
      );
    const { scrape } = app();
    await report(3, { right_missing: 1 });
    const first = await scrape();
    await report(4, { right_missing: 2 });
    await scrape();
    await book.database.query('delete from claire_system.operation_samples');
    const last = await scrape();
    const calls = (families: typeof first) =>
      sampleOf(families, 'claire_operation_calls_total', { operation: 'placeOrder', service: 'bot' });
    expect([calls(first), calls(last)]).toEqual([3, 7]);
    expect(sampleOf(last, 'claire_operation_errors_total', { code: 'right_missing' })).toBe(3);
    expect(sampleOf(last, 'claire_operation_duration_seconds_sum')).toBe(0.025);
    expect(sampleOf(last, 'claire_operation_duration_seconds_bucket', { le: '0.0015' })).toBe(0);
    expect(sampleOf(last, 'claire_operation_duration_seconds_bucket', { le: '0.0025' })).toBe(7);
    for (const { name, type, samples } of first.values())
      for (const { name: series, labels, value } of type === 'counter' ? samples : [])
        expect(sampleOf(last, series, labels), name).toBeGreaterThanOrEqual(value);
  });

  test('reports under any number of names fill no more than so many lines', async () => {
    await book.database.query(
      `create schema if not exists claire_system;
       create table if not exists claire_system.operation_samples (at timestamptz, book text, service text,
         operation text, calls bigint, errors jsonb, total_ms double precision, p95_ms double precision, buckets bigint[])`,
    );
    const { scrape } = app();
    await book.database.query(
      `insert into claire_system.operation_samples
       select clock_timestamp(), 'main', 'service ' || n, 'placeOrder', 1, '{}', 1, 1, '{1}'
       from generate_series(1, 1500) as n`,
    );
    const families = await scrape();
    const calls = families.get('claire_operation_calls_total')!.samples;
    expect(calls).toHaveLength(1001);
    expect(calls.reduce((sum, { value }) => sum + value, 0)).toBe(1500);
  });

  test('runs of the upkeep are told by book and task', async () => {
    const runs = new UpkeepRuns();
    const { scrape } = app({ sources: [runs.source] });
    const end = new AbortController();
    let turn = 0;
    const task = {
      name: 'sometimes',
      every_ms: 1,
      async run() {
        turn += 1;
        if (turn === 2) throw new Error('no');
        if (turn === 3) end.abort();
      },
    };
    await runUpkeep(book.database, 'main', {
      ...{ signal: end.signal, onError: () => {}, onRun: runs.add, tasks: [task] },
    });
    const families = await scrape();
    const of = { book: 'main', task: 'sometimes' };
    expect(sampleOf(families, 'claire_upkeep_runs_total', { ...of, result: 'ok' })).toBe(2);
    expect(sampleOf(families, 'claire_upkeep_runs_total', { ...of, result: 'failed' })).toBe(1);
    const since = Date.now() / 1000 - sampleOf(families, 'claire_upkeep_last_success_timestamp_seconds', of)!;
    expect(since).toBeLessThan(60);
  });
});

describe('a scrape waits for nobody', () => {
  test('a table that somebody holds takes its section away, and no other', async () => {
    const { scrape, failed } = app();
    const release = await holdOpen(book.database, ['lock table main.trades in access exclusive mode']);
    const held = await scrape().finally(release);
    expect(sampleOf(held, 'claire_scrape_errors', { section: 'profit' })).toBe(1);
    expect(sampleOf(held, 'claire_realized_profit_today')).toBeUndefined();
    expect(sampleOf(held, 'claire_scrape_errors', { section: 'trading' })).toBe(0);
    expect(sampleOf(held, 'claire_trading_halted')).toBe(0);
    expect(sampleOf(held, 'claire_database_up')).toBe(1);
    expect(failed).toEqual(['profit']);
    expect(sampleOf(await scrape(), 'claire_realized_profit_today')).toBeDefined();
  });

  test('a server that is silent is told of, and is found again when it answers', async () => {
    const network = await openProxy(Number(new URL(book.url).port));
    const url = new URL(book.url);
    url.port = String(network.port);
    const { scrape, failed } = app({ url: url.href, waitMilliseconds: 500 });
    afterwards(() => network.close());
    await expect.poll(async () => sampleOf(await scrape(), 'claire_database_up')).toBe(1);
    network.sever();
    const silent = await scrape();
    expect(sampleOf(silent, 'claire_database_up')).toBe(0);
    expect(sampleOf(silent, 'claire_trading_halted')).toBeUndefined();
    expect(sampleOf(silent, 'claire_scrape_errors', { section: 'trading' })).toBe(1);
    expect(sampleOf(silent, 'claire_pool_connections', { state: 'in_use' })).toBeDefined();
    network.heal();
    await expect.poll(async () => sampleOf(await scrape(), 'claire_database_up')).toBe(1);
    // Each part that was under way has learnt it, and lets go of its connection.
    await expect.poll(() => failed).toContain('database');
  });

  test('those at the same time share one collection, and those soon after have its answer', async () => {
    const { scrape, asked } = app({ cacheMilliseconds: 60_000 });
    await Promise.all([scrape(), scrape(), scrape()]);
    await scrape();
    expect(asked.collections).toBe(1);
    const fresh = app();
    await fresh.scrape();
    await fresh.scrape();
    expect(fresh.asked.collections).toBe(2);
  });

  test('it takes one connection', async () => {
    const { scrape, database } = app();
    await Promise.all([scrape(), scrape()]);
    const { in_use, idle } = database.stats();
    expect(in_use + idle).toBe(1);
  });
});
