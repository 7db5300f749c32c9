import { describe, expect, test } from 'vitest';
import { LosslessNumber } from '../../src/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const T = 1705072800000;
const order = (order_id: string, other: object = {}) => ({
  order_id,
  symbol: 'BTCUSDT',
  side: 'BUY' as const,
  quantity: '0.5',
  ...other,
});
const trade = (trade_id: string, other: object = {}) => ({
  trade_id,
  symbol: 'BTCUSDT',
  side: 'BUY' as const,
  quantity: '2',
  entry_price: '100',
  entry_timestamp: T,
  ...other,
});

describe('orders', () => {
  test('an order that was placed and has moved on is the same order', async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('o1'));
    await claire.fillOrder({ order_id: 'o1' });
    expect(await claire.placeOrder(order('o1'))).toMatchObject({ outcome: 'already_recorded' });
    expect((await refusal(claire.placeOrder(order('o1', { quantity: 1 })))).details).toEqual({
      id: 'o1',
      fields: ['quantity'],
    });
    expect(await claire.orders({ status: 'FILLED' })).toMatchObject([
      { order_id: 'o1', status: 'FILLED', price: null },
    ]);
  });

  test('an order may be recorded as rejected, with its reason', async () => {
    const claire = await book.connect();
    const rejected = order('o2', { status: 'REJECTED', rejection_reason: 'Exposure limit exceeded' });
    await claire.placeOrder(rejected);
    expect(await claire.placeOrder(rejected)).toMatchObject({ outcome: 'already_recorded' });
    expect((await refusal(claire.placeOrder(order('o3', { status: 'REJECTED' })))).code).toBe(
      'reason_missing',
    );
    expect(await claire.orders({ order_id: 'o2' })).toMatchObject([
      { rejection_reason: 'Exposure limit exceeded' },
    ]);
  });

  test('moves are recorded once; another move, or an order that is not there, is refused by name', async () => {
    const claire = await book.connect();
    await claire.placeOrders([order('o4'), order('o5')]);
    expect(await claire.cancelOrder({ order_id: 'o4', reason: 'by hand' })).toMatchObject({
      outcome: 'recorded',
    });
    expect(await claire.cancelOrder({ order_id: 'o4', reason: 'by hand' })).toMatchObject({
      outcome: 'already_recorded',
    });
    expect(
      await claire.fillOrders([
        { order_id: 'o4' },
        { order_id: 'o5' },
        { order_id: 'o5' },
        { order_id: 'none' },
      ]),
    ).toMatchObject([
      { outcome: 'refused', code: 'order_final', law: 'orders_final_state' },
      { outcome: 'recorded' },
      { outcome: 'already_recorded' },
      { outcome: 'refused', code: 'not_found' },
    ]);
    expect((await refusal(claire.rejectOrder({ order_id: 'o5', reason: 'late' }))).code).toBe('order_final');
  });

  test('an order names a signal that is recorded and is for its symbol', async () => {
    const claire = await book.connect();
    expect((await refusal(claire.placeOrder(order('o6', { signal_id: 'none' })))).code).toBe(
      'signal_unknown',
    );
  });
});

describe('trades', () => {
  test('a trade is opened and closed once; its profit is exact and its commission known or null', async () => {
    const claire = await book.connect();
    expect(await claire.openTrade(trade('t1'))).toMatchObject({ outcome: 'recorded' });
    expect(await claire.openTrade(trade('t1', { entry_price: '100.0' }))).toMatchObject({
      outcome: 'already_recorded',
    });
    expect((await refusal(claire.openTrade(trade('t1', { quantity: 3 })))).code).toBe('id_conflict');
    expect(await claire.trades({ trade_id: 't1' })).toMatchObject([
      { status: 'OPEN', commission: null, pnl: null },
    ]);
    const close = { trade_id: 't1', exit_price: '110.25', exit_timestamp: T + 1, commission: '0.4' };
    expect(await claire.closeTrade(close)).toMatchObject({ outcome: 'recorded' });
    expect(await claire.closeTrade(close)).toMatchObject({ outcome: 'already_recorded' });
    expect((await refusal(claire.closeTrade({ ...close, exit_price: '111' }))).details).toEqual({
      id: 't1',
      fields: ['exit_price'],
    });
    expect((await refusal(book.sql(`update trades set exit_price = 111 where trade_id = 't1'`))).code).toBe(
      'trade_final',
    );
    expect(await claire.openTrade(trade('t1'))).toMatchObject({ outcome: 'already_recorded' });
    expect(await claire.trades({ status: 'CLOSED', symbol: 'BTCUSDT' })).toMatchObject([
      { pnl: '20.5', pnl_net: '20.1' },
    ]);
  });

  test("the seed's trades have no id of their own and are closed by their order", async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('seed'));
    await book.sql(`insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
      values ('seed', 'BTCUSDT', 'BUY', 1, 10, ${T}, 'OPEN')`);
    await claire.closeTrade({ order_id: 'seed', exit_price: 12, exit_timestamp: T + 5 });
    expect(await claire.trades({ order_id: 'seed' })).toMatchObject([{ trade_id: null, pnl: '2' }]);
    expect((await refusal(claire.closeTrade({ exit_price: 1, exit_timestamp: T }))).message).toMatch(
      /by trade_id or by order_id/,
    );
  });

  test('a trade without an id gets one', async () => {
    const claire = await book.connect();
    const { trade_id: _, ...facts } = trade('');
    const { id } = await claire.openTrade(facts);
    expect(await claire.trades({ trade_id: id })).toHaveLength(1);
  });

  test('batches of closes have an outcome each, in order, whichever id names the trade', async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('mixed'));
    await claire.openTrades([trade('c1'), trade('c2', { order_id: 'mixed' })]);
    const at = { exit_price: 1, exit_timestamp: T };
    expect(
      await claire.closeTrades([
        { order_id: 'mixed', ...at },
        { trade_id: 'none', ...at },
        { trade_id: 'c1', ...at, exit_price: -1 },
        { trade_id: 'c1', ...at },
      ]),
    ).toMatchObject([
      { id: 'mixed', outcome: 'recorded' },
      { id: 'none', outcome: 'refused', code: 'not_found' },
      { id: 'c1', outcome: 'refused', law: 'trades_exit_price_check' },
      { id: 'c1', outcome: 'recorded' },
    ]);
  });
});

