import { expect, test } from 'vitest';
import { commissionOf, ExecutionService } from '../../src/services/execution-service.js';
import { RiskManager } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { candle, type Desk, MINUTE, signal, step, T0, useDesks } from './ground.js';

const { desk } = useDesks();

/** Places an order at T0, as the risk manager does. */
const place = (at: Desk, order_id: string, rest: Record<string, unknown> = {}) =>
  at.riskManager.placeOrder({ order_id, symbol: 'A', side: 'BUY', quantity: '10', timestamp: T0, ...rest });

async function started(at: Desk): Promise<ExecutionService> {
  const execution = new ExecutionService(at.executionService);
  await execution.start();
  return execution;
}

const stateOf = async (at: Desk, order_id: string) => (await at.claire.orders({ order_id }))[0]!.status;

test('an order is filled at the open of the next candle of its symbol', async () => {
  const at = await desk();
  await place(at, 'ord-1');
  const execution = await started(at);
  expect((await execution.onStep(step(candle('A', 0, '99')))).filled).toBe(0);
  expect((await execution.onStep(step(candle('B', 1, '98')))).filled).toBe(0);
  const fills = await execution.onStep(step(candle('A', 2, '101', { close: '150' })));
  expect(fills).toEqual({ filled: 1, rejected: 0, opened: 1, closed: 0 });
  expect(await at.claire.trades()).toMatchObject([
    {
      trade_id: 'trd-1',
      order_id: 'ord-1',
      entry_price: '101',
      entry_timestamp: T0 + 2 * MINUTE,
      commission: null,
    },
  ]);
  expect(await stateOf(at, 'ord-1')).toBe('FILLED');
});

test('an order against open trades closes each, with the commission of both legs', async () => {
  const at = await desk();
  await place(at, 'ord-1');
  await place(at, 'ord-2', { quantity: '5' });
  const execution = await started(at);
  await execution.onStep(step(candle('A', 1, '100')));
  await place(at, 'ord-3', { side: 'SELL', quantity: '15', timestamp: T0 + MINUTE });
  execution.watch({ symbol: 'A', timestamp: T0 + MINUTE });
  const fills = await execution.onStep(step(candle('A', 2, '110')));
  expect(fills).toEqual({ filled: 1, rejected: 0, opened: 0, closed: 2 });
  const trades = await at.claire.trades({ status: 'CLOSED' });
  // 15 bought at 100 and sold at 110: 150, less 0.1 % of 1500 and of 1650.
  expect(trades.map(({ pnl, commission }) => [pnl, commission])).toEqual([
    ['50', '1.05'],
    ['100', '2.1'],
  ]);
  expect(await at.claire.profit()).toMatchObject({ pnl: '150', commission: '3.15', pnl_net: '146.85' });
});

test('a short trade is opened by SELL and closed by BUY', async () => {
  const at = await desk();
  await place(at, 'ord-1', { side: 'SELL' });
  const execution = await started(at);
  await execution.onStep(step(candle('A', 1, '100')));
  await place(at, 'ord-2', { timestamp: T0 + MINUTE });
  execution.watch({ symbol: 'A', timestamp: T0 + MINUTE });
  await execution.onStep(step(candle('A', 2, '90')));
  expect(await at.claire.trades()).toMatchObject([{ side: 'SELL', status: 'CLOSED', pnl: '100' }]);
  expect(await at.claire.positions()).toEqual([]);
});

test('commission is rounded once, to 8 decimals', () => {
  expect(commissionOf('0.33333333', '3.00000001', '2.00000001', '0.001')).toBe('0.00166667');
  expect(commissionOf('1', '1', '1', '0')).toBe('0');
});

test('an order that does not close exactly what is open is rejected, and nothing is closed', async () => {
  const at = await desk();
  await place(at, 'ord-1');
  const execution = await started(at);
  await execution.onStep(step(candle('A', 1, '100')));
  await place(at, 'ord-2', { side: 'SELL', quantity: '4', timestamp: T0 + MINUTE });
  execution.watch({ symbol: 'A', timestamp: T0 + MINUTE });
  expect(await execution.onStep(step(candle('A', 2, '110')))).toMatchObject({
    filled: 0,
    rejected: 1,
    closed: 0,
  });
  expect(await stateOf(at, 'ord-2')).toBe('REJECTED');
  expect(await at.claire.positions()).toMatchObject([{ symbol: 'A', total_quantity: '10' }]);
});

