import { expect, test } from 'vitest';
import { RiskManager } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { candle, DAY, type Desk, MINUTE, signal, step, T0, useDesks } from './ground.js';

const { desk, checksums, sql } = useDesks();

/** A trade of 1000 at 100, as if an earlier order had been filled. */
const open = (at: Desk, trade_id: string, symbol: string, side: 'BUY' | 'SELL' = 'BUY', quantity = '10') =>
  at.executionService.openTrade({
    trade_id,
    symbol,
    side,
    quantity,
    entry_price: '100',
    entry_timestamp: T0 - DAY,
  });

const close = (at: Desk, trade_id: string, exit_price: string, exit_timestamp = T0) =>
  at.executionService.closeTrade({ trade_id, exit_price, exit_timestamp, commission: '0' });

const orderOf = async (at: Desk, signal_id: string) => (await at.claire.orders({ signal_id }))[0]!;
const events = (at: Desk) => at.claire.riskEvents();

test('a signal within the limits becomes a MARKET order of the order size, rounded down', async () => {
  const at = await desk();
  const [decision] = await new RiskManager(at.riskManager).decide(
    await at.signals(signal('s1', { price: '3' })),
  );
  expect(decision).toMatchObject({ signal_id: 's1', order_id: 'ord-s1', decision: 'opening' });
  expect(await orderOf(at, 's1')).toMatchObject({
    status: 'PENDING',
    side: 'BUY',
    quantity: '333.33333333',
    price: null,
    timestamp: T0,
  });
  expect(await events(at)).toEqual([]);
});

test('a decision is made once, also by another risk manager', async () => {
  const at = await desk();
  const signals = await at.signals(signal('s1'), signal('s2', { confidence: '0.1' }));
  await new RiskManager(at.riskManager).decide(signals);
  const before = await checksums(at.book, true);
  const again = await new RiskManager(at.riskManager, { min_confidence: '0.95' }).decide(signals);
  expect(again.map(({ decision }) => decision)).toEqual(['decided', 'decided']);
  expect(await checksums(at.book, true)).toEqual(before);
});

test('a signal below the confidence is rejected, with order and event', async () => {
  const at = await desk();
  await new RiskManager(at.riskManager).decide(await at.signals(signal('s1', { confidence: '0.1999' })));
  expect(await orderOf(at, 's1')).toMatchObject({
    status: 'REJECTED',
    rejection_reason: 'Confidence too low',
  });
  expect(await events(at)).toMatchObject([
    {
      event_id: 'evt-s1',
      event_type: 'signal_rejected',
      signal_id: 's1',
      symbol: 'BTCUSD',
      details: { confidence: 0.1999, min_confidence: 0.2 },
    },
  ]);
});

test('a confidence at the limit passes', async () => {
  const at = await desk();
  await new RiskManager(at.riskManager).decide(await at.signals(signal('s1', { confidence: '0.2' })));
  expect((await orderOf(at, 's1')).status).toBe('PENDING');
});

test('exposure counts the open trades and the PENDING openings of every symbol', async () => {
  const at = await desk();
  for (const symbol of ['A', 'B', 'C']) await open(at, symbol, symbol);
  const risk = new RiskManager(at.riskManager);
  const signals = ['D', 'E', 'F'].map((symbol) => signal(`s${symbol}`, { symbol, side: 'SELL' }));
  const decisions = await risk.decide(await at.signals(...signals));
  expect(decisions.map(({ decision }) => decision)).toEqual(['opening', 'opening', 'rejected']);
  expect(await events(at)).toMatchObject([
    {
      event_type: 'exposure_limit_exceeded',
      signal_id: 'sF',
      reason: 'Exposure limit exceeded',
      details: { current_exposure: 5000, max_exposure: 5000, new_position: 1000 },
    },
  ]);
});

