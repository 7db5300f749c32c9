import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { T, useDesks } from './ground.js';

const { desk } = useDesks();
const ids = (events: { event_type: string }[]) => events.map(({ event_type }) => event_type).sort();

describe('a signal within the limits', () => {
  test('becomes a PENDING order with the numbers of that moment', async () => {
    const { decide, claire, broken } = await desk({ max_exposure: 5000 });
    await decide('a', 10);
    expect(await decide('b', 20, { order_id: 'mine' })).toMatchObject({
      ...{ id: 'mine', outcome: 'recorded', order_id: 'mine', signal_id: 'b', decision: 'opening' },
      ...{ quantity: '20', price: '100', notional: '2000', exposure: '1000', position: '1000' },
      ...{ open_trades: 1, broken: [], reason: null, limits_version: 2, timestamp: T },
    });
    expect(await claire.orders({ status: 'PENDING' })).toMatchObject([
      { order_id: 'mine', signal_id: 'b', quantity: '20', price: null, timestamp: T },
      { order_id: 'ord-a' },
    ]);
    expect(await claire.riskEvents()).toEqual([]);
    expect(await broken()).toEqual([]);
  });

  test('may be wanted by value: the quantity never buys more than that', async () => {
    const { signal, claire } = await desk();
    await signal('v', { price: '3' });
    expect(await claire.decide({ signal_id: 'v', notional: '100', at: T })).toMatchObject({
      quantity: '33.33333333',
    });
  });

  test('without limits everything is decided and nothing refused', async () => {
    const { decide } = await desk();
    expect(await decide('free', '900000000')).toMatchObject({ decision: 'opening', limits_version: 1 });
  });

  test('asks for one of quantity and value, and for a signal that is recorded', async () => {
    const { claire } = await desk();
    expect((await refusal(claire.decide({ signal_id: 'x', at: T }))).code).toBe('input_invalid');
    const unknown = await refusal(claire.decide({ signal_id: 'nobody', quantity: 1, at: T }));
    expect(unknown).toMatchObject({ code: 'signal_unknown', law: 'orders_signal_id_fkey' });
    expect(await claire.orders()).toEqual([]);
  });
});

describe('the examples of the seed come out of real situations', () => {
  test('a rejected signal', async () => {
    const { decide, claire, broken } = await desk({ max_exposure: 5000 });
    await decide('before', '48.5');
    const decision = await decide('sig_123', '8.5');
    const seed = {
      reason: 'Exposure limit exceeded',
      details: { current_exposure: 4850, max_exposure: 5000, new_position: 850 },
    };
    expect(decision).toMatchObject({ decision: 'rejected', broken: ['max_exposure'], ...seed });
    const events = await claire.riskEvents({ signal_id: 'sig_123' });
    expect(ids(events)).toEqual(['exposure_limit_exceeded', 'signal_rejected']);
    for (const event of events) expect(event).toMatchObject({ symbol: 'BTCUSDT', timestamp: T, ...seed });
    expect(await claire.riskEvents({ contains: { current_exposure: 4850 } })).toHaveLength(2);
    expect(await claire.orders({ signal_id: 'sig_123' })).toMatchObject([
      { status: 'REJECTED', rejection_reason: 'Exposure limit exceeded' },
    ]);
    expect(await broken()).toEqual([]);
  });

  test('a tripped circuit breaker', async () => {
    const { open, close, claire, broken } = await desk({ max_drawdown_pct: -5 });
    await open('t', 10);
    await close('t', '-520.50');
    expect(await claire.riskEvents({ event_type: 'circuit_breaker_triggered' })).toMatchObject([
      {
        signal_id: null,
        reason: 'Daily drawdown exceeded -5%',
        details: { daily_pnl: -520.5, max_drawdown: -500, balance: 10000 },
        timestamp: T,
      },
    ]);
    expect(await broken()).toEqual([]);
  });
});

