import { stat } from 'node:fs/promises';
import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { type Candle, mergeCandles, readCandles, recordedSteps, type Step } from './candles/index.js';
import { type ExecutionOptions, ExecutionService } from './execution-service.js';
import { RiskManager, type RiskOptions } from './risk-manager.js';
import { SignalEngine, type SignalEngineOptions } from './signal-engine.js';

/** A connection for each service, so that each shows under its own name and with its own rights. */
export interface Connections {
  signalEngine: Claire;
  riskManager: Claire;
  executionService: Claire;
}

export interface Progress {
  candles: number;
  /** Market time that was reached. */
  timestamp: Milliseconds;
  /** Bytes of the files that were read, and their size; undefined where no files are read. */
  bytes?: number;
  total_bytes?: number;
}

export interface ReplayOptions extends SignalEngineOptions, RiskOptions, ExecutionOptions {
  /** Paths of CSV files, one symbol each: see `readCandles`. */
  files?: readonly string[];
  /** Candles from elsewhere, each source sorted by time. */
  candles?: readonly AsyncIterable<Candle>[];
  connections: Connections;
  /** Told after every 100 moments and at the end. */
  onProgress?: (progress: Progress) => void;
  /** Ends the replay between two moments. The same replay again goes on where it ended. */
  signal?: AbortSignal;
}

/** What this run did. What the book holds is told by `summary`. */
export interface ReplayResult {
  /** False where it was ended by its signal. */
  finished: boolean;
  candles: number;
  signals: { recorded: number; already_recorded: number };
  decisions: { opening: number; closing: number; rejected: number; decided: number };
  orders: { filled: number; rejected: number };
  trades: { opened: number; closed: number };
}

/**
 * Runs candles through the three services, in market time: fills, signals, decisions. Everything is derived from the
 * candles and the record, so the same replay twice changes nothing, and one that was killed is finished by running it
 * again. Memory does not grow with the files.
 * @throws ClaireError candle_file_invalid after everything before the bad line was processed; id_conflict where a
 * candle or a signal differs from the recorded one; any refusal of the record.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { connections, onProgress, signal } = options;
  const { sources, bytes } = await openSources(options);
  const services = {
    engine: new SignalEngine(connections.signalEngine, options),
    risk: new RiskManager(connections.riskManager, options),
    execution: new ExecutionService(connections.executionService, options),
  };
  const result = emptyResult();
  await services.execution.start();
  let last: Milliseconds | undefined;
  let steps = 0;
  const tell = (timestamp: Milliseconds) => onProgress?.({ candles: result.candles, timestamp, ...bytes() });
  for await (const step of recordedSteps(connections.signalEngine, mergeCandles(sources))) {
    if (signal?.aborted) return result;
    await runStep(services, step, result);
    last = step.timestamp;
    if (++steps % 100 === 0) tell(last);
  }
  if (last !== undefined) tell(last);
  result.finished = true;
  return result;
}

interface Services {
  engine: SignalEngine;
  risk: RiskManager;
  execution: ExecutionService;
}

async function runStep(
  { engine, risk, execution }: Services,
  step: Step,
  result: ReplayResult,
): Promise<void> {
  const fills = await execution.onStep(step);
  const signals = await engine.onStep(step.candles);
  const decisions = await risk.decide(signals);
  for (const { decision, symbol, timestamp } of decisions) {
    result.decisions[decision]++;
    if (decision === 'opening' || decision === 'closing') execution.watch({ symbol, timestamp });
  }
  for (const { outcome } of signals) result.signals[outcome]++;
  result.candles += step.candles.length;
  result.orders.filled += fills.filled;
  result.orders.rejected += fills.rejected;
  result.trades.opened += fills.opened;
  result.trades.closed += fills.closed;
}

async function openSources({ files = [], candles = [] }: ReplayOptions) {
  const sizes = await Promise.all(
    // A file that is not there is named by its reader, with what to do.
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  const read = files.map(() => 0);
  const readers = files.map((file, at) =>
    readCandles(file, {
      onBytes: (bytes) => {
        read[at] = bytes;
      },
    }),
  );
  const add = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
  return {
    sources: [...readers, ...candles],
    bytes: () => (files.length === 0 ? {} : { bytes: add(read), total_bytes: add(sizes) }),
  };
}

const emptyResult = (): ReplayResult => ({
  finished: false,
  candles: 0,
  signals: { recorded: 0, already_recorded: 0 },
  decisions: { opening: 0, closing: 0, rejected: 0, decided: 0 },
  orders: { filled: 0, rejected: 0 },
  trades: { opened: 0, closed: 0 },
});
