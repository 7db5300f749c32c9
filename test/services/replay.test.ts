import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  type Candle,
  mergeCandles,
  type ReplayOptions,
  replay,
  syntheticMarket,
} from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { type Checksums, candle, collect, DAY, type Desk, series, T0, useDesks, useFiles } from './ground.js';
import { profitOfFills } from './profit.js';

const { desk, checksums, sql } = useDesks();
const files = useFiles();

/** Tight enough that a synthetic market meets every one of them. */
const limits = {
  max_drawdown: '-60',
  max_exposure: '3500',
  max_position: '1500',
  min_confidence: '0.1',
  breaker_halts: 'until_next_day',
};
const market = (days = 150) =>
  syntheticMarket({ seed: 3, days, symbols: ['SYNTH-A', 'SYNTH-B', 'SYNTH-C', 'SYNTH-D'] });
/** The same limits again are no new version. */
async function run(at: Desk, options: Partial<ReplayOptions> = {}) {
  await at.limit(limits);
  return replay({ connections: at, candles: market(), ...options });
}

let reference: Promise<Checksums> | undefined;

/** The record that an undisturbed replay leaves. */
function undisturbed(): Promise<Checksums> {
  reference ??= desk().then(async (at) => {
    await run(at);
    return checksums(at.book);
  });
  return reference;
}

test('a replay records candles, signals, orders, trades and every type of risk event', async () => {
  const at = await desk();
  const result = await run(at);
  const summary = await at.claire.summary();
  expect(result).toMatchObject({ finished: true, candles: 600 });
  expect(summary.signals).toBe(result.signals.recorded);
  expect(summary.closed_trades).toBe(result.trades.closed);
  expect(Object.values(summary.orders).reduce((a, b) => a + b)).toBe(result.signals.recorded);
  expect(Object.keys(summary.risk_events).sort()).toEqual([
    'circuit_breaker_triggered',
    'daily_drawdown_exceeded',
    'exposure_limit_exceeded',
    'position_limit_exceeded',
    'signal_rejected',
  ]);
});

test('the same replay again changes no row', async () => {
  const at = await desk();
  const first = await run(at);
  const before = await checksums(at.book, true);
  const second = await run(at);
  expect(await checksums(at.book, true)).toEqual(before);
  expect(second.signals).toEqual({ recorded: 0, already_recorded: first.signals.recorded });
  expect(second.orders).toEqual({ filled: 0, rejected: 0 });
});

test('other candles leave another record', async () => {
  const at = await desk();
  await run(at, { candles: market(149) });
  expect(await checksums(at.book)).not.toEqual(await undisturbed());
});

test('a replay that is ended between moments again and again leaves the undisturbed record', async () => {
  const at = await desk();
  const seed = randomInt(1000);
  let ended = 0;
  for (let calls = 1 + (seed % 10); ; calls += 2 + ((seed * calls) % 7)) {
    const ending = new AbortController();
    let left = calls;
    const connections = counting(at, () => {
      if (--left === 0) ending.abort();
    });
    const { finished } = await run(at, { connections, signal: ending.signal });
    if (finished) break;
    ended++;
  }
  expect(ended, `seed ${seed}`).toBeGreaterThan(5);
  expect(await checksums(at.book), `seed ${seed}`).toEqual(await undisturbed());
});

test('a replay that dies at any call and is run again leaves the undisturbed record', async () => {
  const at = await desk();
  const seed = randomInt(1000);
  let died = 0;
  // Each round dies a little later: in reads, in writes, inside transactions and before their commit.
  for (let calls = 1 + (seed % 10); ; calls += 2 + ((seed * calls) % 7)) {
    let left = calls;
    const connections = counting(at, () => {
      if (--left < 0) throw new Error('killed');
    });
    const end = await run(at, { connections }).catch((error: Error) => error.message);
    if (end !== 'killed') break;
    died++;
  }
  expect(died, `seed ${seed}`).toBeGreaterThan(8);
  expect(await checksums(at.book), `seed ${seed}`).toEqual(await undisturbed());
});

