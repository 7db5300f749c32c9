import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { LOGIN_ROLES, type LoginRole } from '../../src/database/index.js';
import type { Claire } from '../../src/index.js';
import { operations } from '../../src/operations/index.js';
import { replay, runExecutionService, runRiskManager, syntheticMarket } from '../../src/services/index.js';
import { runUpkeep } from '../../src/upkeep/index.js';
import { useRoles } from './roles-ground.js';

/** The library, the reference services and the upkeep, each with the login that is for it and nothing more. */
const ground = useRoles();
const { book } = ground;
const T = 1705072800000;

type Verb = keyof typeof operations;

/** A call of each verb that has something to do, by a desk where `s1` waits to be decided and `o1` is PENDING. */
const CALLS: Record<Verb, unknown> = {
  recordSignal: signal('new1'),
  recordSignals: [signal('new2')],
  decide: { signal_id: 's1', quantity: '1' },
  decideAll: [{ signal_id: 's2', quantity: '1' }],
  placeOrder: order('new3'),
  placeOrders: [order('new4')],
  fillOrder: { order_id: 'o1' },
  fillOrders: [{ order_id: 'o1' }],
  rejectOrder: { order_id: 'o2', reason: 'r' },
  rejectOrders: [{ order_id: 'o2', reason: 'r' }],
  cancelOrder: { order_id: 'o3' },
  cancelOrders: [{ order_id: 'o3' }],
  openTrade: trade('new5'),
  openTrades: [trade('new6')],
  closeTrade: { trade_id: 't1', exit_price: '2', exit_timestamp: T + 1, commission: '0.1' },
  closeTrades: [{ trade_id: 't1', exit_price: '2', exit_timestamp: T + 1, commission: '0.1' }],
  recordRiskEvent: { event_type: 'signal_rejected', reason: 'r', timestamp: T },
  recordRiskEvents: [{ event_type: 'signal_rejected', reason: 'r', timestamp: T }],
  recordCandles: [{ symbol: 'Y', timestamp: T, open: '1', high: '1', low: '1', close: '1', volume: '1' }],
  setLimits: { changes: { max_open_trades: 1000 }, reason: 'r' },
  setCapital: { amount: '1000', reason: 'r' },
  setHorizon: { table: 'signals', keep_seconds: 86_400, reason: 'r' },
  halt: { reason: 'r', at: T, until: T + 1, cancel_pending: true },
  resume: { reason: 'r', at: T },
  releaseReservation: { order_id: 'o4', reason: 'r' },
  correct: { what: 'trade', id: 't1', changes: { quantity: '2' }, reason: 'r' },
  releaseQuarantined: { id: '1', changes: {}, reason: 'r' },
  discardQuarantined: { id: '2', reason: 'r' },
  createToken: { name: 'n', role: 'claire_reader' },
  revokeToken: { token_id: 'bcdfghjkmnpq' },
  signals: { without_order: true },
  orders: { status: 'PENDING' },
  trades: { status: 'OPEN' },
  riskEvents: {},
  positions: {},
  exposure: {},
  candles: { symbol: 'X' },
  decisions: {},
  orderHistory: {},
  why: { id: 's1' },
  notTraded: {},
  limits: {},
  limitsHistory: {},
  capital: {},
  halts: {},
  riskState: {},
  reservations: {},
  horizons: {},
  retentionRuns: {},
  corrections: {},
  quarantined: {},
  tokens: {},
  profit: {},
  performance: {},
  summary: {},
  verify: {},
};

function signal(signal_id: string) {
  return { signal_id, symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T } as const;
}
function order(order_id: string) {
  return { order_id, symbol: 'X', side: 'BUY', quantity: '1', price: '1' } as const;
}
function trade(trade_id: string) {
  return { trade_id, symbol: 'X', side: 'BUY', quantity: '1', entry_price: '1', entry_timestamp: T } as const;
}

const READS = Object.entries(operations)
  .filter(([, { kind }]) => kind === 'read')
  .map(([verb]) => verb as Verb);
