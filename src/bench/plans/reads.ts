import type { Operations } from '../../operations/index.js';
import type { Ground } from './ground.js';

type Name = keyof Operations;
type Filters = Record<string, unknown>;

const DAY = 86_400_000;
const NOBODY = 'nobody';
const around = (timestamp: number) => ({ since: timestamp - DAY / 2, until: timestamp + DAY / 2 });

/** Reads without a plan to be judged, and why. */
export const EXEMPT: { readonly [N in Name]?: string } = {
  verify: 'it computes the whole record again, and compares',
  performance: 'it groups every closed trade of its span by day and symbol, and adds them up in their order',
  notTraded: 'it groups every signal of its span by what became of its orders',
};

/**
 * Values for every filter of a read: each object has them all, and every subset of it is asked for. The last object of
 * most asks for what does not exist.
 */
export const PROFILES: { readonly [N in Name]?: (ground: Ground) => Filters[] } = {
  signals: ({ signal }) => [
    { ...pick(signal, 'signal_id', 'symbol', 'side'), without_order: true, ...around(signal.timestamp) },
    { ...{ signal_id: NOBODY, symbol: NOBODY, side: 'BUY', without_order: true }, ...around(DAY * 10_000) },
  ],
  orders: ({ filled, pending }) => [
    { ...pick(filled, 'order_id', 'signal_id', 'symbol', 'side'), status: 'FILLED' },
    { ...pick(pending, 'order_id', 'symbol', 'side'), signal_id: filled.signal_id, status: 'PENDING' },
    { order_id: NOBODY, signal_id: NOBODY, symbol: NOBODY, side: 'SELL', status: 'CANCELLED' },
  ],
  trades: ({ open, closed }) => [
    {
      ...pick(open[0]!, 'trade_id', 'order_id', 'symbol', 'side'),
      ...around(open[0]!.timestamp),
      status: 'OPEN',
    },
    {
      ...pick(closed, 'trade_id', 'order_id', 'symbol', 'side'),
      ...around(closed.timestamp),
      status: 'CLOSED',
    },
    {
      ...{ trade_id: NOBODY, order_id: NOBODY, symbol: NOBODY, side: 'BUY', status: 'OPEN' },
      ...around(DAY * 10_000),
    },
  ],
  riskEvents: ({ event }) => [
    {
      ...pick(event, 'event_id', 'event_type', 'signal_id', 'symbol'),
      ...around(event.timestamp),
      contains: { current_exposure: 4850 },
    },
    // What every event contains.
    {
      ...pick(event, 'event_id', 'event_type', 'signal_id', 'symbol'),
      ...around(event.timestamp),
      contains: { max_exposure: 5000 },
    },
    {
      ...{ event_id: NOBODY, event_type: 'circuit_breaker_triggered', signal_id: NOBODY, symbol: NOBODY },
      ...{ contains: { nobody: true }, ...around(DAY * 10_000) },
    },
  ],
  positions: ({ signal }) => [pick(signal, 'symbol', 'side'), { symbol: NOBODY, side: 'BUY' }],
  exposure: ({ signal }) => [pick(signal, 'symbol'), { symbol: NOBODY }],
  candles: ({ candle }) => [
    { symbol: candle.symbol, ...around(candle.timestamp) },
    { symbol: NOBODY, ...around(DAY * 10_000) },
  ],
  corrections: ({ correction }) => [
    {
      ...{ table: 'trades', row: correction.row_id, older_than: correction.id, column: 'pnl' },
      ...{ law: 'signals_price_check', ...around(correction.created_at) },
    },
    {
      ...{ table: 'risk_events', row: '999999999', older_than: '999999999', column: NOBODY },
      ...{ law: NOBODY, ...around(DAY * 10_000) },
    },
  ],
  quarantined: () => [
    { state: 'held', table: 'risk_events', law: 'risk_events_reason_check' },
    { state: 'discarded', table: 'trades', law: 'trades_closed_check' },
    { state: 'released', table: 'signals', law: NOBODY },
  ],
  profit: ({ closed }) => [
    { symbol: closed.symbol, ...around(closed.exit_timestamp) },
    { symbol: NOBODY, ...around(DAY * 10_000) },
  ],
  tokens: () => [{ role: 'claire' }],
  summary: () => [{}],
  decisions: ({ filled, undecided: [signal] }) => [
    { order_id: filled.order_id, signal_id: filled.signal_id },
    { order_id: NOBODY, signal_id: signal!.signal_id },
    { order_id: NOBODY, signal_id: NOBODY },
  ],
  orderHistory: ({ filled }) => [pick(filled, 'order_id'), { order_id: NOBODY }],
  notTraded: ({ signal }) => [
    { symbol: signal.symbol, ...around(signal.timestamp) },
    { symbol: NOBODY, ...around(DAY * 10_000) },
  ],
  limits: ({ signal }) => [pick(signal, 'symbol'), { symbol: NOBODY }],
  limitsHistory: ({ signal }) => [pick(signal, 'symbol'), { symbol: NOBODY }],
  capital: () => [{}],
  horizons: () => [{ table: 'signals' }],
  retentionRuns: () => [{ table: 'orders' }],
  halts: () => [{}],
  riskState: ({ closed }) => [{ at: closed.exit_timestamp }],
  reservations: ({ pending, decidedAt }) => [
    { symbol: pending.symbol, until: decidedAt },
    { symbol: NOBODY, until: DAY * 10_000 },
  ],
};

/** The most rows that a read gives; the services ask for so many. */
const MOST = 10_000;

/** What the services ask for besides: with limits of their own. */
export const BESIDES: { readonly [N in Name]?: (ground: Ground) => Filters[] } = {
  signals: ({ signal }) => [
    { without_order: true, limit: MOST },
    { signal_id: signal.signal_id, limit: 1 },
  ],
  orders: ({ pending }) => [
    { status: 'PENDING', limit: MOST },
    { status: 'PENDING', symbol: pending.symbol, limit: MOST },
    { order_id: pending.order_id, limit: 1 },
  ],
  trades: ({ open: [trade], closed }) => [
    { symbol: closed.symbol, status: 'CLOSED', limit: 1 },
    { symbol: trade!.symbol, side: trade!.side, status: 'OPEN', limit: MOST },
  ],
  riskEvents: ({ event }) => [{ event_id: event.event_id, limit: 1 }],
  positions: () => [{ limit: MOST }],
  candles: ({ candle: { symbol, timestamp } }) => [
    { symbol, since: timestamp, limit: 1 },
    { symbol, since: timestamp, limit: 1000 },
  ],
};

const pick = <Row extends object, Key extends keyof Row>(row: Row, ...keys: Key[]): Pick<Row, Key> =>
  Object.fromEntries(keys.map((key) => [key, row[key]])) as Pick<Row, Key>;

/** Every subset of an object's fields. */
export function subsetsOf(filters: Filters): Filters[] {
  return Object.entries(filters).reduce<Filters[]>(
    (subsets, [name, value]) => subsets.flatMap((subset) => [subset, { ...subset, [name]: value }]),
    [{}],
  );
}