test('exposure in details is exact to the last digit', async () => {
  const at = await desk();
  await at.executionService.openTrade({
    trade_id: 't',
    symbol: 'A',
    side: 'BUY',
    quantity: '0.12345678',
    entry_price: '39999.12345679',
    entry_timestamp: T0,
  });
  await new RiskManager(at.riskManager).decide(await at.signals(signal('s1', { price: '7' })));
  const [row] = await sql<{ exposure: string; position: string }>(
    `select details->>'current_exposure' as exposure, details->>'new_position' as position from risk_events`,
    at.book,
  );
  // 0.12345678 × 39999.12345679 and 142.85714285 × 7, to the last digit.
  expect(row).toEqual({ exposure: '4938.1629847977625362', position: '999.99999995' });
});

test('a symbol has a limit of its own', async () => {
  const at = await desk();
  await open(at, 't1', 'BTCUSD');
  await open(at, 't2', 'BTCUSD');
  const signals = await at.signals(signal('s1'), signal('s2', { symbol: 'ETHUSD' }));
  const decisions = await new RiskManager(at.riskManager).decide(signals);
  expect(decisions.map(({ decision }) => decision)).toEqual(['rejected', 'opening']);
  expect(await events(at)).toMatchObject([
    {
      event_type: 'position_limit_exceeded',
      symbol: 'BTCUSD',
      details: { current_position: 2000, max_position: 2500, new_position: 1000 },
    },
  ]);
});

test('an order may fill a limit to the last unit', async () => {
  const at = await desk();
  await open(at, 't1', 'BTCUSD');
  const risk = new RiskManager(at.riskManager, { max_position: '2000', max_exposure: '2000' });
  const [decision] = await risk.decide(await at.signals(signal('s1')));
  expect(decision!.decision).toBe('opening');
});

test('a signal against open trades closes them all, whatever the limits say', async () => {
  const at = await desk();
  await open(at, 't1', 'BTCUSD', 'BUY', '10');
  await open(at, 't2', 'BTCUSD', 'BUY', '0.5');
  const risk = new RiskManager(at.riskManager, { max_exposure: '1', min_confidence: '1' });
  const [decision] = await risk.decide(await at.signals(signal('s1', { side: 'SELL', confidence: '0' })));
  expect(decision!.decision).toBe('closing');
  expect(await orderOf(at, 's1')).toMatchObject({ status: 'PENDING', side: 'SELL', quantity: '10.5' });
});

test('what is PENDING counts as if it were filled: a second closing order would open', async () => {
  const at = await desk();
  await open(at, 't1', 'BTCUSD');
  const signals = ['s1', 's2', 's3'].map((id) => signal(id, { side: id === 's3' ? 'BUY' : 'SELL' }));
  const decisions = await new RiskManager(at.riskManager).decide(await at.signals(...signals));
  expect(decisions.map(({ decision }) => decision)).toEqual(['closing', 'opening', 'closing']);
});

test("a day's realized loss at the limit halts the day, cancels openings and is recorded once", async () => {
  const at = await desk();
  const risk = new RiskManager(at.riskManager);
  await open(at, 't1', 'A');
  await open(at, 'hedge', 'C');
  const pending = [signal('b', { symbol: 'B' }), signal('c', { symbol: 'C', side: 'SELL' })];
  await risk.decide(await at.signals(...pending));
  await close(at, 't1', '50', T0 + MINUTE);
  expect(await risk.checkDrawdown(T0 + MINUTE)).toEqual(['ord-b']);
  expect(await risk.checkDrawdown(T0 + 2 * MINUTE)).toEqual([]);
  const details = { daily_pnl: -500, max_drawdown: -500, balance: 10000 };
  const recorded = (await events(at)).sort((a, b) => (a.event_type < b.event_type ? -1 : 1));
  expect(recorded).toMatchObject([
    {
      event_id: 'evt-breaker-2024-01-15',
      event_type: 'circuit_breaker_triggered',
      details,
      timestamp: T0 + MINUTE,
    },
    { event_id: 'evt-drawdown-2024-01-15', event_type: 'daily_drawdown_exceeded', details },
  ]);
  expect(await orderOf(at, 'b')).toMatchObject({
    status: 'CANCELLED',
    rejection_reason: 'Daily drawdown exceeded -5%',
  });
  expect(await orderOf(at, 'c')).toMatchObject({ status: 'PENDING' });
});

