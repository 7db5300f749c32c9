import type { Operations } from '../../operations/index.js';
import type { Ground } from './ground.js';

type Name = keyof Operations;

/** One item of a write; `id` is like no other. */
type Item = (ground: Ground, id: number) => unknown;

export interface Write {
  item: Item;
  /** What must be there before, for the same `id`: written unseen. */
  after?: { operation: Name; item: Item };
}

const NOW = 1_770_000_000_000;
const again = <Row>(rows: readonly Row[], id: number): Row => rows[id % rows.length]!;

const order: Item = ({ undecided }, id) => {
  const { signal_id, symbol, side } = again(undecided, id);
  return {
    ...{ order_id: `plans_${id}`, signal_id, symbol, side, quantity: '1.5', price: '100' },
    timestamp: NOW + id,
  };
};

const move = (reason: object): Write => ({
  item: (_, id) => ({ order_id: `plans_${id}`, ...reason }),
  after: { operation: 'placeOrder', item: order },
});

/** Items for each write of one item; its batch takes the same. Each is written, and then sent again. */
export const WRITES: { readonly [N in Name]?: Write } = {
  recordSignal: {
    item: (_, id) => ({
      ...{ signal_id: `plans_${id}`, symbol: 'BTCUSDT', side: 'BUY', price: '100.5', confidence: '0.5' },
      ...{ timestamp: NOW + id, metadata: { strategy: 'momentum' } },
    }),
  },
  decide: {
    item: ({ undecided }, id) => ({
      ...{ order_id: `plans_${id}`, signal_id: again(undecided, id).signal_id },
      ...(id % 2 === 0 ? { quantity: '1.5' } : { notional: '150' }),
      ...{ price: id % 3 === 0 ? '100' : null, close_opposed: id % 5 === 0 },
    }),
  },
  placeOrder: { item: order },
  fillOrder: move({}),
  rejectOrder: move({ reason: 'Exposure limit exceeded' }),
  cancelOrder: move({ reason: 'Not wanted' }),
  openTrade: {
    item: ({ filled: { order_id, symbol, side } }, id) => ({
      ...{ trade_id: `plans_${id}`, order_id, symbol, side, quantity: '1.5', entry_price: '100' },
      ...{ entry_timestamp: NOW + id, commission: '0.1' },
    }),
  },
  closeTrade: {
    item: ({ open }, id) => {
      const { trade_id, order_id } = again(open, id);
      const named = id % 2 === 0 ? { trade_id } : { order_id };
      return { ...named, exit_price: '101', exit_timestamp: NOW, commission: '0.2' };
    },
  },
  recordRiskEvent: {
    item: ({ signal: { signal_id, symbol } }, id) => ({
      ...{ event_id: `plans_${id}`, event_type: 'signal_rejected', signal_id, symbol, reason: 'Too much' },
      ...{ details: { current_exposure: 4850 }, timestamp: NOW + id },
    }),
  },
};

/** Batches without a single call beside them. */
export const BATCHES: { readonly [N in Name]?: Item } = {
  recordCandles: (_, id) => ({
    ...{ symbol: 'BTCUSDT', timestamp: NOW + id * 60_000 },
    ...{ open: '100', high: '101', low: '99', close: '100', volume: '5' },
  }),
};

/** Writes that are not sent twice, and reads that must be told something: their inputs, one after another. */
export const ONCE: { readonly [N in Name]?: (ground: Ground) => unknown[] } = {
  correct: ({ undecided, pending, open, numbered, event }) =>
    [
      { what: 'signal', id: undecided[0]!.signal_id, changes: { confidence: '0.51' } },
      { what: 'order', id: pending.order_id, changes: { quantity: '7' } },
      { what: 'trade', id: open.at(-1)!.trade_id, changes: { entry_price: '99' } },
      { what: 'trade', id: numbered, changes: { entry_price: '99' } },
      { what: 'risk-event', id: event.event_id, changes: { reason: 'Another' } },
      { what: 'trade', id: 'nobody', changes: { entry_price: '99' } },
      { what: 'trade', id: '999999999', changes: { entry_price: '99' } },
    ].map((correction) => ({ ...correction, reason: 'a slip' })),
  setLimits: ({ signal }) =>
    [
      { changes: { max_exposure: '90000000000000', time_zone: 'Europe/Berlin' } },
      { changes: { max_position: '9000000000000' }, symbol: signal.symbol },
      { changes: { max_position: '9000000000000' }, symbol: 'nobody', new_symbol: true },
    ].map((limits) => ({ ...limits, reason: 'a test' })),
  setCapital: () => [
    { amount: '2000000000', reason: 'a test' },
    { amount: '1000000000', since: NOW, reason: 'a test' },
  ],
  createToken: () => [{ name: 'a test', role: 'claire_reader' }],
  revokeToken: () => [{ token_id: 'bcdfghjkmnpq' }],
  setHorizon: () =>
    [
      { table: 'signals', keep_seconds: 5_184_000 },
      { table: 'candles', keep_seconds: null },
    ].map((horizon) => ({ ...horizon, reason: 'a test' })),
  halt: () =>
    [{}, { at: NOW, until: NOW + 60_000 }, { cancel_pending: true }].map((how) => ({
      ...how,
      reason: 'a test',
    })),
  resume: () => [{}, { at: NOW, despite_limit: true }].map((how) => ({ ...how, reason: 'a test' })),
  releaseReservation: ({ unclaimed }) => [{ order_id: unclaimed, reason: 'a test' }],
  why: ({ filled, closed, undecided: [signal], pending }) =>
    [filled.signal_id, filled.order_id, pending.order_id, closed.trade_id, signal!.signal_id, 'nobody'].map(
      (id) => ({ id }),
    ),
  releaseQuarantined: ({ held }) => [
    { id: held[0], reason: 'nothing was wrong' },
    { id: held[1], changes: { reason: 'Another' }, reason: 'mended' },
    { id: '999999999', reason: 'not there' },
  ],
  discardQuarantined: ({ held }) => [
    { id: held[2], reason: 'a test' },
    { id: '999999999', reason: 'not there' },
  ],
};
