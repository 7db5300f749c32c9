import { expect, test } from 'vitest';
import {
  mergeCandles,
  runExecutionService,
  runRiskManager,
  runSignalEngine,
  syntheticMarket,
} from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { candle, collect, DAY, type Desk, LIMITS, MINUTE, signal, T0, useDesks, useFiles } from './ground.js';

const { desk, checksums, sql } = useDesks();
const files = useFiles();

/** A file of a synthetic symbol. */
async function marketFile(symbol: string, days: number): Promise<string> {
  const steps = await collect(mergeCandles(syntheticMarket({ seed: 5, days, symbols: [symbol] })));
  const rows = steps.flatMap(({ candles }) => candles);
  const lines = rows.map((c) => [c.timestamp, c.open, c.high, c.low, c.close, c.volume].join(','));
  return files.write(`${symbol}.csv`, ['timestamp,open,high,low,close,volume', ...lines].join('\n'));
}

/** Runs services side by side until the record says that nothing is left to do, then ends them. */
async function runUntil(
  done: () => Promise<boolean>,
  services: ((signal: AbortSignal) => Promise<unknown>)[],
) {
  const ending = new AbortController();
  const running = services.map((service) => service(ending.signal));
  try {
    await expect.poll(done, { timeout: 30_000, interval: 100 }).toBe(true);
  } finally {
    ending.abort();
    await Promise.all(running);
  }
}

/** Every signal has its order, and no order waits for a candle that is there. */
async function isSettled(at: Desk): Promise<boolean> {
  const [row] = await sql<{ open: number }>(
    `select (select count(*) from signals s where not exists (select from orders o where o.signal_id = s.signal_id))
       + (select count(*) from orders o where status = 'PENDING'
          and exists (select from candles c where c.symbol = o.symbol and c.timestamp > o.timestamp)) as open`,
    at.book,
  );
  return row!.open === 0;
}

const poll = { pollMilliseconds: 20 };

test('three processes that meet in the record only decide every signal and fill every order, once', async () => {
  const at = await desk();
  await at.limit(LIMITS);
  const candles = [await marketFile('SYNTH-A', 250), await marketFile('SYNTH-B', 200)];
  const services = [
    (signal: AbortSignal) => runRiskManager(at.riskManager, { ...poll, signal }),
    (signal: AbortSignal) => runExecutionService(at.executionService, { ...poll, signal }),
  ];
  const engine = await runSignalEngine(at.signalEngine, candles);
  expect(engine).toMatchObject({ finished: true, candles: 450 });
  await runUntil(() => isSettled(at), services);
  const before = await checksums(at.book, true);
  expect(before.orders!.rows).toBe(engine.signals.recorded);
  expect(before.trades!.rows).toBeGreaterThan(0);
  expect((await at.claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  await runSignalEngine(at.signalEngine, candles);
  await runUntil(() => isSettled(at), services);
  expect(await checksums(at.book, true)).toEqual(before);
});

test('a risk manager that starts later decides the signals of before, in market time', async () => {
  const at = await desk();
  await at.limit(LIMITS);
  await at.signals(
    signal('late', { timestamp: T0 + MINUTE }),
    signal('z-early'),
    signal('rejected', { confidence: '0' }),
  );
  await runUntil(() => isSettled(at), [(signal) => runRiskManager(at.riskManager, { ...poll, signal })]);
  const orders = (await at.claire.orders()).reverse();
  expect(orders.map(({ signal_id, status }) => [signal_id, status])).toEqual([
    ['rejected', 'REJECTED'],
    ['z-early', 'PENDING'],
    ['late', 'PENDING'],
  ]);
});

test('an execution service fills from the recorded candles, each order at the next one', async () => {
  const at = await desk();
  const candle = { symbol: 'A', high: '9', low: '1', close: '5', volume: '1' };
  await at.signalEngine.recordCandles(
    [2, 1, 0].map((n) => ({ ...candle, timestamp: T0 + n * MINUTE, open: `${n + 1}` })),
  );
  const order = { symbol: 'A', side: 'BUY', quantity: '1' } as const;
  await at.riskManager.placeOrder({ ...order, order_id: 'ord-1', timestamp: T0 });
  await at.riskManager.placeOrder({ ...order, order_id: 'ord-2', timestamp: T0 + 2 * MINUTE });
  const service = (signal: AbortSignal) => runExecutionService(at.executionService, { ...poll, signal });
  await runUntil(async () => (await at.claire.trades()).length === 1, [service]);
  expect(await at.claire.trades()).toMatchObject([
    { order_id: 'ord-1', entry_price: '2', entry_timestamp: T0 + MINUTE },
  ]);
  expect(await at.claire.orders({ status: 'PENDING' })).toMatchObject([{ order_id: 'ord-2' }]);
});

test('a signal engine that is told to end ends between two moments', async () => {
  const at = await desk();
  const result = await runSignalEngine(
    at.signalEngine,
    [await marketFile('SYNTH-C', 100)],
    AbortSignal.abort(),
  );
  expect(result).toEqual({ finished: false, candles: 0, signals: { recorded: 0, already_recorded: 0 } });
});

test('a service ends with the error of the record, and does not go on without it', async () => {
  const at = await desk();
  await at.signals(signal('s1'));
  // A signal whose id is that of somebody else's order.
  await at.riskManager.placeOrder({ symbol: 'X', side: 'BUY', quantity: '1', order_id: 'ord-s1' });
  const error = await refusal(
    runRiskManager(at.riskManager, { ...poll, signal: new AbortController().signal }),
  );
  expect(error.code).toBe('id_conflict');
});

test('signals that come late, however old their market time, are decided all the same', async () => {
  const at = await desk();
  const ending = new AbortController();
  const manager = runRiskManager(at.riskManager, { pollMilliseconds: 1, signal: ending.signal });
  const decided = (late: number) => async () => {
    await at.signalEngine.recordSignal(signal(`late-${late}`, { timestamp: T0 - late }));
    await expect.poll(() => isSettled(at), { timeout: 30_000 }).toBe(true);
  };
  for (const one of [0, 60 * MINUTE, 1000 * DAY].map(decided)) await one();
  ending.abort();
  expect(await manager).toEqual({ decided: 3 });
});

test('a limit order waits, in a process of its own too, for an open that is no worse than its price', async () => {
  const at = await desk();
  const open = (minute: number, price: string) => candle('X', minute, price);
  await at.signalEngine.recordCandles([open(1, '100'), open(2, '100'), open(3, '90'), open(4, '80')]);
  await at.claire.placeOrder({
    order_id: 'limit',
    symbol: 'X',
    side: 'BUY',
    quantity: 1,
    price: 95,
    timestamp: T0,
  });
  await runUntil(
    async () => (await at.claire.orders({ order_id: 'limit' }))[0]?.status === 'FILLED',
    [(ending) => runExecutionService(at.executionService, { ...poll, signal: ending })],
  );
  expect(await at.claire.trades({ order_id: 'limit' })).toMatchObject([{ entry_price: '90' }]);
});
