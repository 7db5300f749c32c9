export { LosslessNumber } from 'lossless-json';
export { type Claire, type ConnectOptions, connect, type Verbs } from './claire.js';
export type { TransactionOptions } from './database/index.js';
export type { Decimal, DecimalInput } from './domain/decimal.js';
export { LATENCY_BUCKETS_MS } from './domain/latency.js';
export type { Milliseconds, TimeInput } from './domain/time.js';
export type { OrderStatus, RiskEventType, Side, TradeStatus } from './domain/vocabulary.js';
export { ClaireError, type ErrorCode } from './errors/index.js';
export type { OperationTimings, Outcome, Page, Recorded, TimingsSnapshot } from './operations/index.js';
