import { z } from 'zod';
import { ORDER_STATES, RISK_EVENT_TYPES, SIDES, TRADE_STATES } from '../domain/vocabulary.js';
import { eventType, id, json, orderStatus, out, side, symbol, time, tradeStatus } from './fields.js';
import { ID, moment, number, words } from './page.js';
import { defineRead } from './read.js';

const sideOut = z.enum(SIDES);
const since = time.optional().meta({ description: 'Market time from which on, this moment included' });
const until = time.optional().meta({ description: 'Market time up to which, this moment not included' });
const rowId = { id: 't.id::text' };

export const signals = defineRead({
  summary: 'Signals, newest market time first.',
  from: 'signals',
  row: z.object({
    id: out.rowId,
    signal_id: out.text,
    symbol: out.text,
    side: sideOut,
    price: out.decimal,
    confidence: out.decimal,
    timestamp: out.time,
    metadata: out.json.nullable(),
    created_at: out.time,
  }),
  expressions: rowId,
  filters: {
    signal_id: id('signal').optional(),
    symbol: symbol.optional(),
    side: side.optional(),
    without_order: z
      .literal(true)
      .optional()
      .meta({ description: 'Only signals that no order names: those that nobody has decided' }),
    since,
    until,
  },
  where: {
    signal_id: 'signal_id = $',
    symbol: 'symbol = $',
    side: 'side = $',
    without_order:
      '$::boolean and not exists (select from {book}.orders as o where o.signal_id = t.signal_id)',
    since: 'timestamp >= $',
    until: 'timestamp < $',
  },
  order: { direction: 'desc', keys: [number('timestamp'), ID] },
});

export const orders = defineRead({
  summary: 'Orders, newest first by when they were recorded.',
  from: 'orders',
  row: z.object({
    id: out.rowId,
    order_id: out.text,
    signal_id: out.text.nullable(),
    symbol: out.text,
    side: sideOut,
    quantity: out.decimal,
    price: out.decimal.nullable(),
    status: z.enum(ORDER_STATES),
    rejection_reason: out.text.nullable(),
    timestamp: out.time.nullable(),
    created_at: out.time,
    updated_at: out.time,
  }),
  expressions: rowId,
  filters: {
    order_id: id('order').optional(),
    signal_id: id('signal').optional(),
    symbol: symbol.optional(),
    side: side.optional(),
    status: orderStatus.optional(),
  },
  where: {
    order_id: 'order_id = $',
    signal_id: 'signal_id = $',
    symbol: 'symbol = $',
    side: 'side = $',
    status: 'status = $',
  },
  order: { direction: 'desc', keys: [moment('created_at'), ID] },
});

export const trades = defineRead({
  summary: 'Trades, newest entry first, with the profit of the closed ones.',
  from: 'trades',
  row: z.object({
    id: out.rowId,
    trade_id: out.text.nullable(),
    order_id: out.text.nullable(),
    symbol: out.text,
    side: sideOut,
    quantity: out.decimal,
    entry_price: out.decimal,
    entry_timestamp: out.time,
    exit_price: out.decimal.nullable(),
    exit_timestamp: out.time.nullable(),
    status: z.enum(TRADE_STATES),
    pnl: out.decimal.nullable().meta({ description: 'Gross profit' }),
    pnl_pct: out.decimal.nullable().meta({ description: 'Gross profit in percent of the entry' }),
    pnl_net: out.decimal
      .nullable()
      .meta({ description: 'pnl − commission; null while the commission is not known' }),
    commission: out.decimal.nullable(),
    created_at: out.time,
  }),
  expressions: rowId,
  filters: {
    trade_id: id('trade').optional(),
    order_id: id('order').optional(),
    symbol: symbol.optional(),
    side: side.optional(),
    status: tradeStatus.optional(),
    since,
    until,
  },
  where: {
    trade_id: 'trade_id = $',
    order_id: 'order_id = $',
    symbol: 'symbol = $',
    side: 'side = $',
    status: 'status = $',
    since: 'entry_timestamp >= $',
    until: 'entry_timestamp < $',
  },
  order: { direction: 'desc', keys: [number('entry_timestamp'), ID] },
  // A plan for any span takes it for one of few rows, and sorts those that it finds.
  decisive: 'until',
});

export const riskEvents = defineRead({
  summary: 'Risk events, newest market time first, also by what their details contain.',
  from: 'risk_events',
  row: z.object({
    id: out.rowId,
    event_id: out.text.nullable(),
    event_type: z.enum(RISK_EVENT_TYPES),
    signal_id: out.text.nullable(),
    symbol: out.text.nullable(),
    reason: out.text,
    details: out.json.nullable(),
    timestamp: out.time,
    created_at: out.time,
  }),
  expressions: rowId,
  filters: {
    event_id: id('event').optional(),
    event_type: eventType.optional(),
    signal_id: id('signal').optional(),
    symbol: symbol.optional(),
    contains: json
      .optional()
      .meta({ description: 'JSON that the details contain, as {"current_exposure": 4850}' }),
    since,
    until,
  },
  where: {
    event_id: 'event_id = $',
    event_type: 'event_type = $',
    signal_id: 'signal_id = $',
    symbol: 'symbol = $',
    contains: 'details @> $::jsonb',
    since: 'timestamp >= $',
    until: 'timestamp < $',
  },
  order: { direction: 'desc', keys: [number('timestamp'), ID] },
  // Rare values are found by the GIN index, frequent ones along the time. A plan for any value would be wrong for either.
  decisive: 'contains',
});

export const positions = defineRead({
  summary: 'Open positions, exact at this moment: one row a symbol and side.',
  from: 'positions',
  whole: true,
  row: z.object({
    symbol: out.text,
    side: sideOut,
    total_quantity: out.decimal,
    avg_entry_price: out.decimal.meta({ description: 'Average entry price, weighted by quantity' }),
    num_trades: out.count,
    total_value_usd: out.decimal.meta({ description: 'Sum of quantity × entry price' }),
    first_entry: out.time.nullable(),
    last_entry: out.time.nullable(),
  }),
  filters: { symbol: symbol.optional(), side: side.optional() },
  where: { symbol: 'symbol = $', side: 'side = $' },
  order: { direction: 'asc', keys: [words('symbol'), words('side')] },
});

export const exposure = defineRead({
  summary: 'Exposure a symbol, exact at this moment: long, short, gross and net value at entry prices.',
  from: 'exposure',
  whole: true,
  row: z.object({
    symbol: out.text,
    long: out.decimal,
    short: out.decimal,
    gross: out.decimal,
    net: out.decimal,
  }),
  filters: { symbol: symbol.optional() },
  where: { symbol: 'symbol = $' },
  order: { direction: 'asc', keys: [words('symbol')] },
});

export const candles = defineRead({
  summary: 'Candles that were replayed, oldest first.',
  from: 'candles',
  row: z.object({
    symbol: out.text,
    timestamp: out.time,
    open: out.decimal,
    high: out.decimal,
    low: out.decimal,
    close: out.decimal,
    volume: out.decimal,
  }),
  filters: { symbol: symbol.optional(), since, until },
  where: { symbol: 'symbol = $', since: 'timestamp >= $', until: 'timestamp < $' },
  order: { direction: 'asc', keys: [number('timestamp'), words('symbol')] },
});