describe('each limit', () => {
  test.each([
    ['max_exposure', 1000, {}, 'Exposure limit exceeded'],
    ['max_position', 1000, {}, 'Position limit exceeded'],
    ['max_order_size', 1000, {}, 'Order size limit exceeded'],
    ['min_confidence', '0.5', { confidence: '0.49' }, 'Confidence too low'],
    ['max_signal_age_ms', 1000, { timestamp: T - 1001 }, 'Signal too old'],
  ])('%s refuses what is over it and takes what is at it', async (name, value, over, reason) => {
    const { decide, broken } = await desk({ [name]: value });
    const isOfSignal = Object.keys(over).length > 0;
    const at = isOfSignal
      ? await decide('at', 1, { confidence: '0.5', timestamp: T - 1000 })
      : await decide('at', 10);
    expect(at.decision).toBe('opening');
    const fresh = isOfSignal ? undefined : await desk({ [name]: value });
    const beyond = await (fresh?.decide ?? decide)('over', isOfSignal ? 1 : '10.00000001', over);
    expect(beyond).toMatchObject({ decision: 'rejected', broken: [name], reason });
    expect(await broken()).toEqual([]);
  });

  test('a number of open trades counts those that stand and those that wait', async () => {
    const { decide, open } = await desk({ max_open_trades: 2 });
    await open('t', 1);
    expect((await decide('second', 1)).decision).toBe('opening');
    expect(await decide('third', 1)).toMatchObject({
      reason: 'Open trades limit exceeded',
      details: { open_trades: 2, max_open_trades: 2 },
    });
  });

  test('orders a minute are counted by the market, and a rejected one takes no place', async () => {
    const { decide } = await desk({ max_orders_per_minute: 2, max_order_size: 1000 });
    expect((await decide('large', 11)).broken).toEqual(['max_order_size']);
    for (const id of ['one', 'two']) expect((await decide(id, 1)).decision).toBe('opening');
    expect((await decide('three', 1, { at: T + 59_999 })).broken).toEqual(['max_orders_per_minute']);
    expect((await decide('four', 1, { at: T + 60_000 })).decision).toBe('opening');
  });

  test('a symbol may have limits of its own, tighter or wider', async () => {
    const { decide, claire } = await desk({ max_position: 1000 });
    await claire.setLimits({ changes: { max_position: 500 }, symbol: 'ETH', new_symbol: true, reason: 'r' });
    expect((await decide('e1', 5, { symbol: 'ETH' })).decision).toBe('opening');
    expect(await decide('e2', '0.01', { symbol: 'ETH' })).toMatchObject({
      details: { current_position: 500, max_position: 500, new_position: 1 },
    });
    expect((await decide('b1', 10)).decision).toBe('opening');
    expect((await decide('b2', '0.01')).details).toMatchObject({ max_position: 1000 });
  });

  test('a signal from the future is refused, one of five seconds ahead is not', async () => {
    const { decide } = await desk();
    expect((await decide('soon', 1, { timestamp: T + 5000 })).decision).toBe('opening');
    expect(await decide('future', 1, { timestamp: T + 5001 })).toMatchObject({
      decision: 'rejected',
      reason: 'Signal from the future',
    });
  });

  test('when several are broken all are listed, and the first in the order names the reason', async () => {
    const { decide, claire } = await desk({
      ...{ max_exposure: 500, max_position: 400, max_order_size: 300, max_open_trades: 1 },
      ...{ min_confidence: '0.5', max_signal_age_ms: 1000, max_orders_per_minute: 1 },
    });
    await decide('first', 1);
    await claire.halt({ reason: 'looking', at: T });
    const worst = await decide('worst', 6, { confidence: '0.1', timestamp: T - 2000 });
    expect(worst.broken).toEqual([
      ...['halted', 'max_signal_age_ms', 'min_confidence', 'max_order_size', 'max_exposure'],
      ...['max_position', 'max_open_trades', 'max_orders_per_minute'],
    ]);
    expect(worst.reason).toBe('Trading is halted: looking');
    expect(worst.details).toMatchObject({ broken: worst.broken, max_exposure: 500, confidence: 0.1 });
  });

  test('an order that buys nothing is refused', async () => {
    const { signal, claire } = await desk();
    await signal('dust', { price: '900000000000' });
    expect(await claire.decide({ signal_id: 'dust', notional: '1', at: T })).toMatchObject({
      decision: 'rejected',
      reason: 'Order too small',
    });
  });
});

describe('what only reduces risk', () => {
  test('is always allowed: halted, over every limit, by a bad signal', async () => {
    const { decide, open, claire, broken } = await desk({ max_exposure: 1, min_confidence: 1 });
    await open('long', 10);
    await claire.halt({ reason: 'h', at: T });
    const closing = await decide('out', 10, { side: 'SELL', confidence: '0' });
    expect(closing).toMatchObject({ decision: 'closing', reduces: true, broken: [] });
    expect(await broken()).toEqual([]);
  });

  test('what is larger than the position, or comes when it is closed already, opens', async () => {
    const { decide, open } = await desk({ max_exposure: 1 });
    await open('long', 10);
    expect((await decide('flip', '10.00000001', { side: 'SELL' })).decision).toBe('rejected');
    expect((await decide('out', 6, { side: 'SELL' })).decision).toBe('closing');
    expect((await decide('more', 5, { side: 'SELL' })).decision).toBe('rejected');
    expect((await decide('rest', 4, { side: 'SELL' })).decision).toBe('closing');
    expect((await decide('same side', 1)).decision).toBe('rejected');
  });

  test('close_opposed closes all of the position, whatever was wanted', async () => {
    const { signal, open, claire } = await desk();
    await open('short', '2.5', { side: 'SELL' });
    await signal('up');
    const wanted = { signal_id: 'up', notional: 1000, at: T, close_opposed: true };
    expect(await claire.decide(wanted)).toMatchObject({ decision: 'closing', quantity: '2.5' });
    await signal('up again');
    expect(await claire.decide({ ...wanted, signal_id: 'up again' })).toMatchObject({
      decision: 'opening',
      quantity: '10',
    });
  });
});

