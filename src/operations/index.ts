import { closeTrade, closeTrades } from './close-trade.js';
import { CORRECTABLE, correct } from './correct.js';
import { corrections } from './corrections.js';
import { decide, decideAll } from './decide.js';
import { halt, halts, resume, riskState } from './halts.js';
import { horizons, retentionRuns, setHorizon } from './horizons.js';
import {
  capital,
  limits,
  limitsHistory,
  releaseReservation,
  reservations,
  setCapital,
  setLimits,
} from './limits.js';
import { decisions, notTraded, orderHistory, why } from './lineage.js';
import { cancelOrder, cancelOrders, fillOrder, fillOrders, rejectOrder, rejectOrders } from './move-order.js';
import { openTrade, openTrades } from './open-trade.js';
import { performance } from './performance.js';
import { placeOrder, placeOrders } from './place-order.js';
import { profit } from './profit.js';
import { discardQuarantined, quarantined, releaseQuarantined } from './quarantine.js';
import { candles, exposure, orders, positions, riskEvents, signals, trades } from './reads.js';
import { recordCandles } from './record-candles.js';
import { recordRiskEvent, recordRiskEvents } from './record-risk-event.js';
import { recordSignal, recordSignals } from './record-signal.js';
import { summary } from './summary.js';
import { createToken, revokeToken, tokens } from './tokens.js';
import { readChecks, verify } from './verify.js';

/** Every verb of Claire, once. The library's methods and the command's reads are made from this. */
export const operations = {
  recordSignal,
  recordSignals,
  decide,
  decideAll,
  placeOrder,
  placeOrders,
  fillOrder,
  fillOrders,
  rejectOrder,
  rejectOrders,
  cancelOrder,
  cancelOrders,
  openTrade,
  openTrades,
  closeTrade,
  closeTrades,
  recordRiskEvent,
  recordRiskEvents,
  recordCandles,
  setLimits,
  setCapital,
  setHorizon,
  halt,
  resume,
  releaseReservation,
  correct,
  releaseQuarantined,
  discardQuarantined,
  createToken,
  revokeToken,
  signals,
  orders,
  trades,
  riskEvents,
  positions,
  exposure,
  candles,
  decisions,
  orderHistory,
  why,
  notTraded,
  limits,
  limitsHistory,
  capital,
  halts,
  riskState,
  reservations,
  horizons,
  retentionRuns,
  corrections,
  quarantined,
  tokens,
  profit,
  performance,
  summary,
  verify,
} as const;

export type { Decision } from './decide.js';
export { keepTimings } from './keep-timings.js';
export { LIMITS } from './limits.js';
export { CORRECTABLE };
export type Operations = typeof operations;
export type { AnyOperation, Context, Operation } from './operation.js';
export { bindOperation } from './operation.js';
export type { Outcome, Recorded } from './outcomes.js';
export type { Page } from './page.js';
export { type LogEvent, type LogPage, readLog } from './record-log.js';
export { type Statement, statementsOf } from './statements.js';
export { type OperationTimings, Timings, type TimingsSnapshot } from './timings.js';
export { findToken, type TokenFound } from './tokens.js';
export { type Answer, acting, hashOf, type Once, once, transactionContext } from './transactions.js';
export { readChecks, verify };