test('the profit in the record is that of the candles and the filled orders', async () => {
  const at = await desk();
  await run(at);
  expect((await at.claire.profit()).pnl).toBe(await profitOfFills(sql, at.book));
});

test('what stands before a bad line is recorded, then the line is named', async () => {
  const at = await desk();
  const rows = (await collect(mergeCandles(market().slice(0, 1)))).flatMap(({ candles }) => candles);
  const lines = rows.map((c) => [c.timestamp, c.open, c.high, c.low, c.close, c.volume].join(','));
  lines[100] = lines[100]!.replace(/,\d/, ',-');
  const bad = await files.write('SYNTH-A.csv', ['timestamp,open,high,low,close,volume', ...lines].join('\n'));
  const error = await refusal(run(at, { files: [bad], candles: [] }));
  expect(error).toMatchObject({ code: 'candle_file_invalid', exitCode: 2, details: { line: 102 } });
  const good = await desk();
  await run(good, { candles: [series(rows.slice(0, 100))] });
  expect(await checksums(at.book)).toEqual(await checksums(good.book));
  expect((await checksums(at.book)).candles!.rows).toBe(100);
});

test('a mended file is finished by the same replay', async () => {
  const at = await desk();
  const failing = async function* (source: AsyncIterable<Candle>) {
    let read = 0;
    for await (const one of source) {
      if (++read > 100) throw new Error('bad line');
      yield one;
    }
  };
  await expect(run(at, { candles: market().map(failing) })).rejects.toThrow('bad line');
  await run(at);
  expect(await checksums(at.book)).toEqual(await undisturbed());
});

test('a candle that differs from the recorded one ends the replay there', async () => {
  const at = await desk();
  const [a, b, c] = [0, 1, 2].map((minute) => candle('A', minute, '100'));
  await at.signalEngine.recordCandles([{ ...b!, close: '99', low: '99' }]);
  const error = await refusal(run(at, { candles: [series([a!, b!, c!])] }));
  expect(error.code).toBe('replay_conflict');
  expect(error.message).toContain('low, close');
  expect(await at.claire.candles({ symbol: 'A' })).toHaveLength(3);
});

test('a signal that differs from the recorded one ends the replay', async () => {
  const at = await desk();
  const other = await desk();
  await run(other);
  const { id: _, created_at: __, ...first } = (await other.claire.signals({ limit: 1 }))[0]!;
  await at.signalEngine.recordSignal({ ...first, price: '1' });
  const error = await refusal(run(at));
  expect(error.code).toBe('replay_conflict');
  expect(error.message).toContain('price');
});

test('progress is told by bytes where files are read, and ends at their size', async () => {
  const at = await desk();
  const content = `timestamp,open,high,low,close,volume\n${Array.from({ length: 250 }, (_, n) => `${T0 + n * DAY},1,1,1,1,1`).join('\n')}\n`;
  const told: unknown[] = [];
  await run(at, {
    candles: [],
    files: [await files.write('P.csv', content)],
    onProgress: (p) => told.push(p),
  });
  expect(told).toHaveLength(3);
  expect(told.at(-1)).toEqual({
    candles: 250,
    timestamp: T0 + 249 * DAY,
    bytes: Buffer.byteLength(content),
    total_bytes: Buffer.byteLength(content),
  });
});

/**
 * Connections that tell of every call, also of those inside transactions and of each commit. A callback that throws
 * there kills the replay as the end of its process would: what was committed stays, nothing comes after.
 */
function counting(at: Desk, called: () => void): Desk {
  type Verb = (...input: unknown[]) => Promise<unknown>;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name) as Verb;
        if (typeof value !== 'function') return value;
        const verb: Verb = async (...input) => {
          called();
          return value(...input);
        };
        const transaction: Verb = (work, options) =>
          value(async (t: object) => {
            const result = await (work as Verb)(wrap(t));
            // The last chance to die is between the work and its commit.
            called();
            return result;
          }, options);
        return name === 'transaction' ? transaction : verb;
      },
    });
  return {
    ...at,
    signalEngine: wrap(at.signalEngine),
    riskManager: wrap(at.riskManager),
    executionService: wrap(at.executionService),
  };
}
