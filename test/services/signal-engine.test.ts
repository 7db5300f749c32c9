import { expect, test } from 'vitest';
import { SignalEngine, type Strategy } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { candle, T0, useDesks } from './ground.js';

const { desk } = useDesks();

/** Says BUY at every other candle. */
function alternating(confidence = '0.5'): Strategy {
  let candles = 0;
  return {
    id: 'test',
    next: () => (candles++ % 2 === 0 ? { side: 'BUY', confidence, metadata: { candles } } : undefined),
  };
}

test('a signal has the close, the time and the symbol of its candle, and an id that derives from them', async () => {
  const at = await desk();
  const engine = new SignalEngine(at.signalEngine, { strategies: () => [alternating()] });
  const [found] = await engine.onStep([candle('BTCUSD', 0, '100', { close: '101.5' })]);
  const expected = {
    signal_id: `test-BTCUSD-${T0}`,
    symbol: 'BTCUSD',
    price: '101.5',
    timestamp: T0,
    side: 'BUY',
  };
  expect(found).toEqual({ ...expected, confidence: '0.5', outcome: 'recorded' });
  expect(await at.claire.signals()).toMatchObject([{ ...expected, metadata: { candles: 1 } }]);
});

test('each symbol has strategies of its own', async () => {
  const at = await desk();
  const engine = new SignalEngine(at.signalEngine, { strategies: () => [alternating()] });
  const symbols = async (...candles: Parameters<typeof engine.onStep>[0]) =>
    (await engine.onStep(candles)).map(({ symbol }) => symbol);
  expect(await symbols(candle('A', 0, '1'))).toEqual(['A']);
  expect(await symbols(candle('A', 1, '1'), candle('B', 1, '1'))).toEqual(['B']);
});

test('a signal that was recorded before is told as such', async () => {
  const at = await desk();
  const run = () =>
    new SignalEngine(at.signalEngine, { strategies: () => [alternating()] }).onStep([candle('A', 0, '1')]);
  expect((await run())[0]!.outcome).toBe('recorded');
  expect((await run())[0]!.outcome).toBe('already_recorded');
});

test('a signal that a law refuses ends the engine with that law', async () => {
  const at = await desk();
  const engine = new SignalEngine(at.signalEngine, { strategies: () => [alternating('1.5')] });
  const error = await refusal(engine.onStep([candle('A', 0, '1')]));
  expect(error).toMatchObject({ code: 'confidence_out_of_range', law: 'signals_confidence_check' });
  expect(error.message).toContain(`signal test-A-${T0}`);
  expect(await at.claire.signals()).toEqual([]);
});

test('ids keep to 50 characters, also of the longest symbol', async () => {
  const at = await desk();
  const symbol = 'X'.repeat(20);
  const strategies = () => [{ ...alternating(), id: 'mac10x200' }];
  const [signal] = await new SignalEngine(at.signalEngine, { strategies }).onStep([candle(symbol, 0, '1')]);
  const order = {
    order_id: `ord-${signal!.signal_id}`,
    signal_id: signal!.signal_id,
    symbol,
    side: 'BUY',
    quantity: '1',
  } as const;
  expect(order.order_id.length).toBeLessThanOrEqual(50);
  expect(await at.riskManager.placeOrder(order)).toMatchObject({ outcome: 'recorded' });
});
