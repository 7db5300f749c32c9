import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { createBook } from '../../src/schema/index.js';
import { ask, json, useServer } from './cli-run.js';
import { repository } from './embedded-ground.js';

const desk = useServer();
const play = (...args: string[]) => ask(...desk.there, '--book', 'play', ...args);
const playJson = <T>(...args: string[]) => json<T>(...desk.there, '--book', 'play', ...args);

/** Every column of every table but the numbers that a sequence gives. */
async function contents(): Promise<unknown> {
  const [row] = await desk.database.query(
    `select
       (select jsonb_agg(to_jsonb(s) - 'id' order by signal_id) from play.signals s) as signals,
       (select jsonb_agg(to_jsonb(o) - 'id' order by order_id) from play.orders o) as orders,
       (select jsonb_agg(to_jsonb(t) - 'id' order by trade_id) from play.trades t) as trades,
       (select jsonb_agg(to_jsonb(e) - 'id' order by event_id) from play.risk_events e) as events`,
  );
  return row;
}

beforeAll(async () => {
  await createBook(desk.database, 'play');
  await createBook(desk.database, 'empty');
  expect((await play('test-data')).code).toBe(0);
});

interface Summary {
  signals: number;
  orders: Record<string, number>;
  risk_events: Record<string, number>;
  open_trades: number;
  closed_trades: number;
}

describe('test data', () => {
  test('is a week with orders in every state, events of every type, profits and losses', async () => {
    const { summary } = await playJson<{ summary: Summary }>('status');
    expect(summary.signals).toBeGreaterThan(450);
    expect(Object.keys(summary.orders).sort()).toEqual(['CANCELLED', 'FILLED', 'PENDING', 'REJECTED']);
    expect(Object.keys(summary.risk_events)).toHaveLength(5);
    expect(summary.open_trades).toBe(10);
    const trades = await playJson<{ pnl: string }[]>('trades', '--status', 'CLOSED', '--limit', '1000');
    expect(trades).toHaveLength(summary.closed_trades);
    expect(trades.filter(({ pnl }) => pnl.startsWith('-')).length).toBeGreaterThan(30);
    expect(trades.filter(({ pnl }) => !pnl.startsWith('-')).length).toBeGreaterThan(30);
  });

  test('is the same however often it is loaded, also after somebody worked with it', async () => {
    const before = await contents();
    const { stdout } = await play('test-data');
    expect(stdout).toMatch(/^Nothing new was recorded/);
    expect(await contents()).toEqual(before);
    await desk.database.query(
      `update play.orders set status = 'FILLED' where order_id = (select max(order_id) from play.orders where status = 'PENDING')`,
    );
    expect(await playJson('test-data')).toMatchObject({ recorded: 0 });
  });

  test('leaves nothing behind but rows', async () => {
    const [row] = await desk.database.query<{ views: number }>(
      `select count(*) as views from pg_class where relname = 'test_orders'`,
    );
    expect(row?.views).toBe(0);
  });
});

