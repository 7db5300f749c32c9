import type { Claire } from '../../index.js';
import { errorOf } from '../outcomes.js';
import type { Step } from './candle.js';

/** One statement of 1,000 candles takes about 15 ms; more only makes the next signal wait longer. */
const BATCH = 1000;

/**
 * Records candles in batches and hands each step on once its candles stand in the record, so that no signal comes from
 * a candle that is not there. Where a source fails or a candle differs from the recorded one, the steps before it are
 * handed on first; then it throws.
 */
export async function* recordedSteps(
  claire: Pick<Claire, 'recordCandles'>,
  steps: AsyncIterable<Step>,
): AsyncGenerator<Step> {
  let batch: Step[] = [];
  let size = 0;
  let failure: unknown;
  const flush = async function* () {
    const full = batch;
    batch = [];
    size = 0;
    if (full.length > 0) yield* recordBatch(claire, full);
  };
  try {
    for await (const step of steps) {
      batch.push(step);
      size += step.candles.length;
      if (size >= BATCH) yield* flush();
    }
  } catch (error) {
    failure = error;
  }
  yield* flush();
  if (failure) throw failure;
}

async function* recordBatch(
  claire: Pick<Claire, 'recordCandles'>,
  steps: readonly Step[],
): AsyncGenerator<Step> {
  const outcomes = await claire.recordCandles(steps.flatMap(({ candles }) => candles));
  let at = 0;
  for (const step of steps) {
    for (const outcome of outcomes.slice(at, at + step.candles.length)) {
      const error = errorOf('candle', outcome);
      if (error) throw error;
    }
    at += step.candles.length;
    yield step;
  }
}
