import { expect, test } from 'vitest';
import { RiskManager } from '../../src/services/index.js';
import { DAY, type Desk, LIMITS, MINUTE, signal, T0, useDesks } from './ground.js';

const { desk } = useDesks();
const HOUR = 60 * MINUTE;

/** A desk with the seed's limits and a trade of 10 at 100 for each symbol. */
async function trading(symbols: string[], changes: Record<string, string | null> = {}): Promise<Desk> {
  const at = await desk();
  await at.limit({ ...LIMITS, max_exposure: null, ...changes });
  for (const symbol of symbols) {
    const entry = { quantity: '10', entry_price: '100', entry_timestamp: T0 - 2 * DAY };
    await at.executionService.openTrade({ trade_id: symbol, symbol, side: 'BUY', ...entry });
  }
  return at;
}

/** Closes the trade of a symbol: at 50 it loses 500. */
const close = (at: Desk, symbol: string, exit_price: string, exit_timestamp = T0) =>
  at.executionService.closeTrade({ trade_id: symbol, exit_price, exit_timestamp, commission: '0' });

async function decided(at: Desk, ...signals: ReturnType<typeof signal>[]): Promise<string[]> {
  const decisions = await new RiskManager(at.riskManager).decide(await at.signals(...signals));
  return decisions.map(({ decision }) => decision);
}

const reasons = async (at: Desk) =>
  (await at.claire.halts()).map(({ action, cause, reason }) => `${action} ${cause}: ${reason}`);

test("the close that takes the day's loss over the limit halts, is told once and cancels nothing", async () => {
  const at = await trading(['A', 'B', 'C']);
  expect(await decided(at, signal('d', { symbol: 'D' }))).toEqual(['opening']);
  await close(at, 'A', '49.98', T0 + MINUTE);
  await close(at, 'B', '50', T0 + 2 * MINUTE);
  const told = { reason: 'Daily drawdown exceeded -5%', timestamp: T0 + MINUTE };
  const details = { daily_pnl: -500.2, max_drawdown: -500, balance: 10000 };
  const events = (await at.claire.riskEvents()).sort((a, b) => (a.event_type < b.event_type ? -1 : 1));
  expect(events).toMatchObject([
    { event_type: 'circuit_breaker_triggered', ...told, details },
    { event_type: 'daily_drawdown_exceeded', ...told, details },
  ]);
  expect(events).toHaveLength(2);
  expect(await at.claire.orders()).toMatchObject([{ order_id: 'ord-d', status: 'PENDING' }]);
  expect(await at.claire.riskState({ at: T0 + DAY })).toMatchObject({ halted: true, reserved: '1000' });
});

test('a loss at the limit is within it; one unit more is not', async () => {
  const at = await trading(['A', 'B']);
  await close(at, 'A', '50');
  expect(await decided(at, signal('s1'))).toEqual(['opening']);
  await close(at, 'B', '99.99999999');
  expect(await decided(at, signal('s2'))).toEqual(['rejected']);
});

test('losses of one day and of 24 hours count; older ones do not', async () => {
  const at = await trading(['A', 'B', 'C']);
  await close(at, 'A', '60', T0 - HOUR);
  await close(at, 'B', '60', T0 + 23 * HOUR);
  expect(await at.claire.halts()).toEqual([]);
  await close(at, 'C', '80', T0 + DAY + 22 * HOUR);
  expect(await reasons(at)).toEqual(['halt drawdown: Drawdown of 24 hours exceeded -5%']);
  expect((await at.claire.halts())[0]!.details).toEqual({
    rolling_pnl: -600,
    max_drawdown: -500,
    balance: 10000,
  });
});

test('a close of the same day that comes late counts from its own time on', async () => {
  const at = await trading(['AFTERNOON', 'MORNING']);
  await close(at, 'AFTERNOON', '60', T0 + 15 * HOUR);
  expect(await decided(at, signal('s1', { timestamp: T0 + 15 * HOUR }))).toEqual(['opening']);
  await close(at, 'MORNING', '60', T0 + 8 * HOUR);
  expect(await at.claire.halts()).toMatchObject([{ action: 'halt', timestamp: T0 + 8 * HOUR }]);
  expect(await decided(at, signal('s2', { timestamp: T0 + 9 * HOUR }))).toEqual(['rejected']);
});

test('a halt survives a restart, lasts until it is resumed and lets positions close', async () => {
  const at = await trading(['A', 'B']);
  await close(at, 'A', '40');
  const later = { timestamp: T0 + 3 * DAY };
  const closing = signal('closing', { ...later, symbol: 'B', side: 'SELL' });
  expect(await decided(at, signal('next', later), closing)).toEqual(['rejected', 'closing']);
  expect((await at.claire.orders({ signal_id: 'next' }))[0]!.rejection_reason).toBe(
    'Trading is halted: Daily drawdown exceeded -5%',
  );
  await at.claire.resume({ reason: 'looked at', at: T0 + 3 * DAY });
  expect(await decided(at, signal('resumed', later))).toEqual(['opening']);
});

test('a halt until the next day ends with the market day', async () => {
  const at = await trading(['A'], { breaker_halts: 'until_next_day' });
  await close(at, 'A', '40', T0 + HOUR);
  const last = signal('last', { timestamp: T0 + DAY - 1 });
  // The rolling day still has the loss in it an hour longer.
  const first = signal('first', { timestamp: T0 + DAY });
  const free = signal('free', { timestamp: T0 + DAY + HOUR });
  expect(await decided(at, last, first, free)).toEqual(['rejected', 'rejected', 'opening']);
  const why = async (signal_id: string) => (await at.claire.orders({ signal_id }))[0]!.rejection_reason;
  expect(await why('last')).toBe('Trading is halted: Daily drawdown exceeded -5%');
  expect(await why('first')).toBe('Drawdown of 24 hours exceeded -5%');
});

test('a limit that is set after the loss stops the next decision', async () => {
  const at = await trading(['A'], { max_drawdown_pct: null });
  await close(at, 'A', '40');
  await at.limit({ max_drawdown: '-500' });
  expect(await decided(at, signal('s1'))).toEqual(['rejected']);
  const types = (await at.claire.riskEvents()).map(({ event_type }) => event_type).sort();
  expect(types).toEqual(['daily_drawdown_exceeded', 'signal_rejected']);
});

test('while the loss is over the limit only despite it is resumed, and then for the rest of the day', async () => {
  const at = await trading(['A', 'B']);
  await close(at, 'A', '40');
  const resume = (despite_limit: boolean) =>
    at.claire.resume({ reason: 'it was a test', at: T0 + HOUR, despite_limit });
  await expect(resume(false)).rejects.toMatchObject({ law: 'halts_limit_still_broken' });
  expect(await resume(true)).toEqual({ resumed: true });
  await close(at, 'B', '90', T0 + 2 * HOUR);
  const timestamp = T0 + 3 * HOUR;
  expect(await decided(at, signal('s1', { timestamp }))).toEqual(['opening']);
  expect(await reasons(at)).toEqual([
    'resume hand: it was a test',
    'halt drawdown: Daily drawdown exceeded -5%',
  ]);
});
