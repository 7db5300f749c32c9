import type { Candle } from './candles/index.js';

export interface MarketOptions {
  /** The same seed gives the same market. Default 1. */
  seed?: number;
  /** Trading days a symbol. Default 5,000, about twenty years. */
  days?: number;
  /** Default SYNTH-A, SYNTH-B and SYNTH-C: the name says that nobody ever traded it. */
  symbols?: readonly string[];
}

const FIRST_DAY = Date.UTC(2000, 0, 3);
const DAY = 86_400_000;

/**
 * A synthetic daily market: a random walk for each symbol, made from a seed and for trying things out only.
 * One source a symbol, for `mergeCandles`. Prices are whole cents throughout, so every machine makes the same.
 */
export function syntheticMarket(options: MarketOptions = {}): AsyncIterable<Candle>[] {
  const { seed = 1, days = 5000, symbols = ['SYNTH-A', 'SYNTH-B', 'SYNTH-C'] } = options;
  return symbols.map((symbol, at) => walk(symbol, days, randomIntegers(seed * 1009 + at)));
}

async function* walk(
  symbol: string,
  days: number,
  random: (below: number) => number,
): AsyncGenerator<Candle> {
  let close = 10_000 + random(90_000);
  let drift = 0;
  for (let day = 0, time = FIRST_DAY; day < days; time += DAY) {
    if (isWeekend(time)) continue;
    // Regimes of 60 days on average give the strategies trends to follow and to lose in.
    if (random(60) === 0) drift = random(31) - 15;
    const open = moved(close, random(101) - 50);
    // Four equal draws are near enough to a normal one; about 1.2 % a day.
    close = moved(open, drift + random(101) + random(101) + random(101) + random(101) - 200);
    const high = moved(Math.max(open, close), random(60));
    const low = moved(Math.min(open, close), -random(60));
    yield {
      symbol,
      timestamp: time,
      open: cents(open),
      high: cents(high),
      low: cents(low),
      close: cents(close),
      volume: String(1000 + random(100_000)),
    };
    day++;
  }
}

const isWeekend = (time: number) => [0, 6].includes(new Date(time).getUTCDay());

/** A price in cents, moved by ten-thousandths; never below one dollar. */
const moved = (price: number, tenThousandths: number): number =>
  Math.max(100, price + Math.trunc((price * tenThousandths) / 10_000));

const cents = (price: number): string => `${Math.trunc(price / 100)}.${String(price % 100).padStart(2, '0')}`;

/** mulberry32: 32 bits of state, public domain, good enough for a market that nobody trades. */
export function randomIntegers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