describe('reads', () => {
  test.each([
    ['signals', 'id,signal_id,symbol,side,price,confidence,timestamp,metadata,created_at'],
    [
      'orders',
      'id,order_id,signal_id,symbol,side,quantity,price,status,rejection_reason,timestamp,created_at,updated_at',
    ],
    [
      'trades',
      'id,trade_id,order_id,symbol,side,quantity,entry_price,entry_timestamp,exit_price,exit_timestamp,status,' +
        'pnl,pnl_pct,pnl_net,commission,created_at',
    ],
    ['risk-events', 'id,event_id,event_type,signal_id,symbol,reason,details,timestamp,created_at'],
    [
      'positions',
      'symbol,side,total_quantity,avg_entry_price,num_trades,total_value_usd,first_entry,last_entry',
    ],
    ['exposure', 'symbol,long,short,gross,net'],
  ])('the JSON keys of %s stay', async (command, keys) => {
    const rows = await playJson<Record<string, unknown>[]>(command, '--limit', '3');
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(Object.keys(row).join()).toBe(keys);
  });

  test('the JSON keys of profit stay, and money is text', async () => {
    const profit = await playJson<Record<string, unknown>>('profit');
    expect(Object.keys(profit)).toEqual([
      'closed_trades',
      'pnl',
      'pnl_net',
      'commission',
      'commission_unknown',
    ]);
    expect(profit).toMatchObject({ pnl: expect.stringMatching(/^-?\d+\.\d+$/) });
  });

  test('an empty list is a sentence for people and an empty array for programs', async () => {
    const empty = [...desk.there, '--book', 'empty'];
    for (const command of [
      'signals',
      'orders',
      'trades',
      'risk-events',
      'positions',
      'exposure',
      'candles',
    ]) {
      expect((await ask(...empty, command)).stdout).toMatch(/^There are no such .* in book empty\.\n$/);
      expect((await ask(...empty, command, '--json')).stdout).toBe('[]\n');
    }
  });

  test('filters add up', async () => {
    const rows = await playJson<{ symbol: string; side: string; timestamp: number }[]>(
      ...[
        'signals',
        '--symbol',
        'ETHUSDT',
        '--side',
        'SELL',
        '--since',
        '2024-01-10',
        '--until',
        '2024-01-11',
      ],
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { symbol, side, timestamp } of rows) {
      expect([symbol, side]).toEqual(['ETHUSDT', 'SELL']);
      expect(timestamp >= Date.UTC(2024, 0, 10) && timestamp < Date.UTC(2024, 0, 11)).toBe(true);
    }
  });

  test('risk events are found by what their details contain', async () => {
    const rows = await playJson<{ details: object }[]>(
      'risk-events',
      '--contains',
      '{"current_exposure": 4850}',
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { details } of rows) expect(details).toMatchObject({ current_exposure: 4850 });
  });

  test('a table stands in columns, numbers to the right, times in UTC', async () => {
    const { stdout } = await play('exposure');
    const lines = stdout.trimEnd().split('\n');
    expect(new Set(lines.slice(0, -1).map((line) => line.length)).size).toBe(1);
    expect(lines.at(-1)).toBe('3 rows');
    expect((await play('positions')).stdout).toMatch(/ 2024-01-1\dT\d\d:\d\d:\d\d\.\d{3}Z/);
  });

  test('trades --csv has every column and every row', async () => {
    const { stdout } = await play('trades', '--csv', '--limit', '1000');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^id,trade_id,order_id,symbol,.*,commission,created_at$/);
    expect(lines).toHaveLength(1 + 137 + 10);
    for (const line of lines) expect(line.split(',')).toHaveLength(16);
  });

  test('a reader that has seen enough is no error', async () => {
    const script = `node bin/claire.js "$@" trades --limit 1000 --json | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)(
      'bash',
      ['-c', script, 'bash', ...desk.there, '--book', 'play'],
      { cwd: repository },
    );
    expect({ stdout, stderr }).toEqual({ stdout: '[\n0\n', stderr: '' });
  });
});

describe('correct', () => {
  const trade = () =>
    desk.database.query(`select * from play.trades where trade_id = 'test_trade_btcusdt_000'`);

  test('changes a recorded row, its profit follows, and the reason is recorded', async () => {
    const [before] = await trade();
    const given = [
      'trade',
      'test_trade_btcusdt_000',
      'exit_price=50000',
      'commission=',
      '--reason',
      'typed wrong',
    ];
    const { code, stdout } = await play('correct', ...given);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d columns of trade/),
    });
    const [after] = await trade();
    expect(after).toMatchObject({ exit_price: '50000', commission: null, pnl_net: null });
    expect(after).not.toMatchObject({ pnl: (before as { pnl: string }).pnl });
    const corrections = await desk.database.query('select * from play.corrections');
    expect(corrections).toContainEqual(
      expect.objectContaining({ column_name: 'pnl', reason: 'typed wrong' }),
    );
    expect((await play('correct', ...given)).stdout).toMatch(/nothing was corrected/);
    expect((await play('verify')).code).toBe(0);
  });

  test('takes JSON where the column holds JSON', async () => {
    const event = 'test_event_circuit_breaker_triggered_2';
    const details = '{"balance": 9000.10, "account": 9007199254740993}';
    await play('correct', 'risk-event', event, `details=${details}`, '--reason', 'wrong account');
    const written = await desk.database.query<{ details: string }>(
      `select details::text as details from play.risk_events where event_id = '${event}'`,
    );
    expect(written).toEqual([{ details: '{"account": 9007199254740993, "balance": 9000.10}' }]);
  });

  test.each([
    ['a row that is not recorded', ['trade', 'nobody', 'commission=1'], /There is no trade nobody/],
    ['a computed column', ['trade', 'test_trade_btcusdt_000', 'pnl=1'], /cannot be corrected: pnl/],
    [
      'a column that does not exist',
      ['trade', 'test_trade_btcusdt_000', 'prize=1'],
      /cannot be corrected: prize/,
    ],
    ['a value against a law', ['trade', 'test_trade_btcusdt_000', 'quantity=-1'], /quantity/],
  ])('refuses %s', async (_, given, found) => {
    const { code, stderr } = await play('correct', ...given, '--reason', 'test');
    expect(code).toBe(4);
    expect(stderr).toMatch(found);
  });

  test('refuses a column that is given twice', async () => {
    const { code, stderr } = await play(
      'correct',
      'trade',
      'any',
      'symbol=A',
      'symbol=B',
      '--reason',
      'test',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/symbol is given twice/);
  });
});

describe('verify', () => {
  test('prints each law as a sentence with its count, and ends with 0 where all hold', async () => {
    const { code, stdout } = await play('verify');
    expect(code).toBe(0);
    expect(stdout.match(/^holds {3}0 {2}[A-Z].*\.$/gm)!.length).toBeGreaterThan(5);
    expect(stdout).toMatch(/All \d+ laws hold\.\n$/);
  });

  test('ends with 1 where one is broken, and names the rows', async () => {
    await createBook(desk.database, 'damaged');
    const damaged = [...desk.there, '--book', 'damaged'];
    await ask(...damaged, 'test-data');
    await desk.database.query('alter table damaged.trades disable trigger user');
    await desk.database.query(`update damaged.trades set pnl = 1 where trade_id = 'test_trade_ethusdt_000'`);
    await desk.database.query('alter table damaged.trades enable trigger user');
    const { code, stdout } = await ask(...damaged, 'verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^broken {2}1 {2}Every closed trade has the profit/m);
    expect(stdout).toContain('test_trade_ethusdt_000');
    const report = await json<{ holds: boolean; laws: { check: string; broken: number }[] }>(
      ...damaged,
      'verify',
    );
    expect(report.holds).toBe(false);
    expect(report.laws.filter(({ broken }) => broken > 0).map(({ check }) => check)).toEqual([
      'closed_trades_have_their_profit',
    ]);
  });
});
