import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { RiskManager } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { DAY, type Desk, LIMITS, signal, T0, useDesks } from './ground.js';

const { desk, checksums, sql } = useDesks();

/** A desk with the seed's limits, or others beside them. */
async function limited(changes: Record<string, string | null> = {}): Promise<Desk> {
  const at = await desk();
  await at.limit({ ...LIMITS, ...changes });
  return at;
}

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

const orderOf = async (at: Desk, signal_id: string) => (await at.claire.orders({ signal_id }))[0]!;
const events = async (at: Desk) =>
  (await at.claire.riskEvents()).sort((a, b) => (a.event_type < b.event_type ? -1 : 1));

/** What is decided of signals that are recorded first. */
async function decided(at: Desk, ...signals: ReturnType<typeof signal>[]): Promise<string[]> {
  const decisions = await new RiskManager(at.riskManager).decide(await at.signals(...signals));
  return decisions.map(({ decision }) => decision);
}

test('a signal within the limits becomes a MARKET order of the order size, rounded down', async () => {
  const at = await limited();
  const [decision] = await new RiskManager(at.riskManager).decide(
    await at.signals(signal('s1', { price: '3' })),
  );
  expect(decision).toEqual({
    signal_id: 's1',
    order_id: 'ord-s1',
    symbol: 'BTCUSD',
    timestamp: T0,
    decision: 'opening',
  });
  expect(await orderOf(at, 's1')).toMatchObject({
    status: 'PENDING',
    side: 'BUY',
    quantity: '333.33333333',
    price: null,
    timestamp: T0,
  });
  expect(await events(at)).toEqual([]);
});

test('a decision is made once, also by another risk manager, of another size, under other limits', async () => {
  const at = await limited();
  const signals = await at.signals(signal('s1'), signal('s2', { confidence: '0.1' }));
  await new RiskManager(at.riskManager).decide(signals);
  const before = await checksums(at.book, true);
  await at.limit({ min_confidence: '0.95' });
  for (const orderSize of ['1000', '2000']) {
    const again = await new RiskManager(at.riskManager, { orderSize }).decide(signals);
    expect(again.map(({ decision }) => decision)).toEqual(['decided', 'decided']);
  }
  expect(await checksums(at.book, true)).toEqual(before);
});

test('a signal with an order that was placed without a decision is decided', async () => {
  const at = await limited();
  const signals = await at.signals(signal('s1'));
  const placed = { symbol: 'BTCUSD', side: 'BUY', quantity: '1', order_id: 'ord-s1' } as const;
  await at.riskManager.placeOrder({ ...placed, signal_id: 's1' });
  const [decision] = await new RiskManager(at.riskManager).decide(signals);
  expect(decision).toMatchObject({ order_id: 'ord-s1', decision: 'decided' });
});

test('an order of nobody under the id of a decision ends the risk manager', async () => {
  const at = await limited();
  const signals = await at.signals(signal('s1'));
  await at.riskManager.placeOrder({ symbol: 'X', side: 'BUY', quantity: '1', order_id: 'ord-s1' });
  const error = await refusal(new RiskManager(at.riskManager).decide(signals));
  expect(error.code).toBe('id_conflict');
});

test('a signal below the confidence is rejected, with order and event', async () => {
  const at = await limited();
  expect(await decided(at, signal('s1', { confidence: '0.1999' }))).toEqual(['rejected']);
  expect(await orderOf(at, 's1')).toMatchObject({
    status: 'REJECTED',
    rejection_reason: 'Confidence too low',
  });
  expect(await events(at)).toMatchObject([
    {
      event_type: 'signal_rejected',
      signal_id: 's1',
      symbol: 'BTCUSD',
      details: { confidence: 0.1999, min_confidence: 0.2 },
    },
  ]);
});

test('a confidence at the limit passes', async () => {
  const at = await limited();
  expect(await decided(at, signal('s1', { confidence: '0.2' }))).toEqual(['opening']);
});

test('where nothing is limited everything passes', async () => {
  const at = await desk();
  const signals = ['1', '2', '3', '4', '5', '6', '7'].map((id) => signal(id, { confidence: '0' }));
  expect(new Set(await decided(at, ...signals))).toEqual(new Set(['opening']));
});

test('exposure counts the open trades and the PENDING openings of every symbol', async () => {
  const at = await limited();
  for (const symbol of ['A', 'B', 'C']) await open(at, symbol, symbol);
  const signals = ['D', 'E', 'F'].map((symbol) => signal(`s${symbol}`, { symbol, side: 'SELL' }));
  expect(await decided(at, ...signals)).toEqual(['opening', 'opening', 'rejected']);
  const details = { current_exposure: 5000, max_exposure: 5000, new_position: 1000 };
  const told = { signal_id: 'sF', reason: 'Exposure limit exceeded', details };
  // One event is of the signal, one of the limit.
  expect(await events(at)).toMatchObject([
    { event_type: 'exposure_limit_exceeded', ...told },
    { event_type: 'signal_rejected', ...told },
  ]);
});