test('an order that was cancelled between reading and filling stays cancelled, without a trade', async () => {
  const at = await desk();
  await place(at, 'ord-1');
  const execution = await started(at);
  const [read] = await at.claire.orders();
  await at.riskManager.cancelOrder({ order_id: 'ord-1' });
  const fills = { filled: 0, rejected: 0, opened: 0, closed: 0 };
  expect(await execution.fill(read!, candle('A', 1, '100'), fills)).toBe(true);
  expect(await stateOf(at, 'ord-1')).toBe('CANCELLED');
  expect(await at.claire.trades()).toEqual([]);
});

test('a fill and its trade are one: where the trade is refused the order stays PENDING', async () => {
  const at = await desk();
  await place(at, 'ord-1');
  await at.executionService.openTrade({
    trade_id: 'trd-1',
    symbol: 'B',
    side: 'BUY',
    quantity: '1',
    entry_price: '1',
    entry_timestamp: T0,
  });
  const error = await refusal((await started(at)).onStep(step(candle('A', 1, '100'))));
  expect(error.code).toBe('id_conflict');
  expect(await stateOf(at, 'ord-1')).toBe('PENDING');
});

test('a limit order waits for an open that is no worse than its price', async () => {
  const at = await desk();
  await place(at, 'ord-1', { price: '95' });
  const execution = await started(at);
  expect((await execution.onStep(step(candle('A', 1, '96')))).filled).toBe(0);
  expect((await execution.onStep(step(candle('A', 2, '94')))).filled).toBe(1);
});

test('an order without a market time is left alone', async () => {
  const at = await desk();
  await place(at, 'ord-1', { timestamp: null });
  expect((await (await started(at)).onStep(step(candle('A', 1, '96')))).filled).toBe(0);
});

test('an order that was decided to open opens, whatever stands against it by then', async () => {
  const at = await desk();
  await place(at, 'ord-1', { quantity: '4' });
  const trade = { trade_id: 't', symbol: 'A', side: 'SELL', quantity: '4' } as const;
  await at.executionService.openTrade({ ...trade, entry_price: '100', entry_timestamp: T0 });
  const fills = await (await started(at)).onStep(step(candle('A', 1, '100')));
  expect(fills).toEqual({ filled: 1, rejected: 0, opened: 1, closed: 0 });
  expect(await at.claire.positions()).toHaveLength(2);
});

test('an order that was decided to close never opens: where nothing is left of it, it is rejected', async () => {
  const at = await desk();
  const trade = { trade_id: 't', symbol: 'A', side: 'BUY', quantity: '10' } as const;
  await at.executionService.openTrade({ ...trade, entry_price: '100', entry_timestamp: T0 });
  await place(at, 'ord-1', { side: 'SELL' });
  await at.executionService.closeTrade({ trade_id: 't', exit_price: '90', exit_timestamp: T0 });
  const fills = await (await started(at)).onStep(step(candle('A', 1, '100')));
  expect(fills).toEqual({ filled: 0, rejected: 1, opened: 0, closed: 0 });
  expect(await at.claire.orders()).toMatchObject([
    { status: 'REJECTED', rejection_reason: 'The open trades against it are not its 10' },
  ]);
});

test('what was placed before a halt is filled, to open and to close', async () => {
  const at = await desk();
  const trade = { trade_id: 't', symbol: 'B', side: 'BUY', quantity: '10' } as const;
  await at.executionService.openTrade({ ...trade, entry_price: '100', entry_timestamp: T0 });
  const risk = new RiskManager(at.riskManager);
  await risk.decide(
    await at.signals(signal('1', { symbol: 'A' }), signal('2', { symbol: 'B', side: 'SELL' })),
  );
  await at.claire.halt({ reason: 'by hand', at: T0 });
  const fills = await (await started(at)).onStep(step(candle('A', 1, '100'), candle('B', 1, '100')));
  expect(fills).toEqual({ filled: 2, rejected: 0, opened: 1, closed: 1 });
});

test('the fill of a closing order that loses too much halts together with it', async () => {
  const at = await desk();
  await at.limit({ max_drawdown: '-500' });
  const trade = { trade_id: 't', symbol: 'B', side: 'BUY', quantity: '10' } as const;
  await at.executionService.openTrade({ ...trade, entry_price: '100', entry_timestamp: T0 });
  const risk = new RiskManager(at.riskManager);
  await risk.decide(await at.signals(signal('1', { symbol: 'B', side: 'SELL' })));
  const execution = await started(at);
  expect(await execution.onStep(step(candle('B', 1, '40')))).toMatchObject({ closed: 1 });
  expect(await at.claire.riskState({ at: T0 + MINUTE })).toMatchObject({ halted: true });
});
