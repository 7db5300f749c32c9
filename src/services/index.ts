export { type Candle, mergeCandles, readCandles, type Step, symbolOf } from './candles/index.js';
export { type ExecutionOptions, ExecutionService, type Fills } from './execution-service.js';
export {
  type Columns,
  FORMATS,
  type Format,
  formatOf,
  type ImportResult,
  importRows,
  openFile,
  outcomesOf,
  type Problem,
  type Source,
} from './import/index.js';
export { type MarketOptions, syntheticMarket } from './market.js';
export { type PollOptions, runExecutionService, runRiskManager, runSignalEngine } from './processes.js';
export { type Connections, type Progress, type ReplayOptions, type ReplayResult, replay } from './replay.js';
export { type Decision, RiskManager, type RiskOptions } from './risk-manager.js';
export { type RecordedSignal, type Signal, SignalEngine, type SignalEngineOptions } from './signal-engine.js';
export { MovingAverageCrossover, RelativeStrength, type Strategy } from './strategies/index.js';