test('a fill changes nothing of what is exposed, and the next decision counts it once', async () => {
  const at = await limited({ max_position: null });
  const filled = ['1', '2', '3', '4'].map((id) => signal(id));
  expect(await decided(at, ...filled)).toEqual(['opening', 'opening', 'opening', 'opening']);
  for (const { signal_id } of filled) {
    const order_id = `ord-${signal_id}`;
    await at.executionService.fillOrder({ order_id });
    const trade = { trade_id: signal_id, order_id, symbol: 'BTCUSD', side: 'BUY', quantity: '10' } as const;
    await at.executionService.openTrade({ ...trade, entry_price: '100', entry_timestamp: T0 });
  }
  expect(await decided(at, signal('5'), signal('6'))).toEqual(['opening', 'rejected']);
  expect((await at.claire.riskState()).exposure).toBe('4000');
});

test('exposure in details is exact to the last digit', async () => {
  const at = await limited();
  await at.executionService.openTrade({
    trade_id: 't',
    symbol: 'A',
    side: 'BUY',
    quantity: '0.12345678',
    entry_price: '39999.12345679',
    entry_timestamp: T0,
  });
  await decided(at, signal('s1', { price: '7' }));
  const [row] = await sql<{ exposure: string; position: string }>(
    `select details->>'current_exposure' as exposure, details->>'new_position' as position
     from risk_events where event_type = 'exposure_limit_exceeded'`,
    at.book,
  );
  // 0.12345678 × 39999.12345679 and 142.85714285 × 7, to the last digit.
  expect(row).toEqual({ exposure: '4938.1629847977625362', position: '999.99999995' });
});

test('the position of a symbol has a limit, and one symbol a limit of its own', async () => {
  const at = await limited();
  for (const id of ['t1', 't2']) await open(at, id, 'BTCUSD');
  await open(at, 't3', 'OWN');
  const changes = { max_position: '1500' };
  await at.claire.setLimits({ symbol: 'OWN', changes, reason: 'a thin market' });
  const others = [signal('s2', { symbol: 'ETHUSD' }), signal('s3', { symbol: 'OWN' })];
  expect(await decided(at, signal('s1'), ...others)).toEqual(['rejected', 'opening', 'rejected']);
  const told = await at.claire.riskEvents({ event_type: 'position_limit_exceeded' });
  expect(told.map(({ symbol, details }) => [symbol, details]).sort()).toEqual([
    ['BTCUSD', { current_position: 2000, max_position: 2500, new_position: 1000 }],
    ['OWN', { current_position: 1000, max_position: 1500, new_position: 1000 }],
  ]);
});

test('an order may fill a limit to the last unit', async () => {
  const at = await limited({ max_position: '2000', max_exposure: '2000' });
  await open(at, 't1', 'BTCUSD');
  expect(await decided(at, signal('s1'))).toEqual(['opening']);
});

test('a signal against open trades closes them all, whatever the limits say', async () => {
  const at = await limited({ max_exposure: '1', min_confidence: '1' });
  await open(at, 't1', 'BTCUSD', 'BUY', '10');
  await open(at, 't2', 'BTCUSD', 'BUY', '0.5');
  expect(await decided(at, signal('s1', { side: 'SELL', confidence: '0' }))).toEqual(['closing']);
  expect(await orderOf(at, 's1')).toMatchObject({ status: 'PENDING', side: 'SELL', quantity: '10.5' });
});

test('only what is open can be closed, and once: a second closing order would open', async () => {
  const at = await limited({ max_position: null });
  await open(at, 't1', 'BTCUSD');
  const signals = ['s1', 's2', 's3'].map((id) => signal(id, { side: id === 's3' ? 'BUY' : 'SELL' }));
  // s2 waits to open: nothing is open yet that s3 could close.
  expect(await decided(at, ...signals)).toEqual(['closing', 'opening', 'opening']);
  await at.claire.cancelOrder({ order_id: 'ord-s1' });
  expect(await decided(at, signal('s4', { side: 'SELL' }))).toEqual(['closing']);
});

test('an order size that buys less than the smallest quantity is rejected', async () => {
  const at = await limited();
  await decided(at, signal('s1', { price: '900000000000' }));
  expect(await orderOf(at, 's1')).toMatchObject({
    status: 'REJECTED',
    quantity: '0.00000001',
    rejection_reason: 'Order too small',
  });
});

test('a rejection is recorded with its event or not at all', async () => {
  const at = await limited();
  const signals = await at.signals(signal('s1', { confidence: '0' }));
  await at.claire.recordRiskEvent({
    event_id: `evt-${createHash('md5').update('signal_rejectedord-s1').digest('hex')}`,
    event_type: 'signal_rejected',
    reason: 'other',
    timestamp: T0,
  });
  const error = await refusal(new RiskManager(at.riskManager).decide(signals));
  expect(error).toMatchObject({ code: 'id_taken', law: 'risk_events_event_id_key' });
  expect(await at.claire.orders()).toEqual([]);
  expect(await at.claire.decisions()).toEqual([]);
});

test('a decision about a signal that is not recorded is refused by the record', async () => {
  const at = await limited();
  const error = await refusal(new RiskManager(at.riskManager).decide([signal('nobody')]));
  expect(error.code).toBe('signal_unknown');
});
