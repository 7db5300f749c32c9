import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { DAY, T, useDesks } from './ground.js';

const { desk } = useDesks();
const HOUR = 3_600_000;
/** The first moment of the day of T, UTC. */
const DAWN = Date.UTC(2024, 0, 12);

describe('the circuit breaker', () => {
  test('trips in the transaction of the closing trade, once, and cancels nothing', async () => {
    const { open, close, decide, claire, broken } = await desk({ max_drawdown: -500 });
    await open('a', 10);
    await open('b', 10);
    await decide('waits', 1);
    await close('a', '-500');
    expect(await claire.halts()).toEqual([]);
    await close('b', '-0.01');
    expect(await claire.halts()).toMatchObject([
      {
        action: 'halt',
        cause: 'drawdown',
        reason: 'Daily drawdown exceeded -500',
        timestamp: T,
        until: null,
      },
    ]);
    const types = (await claire.riskEvents()).map(({ event_type }) => event_type).sort();
    expect(types).toEqual(['circuit_breaker_triggered', 'daily_drawdown_exceeded']);
    expect(await claire.orders({ status: 'PENDING' })).toHaveLength(1);
    expect(await decide('late', 1, { at: T + 1 })).toMatchObject({
      reason: 'Trading is halted: Daily drawdown exceeded -500',
      broken: ['halted', 'max_drawdown'],
      daily_pnl: '-500.01',
    });
    expect(await broken()).toEqual([]);
  });

  test('a closing that is rolled back trips nothing', async () => {
    const { open, claire } = await desk({ max_drawdown: -500 });
    await open('a', 10);
    const failed = claire.transaction(async (t) => {
      await t.closeTrade({ trade_id: 'a', exit_price: 1, exit_timestamp: T });
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await claire.halts()).toEqual([]);
    expect(await claire.riskEvents()).toEqual([]);
  });

  test('is of the tighter of amount and percent', async () => {
    const { open, close, claire } = await desk({ max_drawdown: -5000, max_drawdown_pct: -1 });
    await open('a', 10);
    await close('a', '-101');
    expect(await claire.riskEvents({ event_type: 'daily_drawdown_exceeded' })).toMatchObject([
      { reason: 'Daily drawdown exceeded -1%', details: { max_drawdown: -100, daily_pnl: -101 } },
    ]);
  });

  test('a batch of closes trips it at the moment at which the loss was over the limit, though it recovers', async () => {
    const { open, claire } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b', 'c']) await open(id, 10);
    const exit = (trade_id: string, exit_price: number, exit_timestamp: number) => ({
      ...{ trade_id, exit_price, exit_timestamp },
    });
    await claire.closeTrades([exit('a', 70, T), exit('b', 70, T + 1), exit('c', 200, T + 2)]);
    expect(await claire.halts()).toMatchObject([{ timestamp: T + 1, details: { daily_pnl: -600 } }]);
  });

  test('a trade that is recorded closed counts as one that is closed', async () => {
    const { sql, claire, broken } = await desk({ max_drawdown: -500 });
    await sql(`insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
      values ('X', 'BUY', 10, 100, ${T - 1}, 40, ${T}, 'CLOSED')`);
    expect(await claire.halts()).toHaveLength(1);
    expect(await broken()).toEqual([]);
  });

  test('a close of yesterday that comes late trips it within its 24 hours', async () => {
    const { open, close, claire, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10, { entry_timestamp: T - 9 * DAY });
    await close('a', '1', DAWN + 1);
    await close('b', '-900', DAWN - 1);
    expect(await claire.halts()).toMatchObject([{ details: { rolling_pnl: -899 } }]);
    expect(await broken()).toEqual([]);
  });

  test('a halt that ends sooner does not hide it, one that stands does', async () => {
    const { open, close, decide, claire } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10);
    await claire.halt({ reason: 'coffee', at: T - 1, until: T + 1000 });
    await close('a', '-900', T);
    expect(await claire.halts()).toMatchObject([{ cause: 'drawdown', until: null }, { cause: 'hand' }]);
    await close('b', '-900', T + 1);
    expect(await claire.halts()).toHaveLength(2);
    expect((await decide('x', 1, { at: T + 5000 })).broken[0]).toBe('halted');
  });

  test('an amount counts where the capital of the day is not known', async () => {
    const { open, close, claire } = await desk();
    await claire.setCapital({ amount: 10_000, since: T + 9 * DAY, reason: 'later' });
    await claire.setLimits({ changes: { max_drawdown: -500, max_drawdown_pct: -5 }, reason: 'both' });
    await open('a', 10);
    await close('a', '-900');
    expect(await claire.halts()).toMatchObject([{ reason: 'Daily drawdown exceeded -500' }]);
  });

  test('what is set of an old trade, other than its profit, trips nothing', async () => {
    const { open, close, sql, claire } = await desk();
    await open('a', 10, { entry_timestamp: T - 300 * DAY });
    await close('a', '-900', T - 299 * DAY);
    await claire.setLimits({ changes: { max_drawdown: -500 }, reason: 'from now on' });
    await sql(`update trades set commission = 1 where trade_id = 'a'`);
    expect(await claire.halts()).toEqual([]);
  });

  test('a trade that goes into quarantine takes its profit with it', async () => {
    const { open, close, sql, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10);
    await close('a', '-100');
    await close('b', '-100');
    await sql(`select quarantine_row('trades', (select id from trades where trade_id = 'a'), '{law}', 'r')`);
    expect(await sql('select day_pnl from risk')).toEqual([{ day_pnl: '-100' }]);
    expect(await broken()).toEqual([]);
  });

  test('a corrected profit is the profit of the day', async () => {
    const { open, close, claire, broken } = await desk({ max_drawdown: -500 });
    await open('a', 10);
    await close('a', '-400');
    await claire.correct({ what: 'trade', id: 'a', changes: { exit_price: '40' }, reason: 'typed 60' });
    expect(await claire.halts()).toMatchObject([{ details: { daily_pnl: -600 } }]);
    expect(await broken()).toEqual([]);
  });
});