describe('risk events', () => {
  test('details keep every digit and are found by containment', async () => {
    const claire = await book.connect();
    const details = { current_exposure: new LosslessNumber('4850.123456789012345678'), max_exposure: 5000 };
    await claire.recordRiskEvent({
      event_type: 'exposure_limit_exceeded',
      reason: 'full',
      details,
      timestamp: T,
      symbol: 'BTCUSDT',
    });
    expect(await book.sql(`select details ->> 'current_exposure' as exact from risk_events`)).toEqual([
      { exact: '4850.123456789012345678' },
    ]);
    expect(
      await claire.riskEvents({ contains: { max_exposure: 5000 }, event_type: 'exposure_limit_exceeded' }),
    ).toMatchObject([{ details: { current_exposure: '4850.123456789012345678', max_exposure: 5000 } }]);
    expect(await claire.riskEvents({ contains: { max_exposure: 5001 } })).toEqual([]);
  });

  test('the same event again is already recorded, by its id', async () => {
    const claire = await book.connect();
    const event = { event_id: 'e1', event_type: 'signal_rejected' as const, reason: 'r', timestamp: T };
    await claire.recordRiskEvent(event);
    expect(
      await claire.recordRiskEvents([
        event,
        { ...event, reason: 'other' },
        { ...event, event_id: 'e2', event_type: 'unknown' as never },
      ]),
    ).toMatchObject([
      { outcome: 'already_recorded' },
      { outcome: 'conflict', fields: ['reason'] },
      { outcome: 'refused', code: 'input_invalid' },
    ]);
  });
});

describe('reads', () => {
  test('filters, order and limit', async () => {
    const claire = await book.connect();
    await claire.recordSignals(
      [1, 2, 3, 4].map((n) => ({
        signal_id: `r${n}`,
        symbol: n % 2 ? 'AAA' : 'BBB',
        side: 'BUY' as const,
        price: n,
        confidence: 1,
        timestamp: T + n,
      })),
    );
    const ids = async (filter: object) => (await claire.signals(filter)).map(({ signal_id }) => signal_id);
    expect(await ids({})).toEqual(['r4', 'r3', 'r2', 'r1']);
    expect(await ids({ symbol: 'AAA', limit: 1 })).toEqual(['r3']);
    expect(await ids({ since: T + 2, until: T + 4 })).toEqual(['r3', 'r2']);
    expect((await refusal(claire.signals({ limit: 0 }))).message).toMatch(/limit/);
    expect((await refusal(claire.signals({ simbol: 'AAA' } as never))).message).toMatch(/simbol/);
  });

  test('an unknown commission is counted, not taken for 0', async () => {
    const claire = await book.connect();
    await claire.openTrade(trade('u1', { symbol: 'U' }));
    await claire.closeTrade({ trade_id: 'u1', exit_price: 101, exit_timestamp: T });
    expect(await claire.profit({ symbol: 'U' })).toEqual({
      closed_trades: 1,
      pnl: '2',
      pnl_net: '0',
      commission: '0',
      commission_unknown: 1,
    });
    expect(await claire.profit({ symbol: 'U', since: T + 1 })).toMatchObject({ closed_trades: 0 });
  });
});

