import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { T, useDesks } from './ground.js';

const { desk } = useDesks();

describe('limits', () => {
  test('are versions, each with who, when and why; what is not named stays', async () => {
    const { claire } = await desk();
    const { version } = await claire.setLimits({
      changes: { max_exposure: '5000', max_drawdown: -500 },
      reason: 'one',
    });
    expect(await claire.setLimits({ changes: { max_exposure: null }, reason: 'two' })).toEqual({
      version: version + 1,
    });
    expect(await claire.limits()).toMatchObject([
      {
        version: version + 1,
        symbol: null,
        max_exposure: null,
        max_drawdown: '-500',
        actor: 'postgres',
        reason: 'two',
      },
    ]);
    expect((await claire.limitsHistory()).map(({ reason }) => reason)).toEqual([
      ...['two', 'one', 'the first version: nothing is limited yet'],
    ]);
  });

  test('set to what they are make no version', async () => {
    const { claire } = await desk({ max_exposure: '5000' });
    const before = await claire.limitsHistory();
    await claire.setLimits({ changes: { max_exposure: '5000' }, reason: 'again' });
    expect(await claire.limitsHistory()).toEqual(before);
  });

  test.each<[object, string, object?]>([
    [{ max_exposure: 'NaN' }, 'limits_max_exposure_check'],
    [{ max_exposure: -1 }, 'limits_max_exposure_check'],
    [{ max_exposure: 0 }, 'limits_max_exposure_check'],
    [{ max_exposure: 'Infinity' }, 'limits_max_exposure_check'],
    [{ max_position: 0 }, 'limits_max_position_check'],
    [{ max_order_size: '-5' }, 'limits_max_order_size_check'],
    [{ max_open_trades: 0 }, 'limits_max_open_trades_check'],
    [{ max_orders_per_minute: -1 }, 'limits_max_orders_per_minute_check'],
    [{ max_drawdown: 5 }, 'limits_max_drawdown_check'],
    [{ max_drawdown: '-Infinity' }, 'limits_max_drawdown_check'],
    [{ max_drawdown_pct: 5 }, 'limits_max_drawdown_pct_check'],
    [{ max_drawdown_pct: '-100.01' }, 'limits_max_drawdown_pct_check'],
    [{ min_confidence: '1.01' }, 'limits_min_confidence_check'],
    [{ min_confidence: 0 }, 'limits_min_confidence_check'],
    [{ max_signal_age_ms: 0 }, 'limits_max_signal_age_ms_check'],
    [{ time_zone: 'Mars/Phobos' }, 'limits_time_zone'],
    [{ time_zone: 'FOO5' }, 'limits_time_zone'],
    [{ enforce_limits: 'maybe' }, 'limits_enforce_limits_check'],
    [{ enforce_halts: 'no' }, 'limits_enforce_halts_check'],
    [{ breaker_halts: 'for_ever' }, 'limits_breaker_halts_check'],
    [{ max_exposur: 5 }, 'limits_name'],
    [{ version: 5 }, 'limits_name'],
    [{}, 'limits_name'],
    [{ max_position: 5 }, 'limits_symbol_known', { symbol: 'BTCUSD' }],
    [{ max_exposure: 5 }, 'limits_scope_check', { symbol: 'BTCUSDT', new_symbol: true }],
    [{ max_position: 5 }, 'limits_symbol_check', { symbol: ' BTC', new_symbol: true }],
    [{ time_zone: null }, 'limits_scope_check'],
  ])('%j are refused by %s, nothing written', async (changes, law, scope = {}) => {
    const { claire } = await shared();
    await claire.setCapital({ amount: 10_000, reason: 'c' });
    const before = await claire.limitsHistory();
    const error = await refusal(claire.setLimits({ changes: changes as never, reason: 'r', ...scope }));
    expect(error.law).toBe(law);
    expect(await claire.limitsHistory()).toEqual(before);
  });
  let kept: ReturnType<typeof desk> | undefined;
  const shared = () => (kept ??= desk({}, { own: true }));

  test('in percent need the capital; a reason is needed; text is no number', async () => {
    const { claire } = await desk();
    const set = (changes: object, reason = 'r') =>
      refusal(claire.setLimits({ changes: changes as never, reason }));
    expect(await set({ max_drawdown_pct: -5 })).toMatchObject({ code: 'capital_missing' });
    expect(await set({ max_exposure: 5 }, ' ')).toMatchObject({ code: 'reason_missing' });
    expect(await set({ max_exposure: 'much' })).toMatchObject({ code: 'value_unusable' });
    expect(await set({ max_open_trades: '2.5' })).toMatchObject({ code: 'value_unusable' });
    expect((await refusal(claire.setCapital({ amount: 0, reason: 'r' }))).code).toBe('capital_out_of_range');
    expect(await claire.limitsHistory()).toHaveLength(1);
    expect(await claire.capital()).toEqual([]);
  });

  test.each([
    [
      'NaN, past its CHECK',
      `update limits set max_exposure = 'NaN'`,
      'The limits cannot be read: max_exposure',
    ],
    ['gone', 'delete from limits', 'The limits cannot be read: no limits are recorded'],
  ])('that are %s fail closed, for decide and for plain SQL', async (_, damage, reason) => {
    const { decide, sql } = await desk({}, { own: true });
    await sql(`begin; set local session_replication_role = replica;
      alter table limits drop constraint limits_max_exposure_check; ${damage}; commit`);
    expect(await decide('a', 1)).toMatchObject({
      decision: 'rejected',
      broken: ['limits_unreadable'],
      reason,
    });
    await expect(
      sql(
        `insert into orders (order_id, symbol, side, quantity, price, status) values ('o', 'X', 'BUY', 1, 1, 'PENDING')`,
      ),
    ).rejects.toMatchObject({ code: 'order_over_limits' });
  });

  test('of a symbol that make no sense fail closed for that symbol', async () => {
    const { decide, claire, sql } = await desk({}, { own: true });
    await claire.setLimits({ changes: { max_position: 5 }, symbol: 'ETH', new_symbol: true, reason: 'r' });
    await sql(`begin; set local session_replication_role = replica;
      alter table limits drop constraint limits_max_position_check; update limits set max_position = 'NaN' where symbol = 'ETH'; commit`);
    expect((await decide('e', 1, { symbol: 'ETH' })).broken).toEqual(['limits_unreadable']);
    expect((await decide('b', 1)).decision).toBe('opening');
  });

  test('set while a decision is under way hold for the next one', async () => {
    const { decide, signal, claire } = await desk({ max_exposure: 5000 });
    await signal('a');
    let setting: Promise<unknown> | undefined;
    await claire.transaction(async (t) => {
      await t.decide({ signal_id: 'a', quantity: 40, at: T });
      setting = claire.setLimits({ changes: { max_exposure: 4000 }, reason: 'tighter' });
    });
    await setting;
    expect(await decide('b', 1)).toMatchObject({ decision: 'rejected', exposure: '4000' });
  });
});
