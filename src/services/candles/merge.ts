import { toIso } from '../../domain/time.js';
import { ClaireError } from '../../index.js';
import type { Candle, Step } from './candle.js';

/**
 * Merges sources, each sorted by time, into steps of one moment each. Holds one candle a source. A source is asked for
 * its next candle only after the step with its last one was taken: where it fails, everything before stands.
 * @throws ClaireError candle_file_invalid where two sources hold the same symbol at the same time.
 */
export async function* mergeCandles(sources: readonly AsyncIterable<Candle>[]): AsyncGenerator<Step> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const heads: (Candle | undefined)[] = [];
  const advance = async (at: number) => {
    const next = await iterators[at]!.next();
    heads[at] = next.done ? undefined : next.value;
  };
  try {
    for (const at of iterators.keys()) await advance(at);
    for (;;) {
      const timestamp = earliest(heads);
      if (timestamp === undefined) return;
      const chosen = heads.flatMap((head, at) => (head?.timestamp === timestamp ? [at] : []));
      const candles = chosen.map((at) => heads[at]!).sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
      requireOneEach(candles);
      yield { timestamp, candles };
      for (const at of chosen) await advance(at);
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}

function earliest(heads: readonly (Candle | undefined)[]): number | undefined {
  let found: number | undefined;
  for (const head of heads) {
    if (head && (found === undefined || head.timestamp < found)) found = head.timestamp;
  }
  return found;
}

function requireOneEach(candles: readonly Candle[]): void {
  for (const [at, { symbol, timestamp }] of candles.entries()) {
    if (candles[at - 1]?.symbol !== symbol) continue;
    throw new ClaireError('candle_file_invalid', {
      found: `Two files hold ${symbol} at ${toIso(timestamp)}; leave one of them out.`,
      details: { symbol, timestamp },
    });
  }
}