describe('outcomes say what this call did', () => {
  const at = { exit_price: 110, exit_timestamp: T + 1 };

  test('a close beside a refused one, named by trade and by order, is recorded', async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('beside'));
    await claire.openTrades([trade('m1'), trade('m2', { order_id: 'beside' })]);
    expect(
      await claire.closeTrades([
        { trade_id: 'm1', ...at },
        { order_id: 'beside', ...at, exit_price: -2 },
      ]),
    ).toMatchObject([{ outcome: 'recorded' }, { outcome: 'refused', law: 'trades_exit_price_check' }]);
  });

  test('closing by order closes what is open of it', async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('pair', { quantity: 4 }));
    await claire.openTrades([trade('p1', { order_id: 'pair' }), trade('p2', { order_id: 'pair' })]);
    await claire.closeTrade({ trade_id: 'p1', ...at });
    expect(await claire.closeTrade({ order_id: 'pair', ...at })).toMatchObject({ outcome: 'recorded' });
    expect(await claire.closeTrade({ order_id: 'pair', ...at })).toMatchObject({
      outcome: 'already_recorded',
    });
    expect(await claire.trades({ order_id: 'pair', status: 'OPEN' })).toEqual([]);
  });

  test('the same id with other content is a conflict, for moves and for open trades too', async () => {
    const claire = await book.connect();
    await claire.placeOrder(order('why'));
    await claire.rejectOrder({ order_id: 'why', reason: 'one' });
    expect((await refusal(claire.rejectOrder({ order_id: 'why', reason: 'two' }))).details).toEqual({
      id: 'why',
      fields: ['rejection_reason'],
    });
    await claire.openTrade(trade('fee', { commission: 1 }));
    expect((await refusal(claire.openTrade(trade('fee', { commission: 2 })))).details).toEqual({
      id: 'fee',
      fields: ['commission'],
    });
  });

  test('a refused item is named by its own id', async () => {
    const claire = await book.connect();
    expect(await claire.placeOrders([order('mine', { signal_id: 'other', quantity: 'x' })])).toMatchObject([
      { id: 'mine', outcome: 'refused' },
    ]);
    expect(await claire.openTrades([trade('own', { order_id: 'other', quantity: 'x' })])).toMatchObject([
      { id: 'own', outcome: 'refused' },
    ]);
  });

  test('moves of the same orders in opposite order neither deadlock nor fail', async () => {
    const claire = await book.connect();
    const ids = Array.from({ length: 400 }, (_, n) => ({ order_id: `ring${n}` }));
    await claire.placeOrders(ids.map(({ order_id }) => order(order_id)));
    const before = await book.deadlocks();
    const [one, two] = await Promise.all([claire.fillOrders(ids), claire.fillOrders([...ids].reverse())]);
    const recorded = [...one, ...two].filter(({ outcome }) => outcome === 'recorded');
    expect(recorded).toHaveLength(400);
    expect(await book.deadlocks()).toBe(before);
  });

  test('an item whose JSON says something else than it holds is refused, the others not', async () => {
    const claire = await book.connect();
    const event = { event_type: 'signal_rejected' as const, reason: 'r', timestamp: T };
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(
      (
        await claire.recordRiskEvents([
          { ...event, event_id: 'j1', details: { a: Number.NaN } },
          { ...event, event_id: 'j2', details: cyclic },
          { ...event, event_id: '\ud800' },
          { ...event, event_id: 'j\0' },
          { ...event, event_id: `j'"\\{},` },
        ])
      ).map(({ outcome }) => outcome),
    ).toEqual(['refused', 'refused', 'refused', 'refused', 'recorded']);
    expect(await claire.riskEvents({ event_id: `j'"\\{},` })).toHaveLength(1);
  });

  test('any confidence that a program computes is taken as it is', async () => {
    const claire = await book.connect();
    const signals = Array.from({ length: 300 }, (_, n) => ({
      signal_id: `conf${n}`,
      symbol: 'CONF',
      side: 'BUY' as const,
      price: 1,
      confidence: Math.abs(Math.sin(n + 1)) / (n % 7 === 0 ? 1e6 : 1),
      timestamp: T + n,
    }));
    expect(new Set((await claire.recordSignals(signals)).map(({ outcome }) => outcome))).toEqual(
      new Set(['recorded']),
    );
    const read = await claire.signals({ symbol: 'CONF', limit: 300 });
    expect(read.reverse().map(({ confidence }) => Number(confidence))).toEqual(
      signals.map(({ confidence }) => confidence),
    );
  });

  test('positions and exposure are never cut', async () => {
    const claire = await book.connect();
    await claire.openTrades(Array.from({ length: 130 }, (_, n) => trade(`wide${n}`, { symbol: `W${n}` })));
    expect((await claire.positions()).length).toBeGreaterThanOrEqual(130);
    expect((await claire.exposure()).length).toBeGreaterThanOrEqual(130);
    expect(await claire.positions({ limit: 5 })).toHaveLength(5);
  });
});