describe('the same request', () => {
  test('gets the stored answer, once, whatever has changed since', async () => {
    const { decide, claire } = await desk({ max_exposure: 1000 });
    const first = await decide('once', 10);
    await claire.setLimits({ changes: { max_exposure: 1 }, reason: 'tighter' });
    const again = await claire.decide({ signal_id: 'once', quantity: '10.0', at: T + 5 });
    expect(again).toEqual({ ...first, outcome: 'already_recorded' });
    expect(await claire.orders()).toHaveLength(1);
  });

  test('with other content is a conflict, and so is an order that was placed without asking', async () => {
    const { decide, claire } = await desk();
    await decide('one', 10);
    await claire.placeOrder({ order_id: 'plain', symbol: 'BTCUSDT', side: 'BUY', quantity: 1 });
    const other = await refusal(claire.decide({ signal_id: 'one', quantity: 11, at: T }));
    expect(other).toMatchObject({ code: 'id_conflict', details: { fields: ['quantity'] } });
    const taken = await refusal(claire.decide({ signal_id: 'one', order_id: 'plain', quantity: 1, at: T }));
    expect(taken).toMatchObject({ code: 'id_conflict', details: { fields: ['order_id'] } });
  });

  test('by plain SQL is one call, with the same id and the same answer', async () => {
    const { signal, claire, sql } = await desk();
    const long = `s${'x'.repeat(49)}`;
    for (const id of ['plain', long]) {
      await signal(id);
      const call = `select order_id, decision from decide('${id}', 2, null, null, ${T})`;
      const [row] = await sql<{ order_id: string }>(call);
      expect(await sql(call)).toEqual([row]);
      const answer = await claire.decide({ signal_id: id, quantity: 2, at: T });
      expect(answer).toMatchObject({ outcome: 'already_recorded', order_id: row!.order_id });
    }
    await expect(sql(`select decide('nobody', 1)`)).rejects.toMatchObject({ code: 'signal_unknown' });
    await expect(sql(`select decide('plain', 3)`)).rejects.toMatchObject({ code: 'id_taken' });
  });
});

describe('a batch', () => {
  test('is decided in order, each seeing the ones before it, bad items left out', async () => {
    const { signal, claire, broken } = await desk({ max_exposure: 1000 });
    for (const id of ['a', 'b', 'c', 'd']) await signal(id);
    const wanted = (signal_id: string, quantity: number) => ({ signal_id, quantity, at: T });
    const outcomes = await claire.decideAll([
      ...[wanted('a', 6), wanted('nobody', 1), wanted('b', 5), wanted('c', -1), wanted('d', 4)],
      ...[wanted('a', 6), wanted('a', 7)],
    ]);
    expect(outcomes.map((one) => ('decision' in one ? one.decision : one.outcome))).toEqual([
      ...['opening', 'refused', 'rejected', 'refused', 'opening', 'opening', 'conflict'],
    ]);
    expect(outcomes[1]).toMatchObject({ code: 'signal_unknown' });
    expect(outcomes[4]).toMatchObject({ exposure: '600' });
    expect(outcomes[5]).toMatchObject({ outcome: 'already_recorded' });
    expect(await broken()).toEqual([]);
  });

  test('in a transaction that is rolled back decides nothing and reserves nothing', async () => {
    const { signal, claire, broken, sql } = await desk({ max_exposure: 1000 });
    await signal('a');
    const failed = claire.transaction(async (t) => {
      await t.decide({ signal_id: 'a', quantity: 10, at: T });
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await sql('select * from decisions')).toEqual([]);
    expect((await claire.decide({ signal_id: 'a', quantity: 10, at: T })).decision).toBe('opening');
    expect(await broken()).toEqual([]);
  });
});

describe('what is decided', () => {
  test('does not change and does not go', async () => {
    const { decide, sql } = await desk();
    await decide('a', 1);
    for (const statement of [
      `update decisions set decision = 'rejected'`,
      `update decisions set quantity = 2`,
      `update limits set max_exposure = 1`,
      `update order_history set to_status = 'FILLED'`,
    ]) {
      await expect(sql(statement)).rejects.toMatchObject({ code: 'record_final' });
    }
    for (const table of ['decisions', 'limits', 'capital', 'halts', 'order_history']) {
      await expect(sql(`truncate ${table}`)).rejects.toMatchObject({ code: 'removal_refused' });
    }
  });
});
