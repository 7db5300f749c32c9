import { setTimeout as sleep } from 'node:timers/promises';
import type { Claire } from '../index.js';
import { mergeCandles, readCandles, recordedSteps } from './candles/index.js';
import { type ExecutionOptions, ExecutionService } from './execution-service.js';
import { RiskManager, type RiskOptions } from './risk-manager.js';
import { SignalEngine, type SignalEngineOptions } from './signal-engine.js';
import { undecidedSignals } from './undecided.js';

/**
 * Each service as a process of its own. They meet in the record only, so what they decide depends on how fast each of
 * them is, as in a live system; the replay is the form whose result the candles alone decide.
 */
export interface PollOptions {
  /** Pause after a look at the record that found nothing to do. Default 200. */
  pollMilliseconds?: number;
  /** Ends the service after the write that it is in. */
  signal: AbortSignal;
}

/** Records the candles of files and the signals that the strategies see in them. Ends with the files. */
export async function runSignalEngine(
  claire: Claire,
  files: readonly string[],
  signal?: AbortSignal,
  options: SignalEngineOptions = {},
): Promise<{ finished: boolean; candles: number; signals: { recorded: number; already_recorded: number } }> {
  const engine = new SignalEngine(claire, options);
  const result = { finished: false, candles: 0, signals: { recorded: 0, already_recorded: 0 } };
  for await (const step of recordedSteps(claire, mergeCandles(files.map((file) => readCandles(file))))) {
    if (signal?.aborted) return result;
    for (const { outcome } of await engine.onStep(step.candles)) result.signals[outcome]++;
    result.candles += step.candles.length;
  }
  return { ...result, finished: true };
}

/** Decides the signals that have no order yet, oldest market time first, until it is told to end. */
export async function runRiskManager(
  claire: Claire,
  { pollMilliseconds = 200, signal, ...options }: PollOptions & RiskOptions,
): Promise<{ decided: number }> {
  const risk = new RiskManager(claire, options);
  const look = undecidedSignals(claire);
  let decided = 0;
  await poll(pollMilliseconds, signal, async () => {
    const open = await look();
    for (let from = 0; from < open.length && !signal.aborted; from += AT_ONCE) {
      decided += (await risk.decide(open.slice(from, from + AT_ONCE))).length;
    }
    return open.length > 0;
  });
  return { decided };
}

/** Decisions of one statement: what an end has to wait for. */
const AT_ONCE = 100;

/** Fills PENDING orders from the recorded candles until it is told to end. */
export async function runExecutionService(
  claire: Claire,
  { pollMilliseconds = 200, signal, ...options }: PollOptions & ExecutionOptions,
): Promise<{ filled: number }> {
  const execution = new ExecutionService(claire, options);
  let filled = 0;
  await poll(pollMilliseconds, signal, async () => {
    const fills = await execution.onRecord();
    filled += fills.filled;
    return fills.filled > 0;
  });
  return { filled };
}

async function poll(milliseconds: number, signal: AbortSignal, work: () => Promise<boolean>): Promise<void> {
  while (!signal.aborted) {
    if (await work()) continue;
    // An abort ends the pause; it is no failure.
    await sleep(milliseconds, undefined, { signal }).catch(() => {});
  }
}
