import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { byPlace, MOST } from './book-state.js';
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

export interface RiskProcessOptions extends PollOptions, RiskOptions {
  /** How long the next signal of a symbol waits for a MARKET order of it to be filled. Default 2,000; 0 does not wait. */
  fillMilliseconds?: number;
}

/**
 * Decides the signals that have no order yet, oldest market time first, until it is told to end. Those of one symbol in
 * turn: decided before the last order of it was filled, one against what that opens would open too, and not close.
 */
export async function runRiskManager(
  claire: Claire,
  { pollMilliseconds = 200, fillMilliseconds = 2000, signal, ...options }: RiskProcessOptions,
): Promise<{ decided: number }> {
  const risk = new RiskManager(claire, options);
  const look = undecidedSignals(claire);
  const turns = new Turns(fillMilliseconds);
  let decided = 0;
  let left: Awaited<ReturnType<typeof look>> = [];
  await poll(pollMilliseconds, signal, async () => {
    // What waits for its turn is not found again until a look over all.
    const known = new Set(left.map(({ signal_id }) => signal_id));
    const open = [...left, ...(await look()).filter(({ signal_id }) => !known.has(signal_id))].sort(byPlace);
    const waiting = open.length > 0 ? await claire.orders({ status: 'PENDING', limit: MOST }) : [];
    const due = turns.of(open, waiting).slice(0, AT_ONCE);
    left = open;
    if (due.length === 0 || signal.aborted) return false;
    decided += (await risk.decide(due)).length;
    left = open.filter((item) => !due.includes(item));
    return true;
  });
  return { decided };
}

/** Decisions of one statement: what an end has to wait for. */
const AT_ONCE = 100;

type Waiting = Pick<Awaited<ReturnType<Claire['orders']>>[number], 'order_id' | 'symbol' | 'price'>;

/** Whose turn it is: of each symbol the signals of one moment, once no fresh MARKET order of it waits. */
class Turns {
  readonly #patience: number;
  /** When orders that wait were seen first: an execution service that is away must not keep signals for ever. */
  #seen = new Map<string, number>();

  constructor(patience: number) {
    this.#patience = patience;
  }

  of<Found extends { symbol: string; timestamp: Milliseconds }>(
    open: readonly Found[],
    waiting: readonly Waiting[],
  ) {
    if (this.#patience === 0) return open;
    const now = performance.now();
    this.#seen = new Map(waiting.map(({ order_id }) => [order_id, this.#seen.get(order_id) ?? now]));
    const isFresh = ({ order_id, price }: Waiting) =>
      price === null && now - this.#seen.get(order_id)! < this.#patience;
    const moments = new Map<string, Milliseconds | undefined>(
      waiting.filter(isFresh).map(({ symbol }) => [symbol, undefined]),
    );
    return open.filter(({ symbol, timestamp }) => {
      if (!moments.has(symbol)) moments.set(symbol, timestamp);
      return moments.get(symbol) === timestamp;
    });
  }
}

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