describe('the day', () => {
  test('a loss of yesterday counts within 24 hours, though the calendar has turned', async () => {
    const { open, close, decide, claire, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b', 'c']) await open(id, 10);
    await close('a', '-300', DAWN - HOUR);
    await close('b', '-300', DAWN + HOUR);
    expect(await claire.halts()).toMatchObject([
      { reason: 'Drawdown of 24 hours exceeded -500', details: { rolling_pnl: -600, max_drawdown: -500 } },
    ]);
    await claire.resume({ reason: 'next day', at: DAWN + 23 * HOUR });
    expect((await decide('x', 1, { at: DAWN + 23 * HOUR, timestamp: DAWN + 23 * HOUR })).decision).toBe(
      'opening',
    );
    await close('c', '-150', DAWN + 23.5 * HOUR);
    expect(await claire.halts()).toHaveLength(2);
    expect(await broken()).toEqual([]);
  });

  test('a profit that falls out of the 24 hours leaves the loss: the next decision is refused without a close', async () => {
    const { open, close, decide } = await desk({ max_drawdown: -500 });
    await open('gain', 10);
    await open('loss', 10);
    await close('gain', '200', DAWN - 2 * HOUR);
    await close('loss', '-600', DAWN - HOUR);
    const at = (moment: number) => ({ at: moment, timestamp: moment });
    expect((await decide('while', 1, at(DAWN + 21 * HOUR))).decision).toBe('opening');
    expect(await decide('after', 1, at(DAWN + 22.5 * HOUR))).toMatchObject({
      decision: 'rejected',
      reason: 'Drawdown of 24 hours exceeded -500',
      details: { rolling_pnl: -600 },
    });
  });

  test('begins in the configured zone, also where the clocks change', async () => {
    const { open, close, claire, decide } = await desk({ max_drawdown: -500, time_zone: 'Europe/Berlin' });
    // 31 March 2024 has 23 hours there and begins at 23:00 UTC.
    const begin = Date.UTC(2024, 2, 30, 23);
    await open('a', 10);
    await close('a', '-400', begin - 1);
    const of = async (id: string, at: number) => (await decide(id, 1, { at, timestamp: at })).daily_pnl;
    expect(await of('before', begin - 1)).toBe('-400');
    expect(await of('first', begin)).toBe('0');
    await open('b', 10);
    await close('b', '-50', begin + 23 * HOUR - 1);
    expect(await of('last', begin + 23 * HOUR - 1)).toBe('-50');
    expect(await of('next', begin + 23 * HOUR)).toBe('0');
    expect(await claire.halts()).toEqual([]);
  });

  test('that comes twice at midnight, when clocks are set back, is of the day before', async () => {
    const { open, close, claire } = await desk({ max_drawdown: -500, time_zone: 'Atlantic/Azores' });
    await open('a', 10);
    await close('a', '-900', Date.UTC(2025, 9, 26, 0, 30));
    expect(await claire.halts()).toMatchObject([{ reason: 'Daily drawdown exceeded -500' }]);
  });

  test('is that of `at`: an earlier day is asked for its own profit', async () => {
    const { open, close, decide, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10, { entry_timestamp: T - 9 * DAY });
    await close('a', '-100', T - 5 * DAY);
    await close('b', '-200', T);
    const old = { at: T - 5 * DAY, timestamp: T - 5 * DAY };
    expect((await decide('old', 1, old)).daily_pnl).toBe('-100');
    expect((await decide('new', 1)).daily_pnl).toBe('-200');
    expect(await broken()).toEqual([]);
  });

  test('the percentage is of the capital that the day began with', async () => {
    const { open, close, claire } = await desk({ max_drawdown_pct: -5 });
    await claire.setCapital({ amount: 100_000, since: DAWN + 2 * DAY, reason: 'deposit' });
    for (const id of ['a', 'b']) await open(id, 10);
    await close('a', '-501', T);
    expect(await claire.halts()).toMatchObject([{ details: { balance: 10_000, max_drawdown: -500 } }]);
    await claire.resume({ reason: 'next', at: T + 2 * DAY });
    await close('b', '-600', T + 2 * DAY);
    expect(await claire.halts()).toHaveLength(2);
    expect((await claire.capital()).map(({ amount }) => amount)).toEqual(['100000', '10000']);
  });
});

describe("the record's clock", () => {
  test('is not led astray by a decision or an exit of a time that is still to come', async () => {
    const { open, close, decide, claire, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b', 'c']) await open(id, 10);
    const later = Date.now() + 400 * DAY;
    const wrong = await refusal(decide('typed wrong', 1, { at: later, timestamp: later }));
    expect(wrong).toMatchObject({ code: 'time_to_come', law: 'risk_time_to_come' });
    for (const call of [claire.halt, claire.resume]) {
      expect((await refusal(call({ reason: 'typed wrong', at: later }))).code).toBe('time_to_come');
    }
    await close('a', '-1', later);
    const now = Date.now();
    await close('b', '-600', now);
    expect(await claire.halts()).toMatchObject([{ timestamp: now, details: { daily_pnl: -600 } }]);
    expect(await broken()).toEqual([]);
  });

  test('goes back with decisions of an earlier day, as a replay begins', async () => {
    const { open, close, decide, claire, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10, { entry_timestamp: T - 300 * DAY });
    await close('a', '-1', T);
    const past = T - 200 * DAY;
    await decide('replayed', 1, { at: past, timestamp: past });
    await close('b', '-600', past + 1);
    expect(await claire.halts()).toMatchObject([{ timestamp: past + 1 }]);
    expect(await broken()).toEqual([]);
  });
});