test('a loss just above the limit, or of another day, or later, halts nothing', async () => {
  const at = await desk();
  const risk = new RiskManager(at.riskManager);
  for (const id of ['t1', 't2', 't3']) await open(at, id, id);
  await close(at, 't1', '50.1', T0 - 1);
  await close(at, 't2', '50.00000001', T0);
  await close(at, 't3', '10', T0 + 2 * MINUTE);
  await risk.checkDrawdown(T0 + MINUTE);
  expect(await events(at)).toEqual([]);
});

test('a halt survives a restart, lasts to the end of the market day and lets positions close', async () => {
  const at = await desk();
  await open(at, 't1', 'A');
  await open(at, 't2', 'B');
  await close(at, 't1', '40');
  await new RiskManager(at.riskManager).checkDrawdown(T0);
  const signals = await at.signals(
    signal('same-day', { timestamp: T0 + MINUTE }),
    signal('closing', { timestamp: T0 + MINUTE, symbol: 'B', side: 'SELL' }),
    signal('next-day', { timestamp: T0 + DAY }),
  );
  const decisions = await new RiskManager(at.riskManager).decide(signals);
  expect(decisions.map(({ decision }) => decision)).toEqual(['rejected', 'closing', 'opening']);
  expect(await at.claire.riskEvents({ event_type: 'signal_rejected' })).toMatchObject([
    { signal_id: 'same-day', details: { halted_by: 'evt-breaker-2024-01-15' } },
  ]);
});

test('a loss that nobody looked at is found by the next decision', async () => {
  const at = await desk();
  await open(at, 't1', 'A');
  await close(at, 't1', '40');
  const [decision] = await new RiskManager(at.riskManager).decide(await at.signals(signal('s1')));
  expect(decision!.decision).toBe('rejected');
  expect(await at.claire.riskEvents({ event_type: 'circuit_breaker_triggered' })).toHaveLength(1);
});

test('after a restart the moment of the last close is looked at again', async () => {
  const at = await desk();
  await open(at, 't1', 'A');
  await close(at, 't1', '40', T0 + MINUTE);
  const risk = new RiskManager(at.riskManager);
  await risk.onStep(step(candle('A', 0, '100')), 0);
  expect(await events(at)).toEqual([]);
  await risk.onStep(step(candle('A', 1, '40')), 0);
  expect(await events(at)).toHaveLength(2);
});

test('an order size that buys less than the smallest quantity is rejected', async () => {
  const at = await desk();
  await new RiskManager(at.riskManager).decide(await at.signals(signal('s1', { price: '900000000000' })));
  expect(await orderOf(at, 's1')).toMatchObject({ status: 'REJECTED', quantity: '0.00000001' });
});

test('a rejection is recorded with its event or not at all', async () => {
  const at = await desk();
  const signals = await at.signals(signal('s1', { confidence: '0' }));
  await at.claire.recordRiskEvent({
    event_id: 'evt-s1',
    event_type: 'signal_rejected',
    reason: 'other',
    timestamp: T0,
  });
  const error = await refusal(new RiskManager(at.riskManager).decide(signals));
  expect(error.code).toBe('id_conflict');
  expect(await at.claire.orders()).toEqual([]);
});

test('a decision about a signal that is not recorded is refused by the record', async () => {
  const at = await desk();
  const error = await refusal(new RiskManager(at.riskManager).decide([signal('nobody')]));
  expect(error.code).toBe('signal_unknown');
});
