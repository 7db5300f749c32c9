import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { DAY, T, useDesks } from './ground.js';

const { desk } = useDesks();
const HOUR = 3_600_000;
/** The first moment of the day of T, UTC. */
const DAWN = Date.UTC(2024, 0, 12);

describe('a halt by hand', () => {
  test('stops what increases risk, has an actor and a reason, and survives', async () => {
    const { decide, claire, open } = await desk();
    await open('long', 1);
    const { halt_id } = await claire.halt({ reason: 'exchange is down', at: T });
    expect(await claire.riskState({ at: T })).toMatchObject({
      halted: true,
      halt: { id: halt_id, cause: 'hand', reason: 'exchange is down', actor: 'postgres' },
    });
    expect((await decide('no', 1)).reason).toBe('Trading is halted: exchange is down');
    expect((await decide('out', 1, { side: 'SELL' })).decision).toBe('closing');
    expect(await claire.riskEvents({ event_type: 'circuit_breaker_triggered' })).toMatchObject([
      { reason: 'exchange is down', details: { actor: 'postgres' } },
    ]);
  });

  test('twice is once; resumed, trading goes on; resumed twice is once', async () => {
    const { decide, claire } = await desk();
    const first = await claire.halt({ reason: 'one', at: T });
    expect(await claire.halt({ reason: 'two', at: T })).toEqual(first);
    expect(await claire.resume({ reason: 'fine again', at: T })).toEqual({ resumed: true });
    expect(await claire.resume({ reason: 'fine again', at: T })).toEqual({ resumed: false });
    expect((await decide('yes', 1)).decision).toBe('opening');
    expect(await claire.halts()).toMatchObject([
      { action: 'resume', reason: 'fine again' },
      { action: 'halt', reason: 'one' },
    ]);
  });

  test('may end by itself, and a longer one takes its place', async () => {
    const { decide, claire } = await desk();
    await claire.halt({ reason: 'lunch', at: T, until: T + HOUR });
    await claire.halt({ reason: 'shorter', at: T, until: T + 1 });
    expect((await decide('in', 1, { at: T + HOUR - 1 })).reason).toContain('lunch');
    expect((await decide('after', 1, { at: T + HOUR })).decision).toBe('opening');
    await claire.halt({ reason: 'for good', at: T });
    expect((await decide('never', 1, { at: T + HOUR })).reason).toContain('for good');
    const other = await desk();
    const impossible = other.claire.halt({ reason: 'x', at: T, until: T });
    expect((await refusal(impossible)).code).toBe('halt_impossible');
  });

  test('cancels what waits only where it is told to, with that reason', async () => {
    const { decide, claire, broken } = await desk();
    await decide('a', 1);
    await decide('b', 1);
    await claire.fillOrder({ order_id: 'ord-b' });
    const { cancelled } = await claire.halt({ reason: 'get out', at: T, cancel_pending: true });
    expect(cancelled).toEqual(['ord-a']);
    expect(await claire.orders({ order_id: 'ord-a' })).toMatchObject([
      { status: 'CANCELLED', rejection_reason: 'get out' },
    ]);
    expect(await broken()).toEqual([]);
  });
});

describe('resuming', () => {
  test('needs despite_limit while the limit is broken, is recorded so, and holds for that day', async () => {
    const { open, close, decide, claire, broken } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b', 'c']) await open(id, 10);
    await close('a', '-600');
    expect(await refusal(claire.resume({ reason: 'on', at: T + 1 }))).toMatchObject({
      code: 'drawdown_still_broken',
      law: 'halts_limit_still_broken',
    });
    expect(await claire.resume({ reason: 'on', at: T + 1, despite_limit: true })).toEqual({ resumed: true });
    expect((await claire.halts())[0]).toMatchObject({
      action: 'resume',
      despite_limit: true,
      details: { daily_pnl: -600 },
    });
    expect((await decide('again', 1, { at: T + 2 })).decision).toBe('opening');
    await close('b', '-1', T + 3);
    expect(await claire.halts()).toHaveLength(2);
    // The next day it is broken again, within 24 hours.
    await close('c', '-1', DAWN + DAY + HOUR);
    expect(await claire.halts()).toHaveLength(3);
    expect(await broken()).toEqual([]);
  });

  test('despite the limit of one day says nothing of another', async () => {
    const { open, close, decide, claire } = await desk({ max_drawdown: -500 });
    for (const id of ['a', 'b']) await open(id, 10, { entry_timestamp: T - 300 * DAY });
    await close('a', '-600');
    await claire.resume({ reason: 'on', at: T, despite_limit: true });
    const past = T - 100 * DAY;
    await decide('replayed', 1, { at: past, timestamp: past });
    await close('b', '-900', past + 1);
    const at = { at: past + 2, timestamp: past + 2 };
    expect(await decide('no', 1, at)).toMatchObject({ decision: 'rejected', daily_pnl: '-900' });
  });

  test('at an earlier day is judged by what is known now', async () => {
    const { open, close, claire } = await desk({ max_drawdown: -500 });
    await open('a', 10);
    await close('a', '-600');
    expect((await refusal(claire.resume({ reason: 'on', at: T - 9 * DAY }))).code).toBe(
      'drawdown_still_broken',
    );
  });

  test('despite_limit is not recorded where no limit was broken', async () => {
    const { claire } = await desk({ max_drawdown: -500 });
    await claire.halt({ reason: 'h', at: T });
    await claire.resume({ reason: 'r', at: T, despite_limit: true });
    expect((await claire.halts())[0]).toMatchObject({ despite_limit: false });
  });

  test('a breaker that halts until the next day ends with it', async () => {
    const { open, close, decide, claire } = await desk({
      max_drawdown: -500,
      breaker_halts: 'until_next_day',
    });
    await open('a', 10);
    await close('a', '-600', DAWN + HOUR);
    expect(await claire.halts()).toMatchObject([{ until: DAWN + DAY }]);
    const at = DAWN + DAY + 2 * HOUR;
    expect((await decide('next', 1, { at, timestamp: at })).decision).toBe('opening');
  });
});