const MOVES: Verb[] = [
  'fillOrder',
  'fillOrders',
  'rejectOrder',
  'rejectOrders',
  'cancelOrder',
  'cancelOrders',
];
const SIGNAL_ENGINE: Verb[] = ['recordSignal', 'recordSignals', 'recordCandles', 'candles'];
const RISK_MANAGER: Verb[] = [
  ...([
    'decide',
    'decideAll',
    'placeOrder',
    'placeOrders',
    'recordRiskEvent',
    'recordRiskEvents',
    'halt',
  ] as const),
  ...MOVES,
  ...([
    'signals',
    'orders',
    'trades',
    'riskEvents',
    'positions',
    'exposure',
    'decisions',
    'orderHistory',
  ] as const),
  ...([
    'why',
    'notTraded',
    'limits',
    'limitsHistory',
    'capital',
    'halts',
    'riskState',
    'reservations',
  ] as const),
  ...(['profit', 'performance'] as const),
];
const EXECUTION_SERVICE: Verb[] = [
  ...MOVES,
  ...([
    'openTrade',
    'openTrades',
    'closeTrade',
    'closeTrades',
    'recordCandles',
    'signals',
    'orders',
  ] as const),
  ...(['trades', 'positions', 'exposure', 'candles', 'decisions', 'profit'] as const),
];
const MAY: Record<LoginRole, readonly Verb[]> = {
  signal_engine: SIGNAL_ENGINE,
  risk_manager: RISK_MANAGER,
  execution_service: EXECUTION_SERVICE,
  claire_reader: READS.filter((verb) => verb !== 'tokens'),
  claire_upkeep: READS.filter((verb) => !['why', 'riskState', 'performance'].includes(verb)),
  claire: [
    ...[...SIGNAL_ENGINE, ...RISK_MANAGER, ...EXECUTION_SERVICE, ...READS].filter(
      (verb) => verb !== 'tokens',
    ),
  ],
  claire_operator: [
    ...MOVES,
    ...([
      'setLimits',
      'setCapital',
      'setHorizon',
      'halt',
      'resume',
      'releaseReservation',
      'correct',
      'createToken',
      'revokeToken',
    ] as const),
    ...(['releaseQuarantined', 'discardQuarantined', ...READS] as const),
  ],
};

const connectAs = (role: LoginRole, name: string) =>
  book.connect({ service: role, databaseUrl: ground.urlOf(role, name), book: name, connections: 2 });

async function prepare(name: string): Promise<void> {
  const claire = await book.connect({ book: name });
  await claire.recordSignals([signal('s1'), signal('s2')]);
  await claire.placeOrders(['o1', 'o2', 'o3', 'o4'].map(order));
  await claire.fillOrder({ order_id: 'o4' });
  await claire.openTrades([trade('t1'), trade('t2'), trade('t3')]);
  for (const id of ['t2', 't3'])
    await book.sql(
      `select quarantine_row('trades', (select id from trades where trade_id = '${id}'), '{some_law}', 'r')`,
      name,
    );
  await claire.recordCandles([
    { symbol: 'X', timestamp: T, open: '1', high: '1', low: '1', close: '1', volume: '1' },
  ]);
}

describe.each(LOGIN_ROLES)('%s', (role) => {
  test('has the verbs of its work, and no other', async () => {
    const name = await ground.bookWithRoles();
    await prepare(name);
    const claire = await connectAs(role, name);
    const refused: string[] = [];
    for (const [verb, input] of Object.entries(CALLS)) {
      const call = claire[verb as Verb] as (input: unknown) => Promise<unknown>;
      const answer = await call(input).then(
        (value) => value,
        (error: unknown) => error,
      );
      expect(codesOf(answer), verb).not.toContain('input_invalid');
      if (codesOf(answer).includes('right_missing')) refused.push(verb);
    }
    const expected = Object.keys(CALLS).filter((verb) => !MAY[role].includes(verb as Verb));
    expect(refused.sort()).toEqual(expected.sort());
  });
});

/** Of a batch each item has its own answer. */
function codesOf(answer: unknown): string[] {
  return [answer].flat().map((one) => {
    const { code, error } = (one ?? {}) as { code?: string; error?: { code?: string } };
    return code ?? error?.code ?? '';
  });
}

const days = (symbol: string) => syntheticMarket({ seed: 7, days: 300, symbols: [symbol] });

test.runIf(inject('major') > 15)('the reference services replay, each with its own login', async () => {
  const name = await ground.bookWithRoles();
  const [signalEngine, riskManager, executionService] = (await Promise.all(
    (['signal_engine', 'risk_manager', 'execution_service'] as const).map((role) => connectAs(role, name)),
  )) as [Claire, Claire, Claire];
  const result = await replay({
    candles: days('SYNTH-A'),
    connections: { signalEngine, riskManager, executionService },
  });
  expect(result.finished).toBe(true);
  expect(result.trades.closed).toBeGreaterThan(0);
  // And as processes of their own, which ask the record what there is to do.
  const candles = await signalEngine.candles({ symbol: 'SYNTH-A', limit: 1000 });
  const { timestamp } = candles.at(-1)!;
  await signalEngine.recordSignal({ ...signal('late'), symbol: 'SYNTH-A', timestamp: timestamp - 1 });
  const ended = new AbortController();
  const running = [
    runRiskManager(riskManager, { signal: ended.signal, pollMilliseconds: 20 }),
    runExecutionService(executionService, { signal: ended.signal, pollMilliseconds: 20 }),
  ];
  const became = async () => (await executionService.orders({ signal_id: 'late' }))[0]?.status;
  await expect.poll(became, { timeout: 20_000, interval: 50 }).toBe('FILLED');
  ended.abort();
  await Promise.all(running);
  const reader = await connectAs('claire_reader', name);
  expect((await reader.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
});

describe('the upkeep', () => {
  test('does all of its work with its own login, and owns nothing', async () => {
    const name = await ground.bookWithRoles();
    await prepare(name);
    const ended = new AbortController();
    const errors: unknown[] = [];
    const running = runUpkeep(ground.login('claire_upkeep', name), name, {
      signal: ended.signal,
      onError: (error) => errors.push(error),
    });
    const state = async () => {
      const [row] = await book.sql<{ done: boolean }>(
        `select not exists (select from position_changes) and not exists (select from reservation_changes)
           and exists (select from materialized_view_refreshes) and not exists (table positions except table positions_realtime) as done`,
        name,
      );
      return row!.done;
    };
    await expect.poll(state, { timeout: 20_000, interval: 100 }).toBe(true);
    ended.abort();
    await running;
    expect(errors).toEqual([]);
  });

  test('vacuums what it folded where PostgreSQL has a right for that', async () => {
    const name = await ground.bookWithRoles();
    await book.sql(
      `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) select 'X', 'BUY', 1, 1, ${T}, 'OPEN' from generate_series(1, 10)`,
      name,
    );
    // A statement is one change a symbol; a thousand of them make it due.
    await book.sql(
      `do $$ begin for i in 1..1100 loop
         insert into trades (symbol, side, quantity, entry_price, entry_timestamp, status) values ('X', 'BUY', 1, 1, ${T}, 'OPEN');
       end loop; end $$`,
      name,
    );
    const ended = new AbortController();
    const running = runUpkeep(ground.login('claire_upkeep', name), name, {
      signal: ended.signal,
      onError: (error) => expect.unreachable(String(error)),
    });
    const vacuumed = async () => {
      const [row] = await book.sql<{ folded: boolean; n: number }>(
        `select not exists (select from position_changes) as folded,
           (select vacuum_count::int from pg_stat_user_tables where schemaname = '${name}' and relname = 'position_changes') as n`,
        name,
      );
      return row!.folded ? row!.n : -1;
    };
    await expect.poll(vacuumed, { timeout: 20_000, interval: 100 }).toBe(inject('major') >= 17 ? 1 : 0);
    ended.abort();
    await running;
  });
});

const pgDump = '/usr/lib/postgresql/15/bin/pg_dump';
const canDump = existsSync(pgDump) && inject('major') === 15;
if (!canDump)
  process.stderr.write(`Not tested: a dump by the upkeep's login needs ${pgDump} and a server of 15.\n`);

test.skipIf(!canDump)('a dump of the book wants the login of the upkeep, and no more', async () => {
  const name = await ground.bookWithRoles();
  await prepare(name);
  const dump = (role: LoginRole) =>
    execFileSync(pgDump, ['-n', name, ground.urlOf(role, name)], { encoding: 'utf8', stdio: 'pipe' });
  expect(dump('claire_upkeep')).toMatch(/COPY \S+\.trades [\s\S]+SELECT pg_catalog\.setval/);
  expect(() => dump('signal_engine')).toThrow(/permission denied/);
});

beforeAll(() => {
  // Of a verb that is new it must be said who has it.
  expect(Object.keys(CALLS).sort()).toEqual(Object.keys(operations).sort());
});
