import { z } from 'zod';
import { defineWrite } from './define.js';
import { confidence, id, json, price, side, symbol, time } from './fields.js';
import { insertion } from './insert.js';

export const signalInput = z.strictObject({
  signal_id: id('signal'),
  symbol,
  side,
  price,
  confidence,
  timestamp: time,
  metadata: json.nullish(),
});

type Signal = z.output<typeof signalInput>;
const idOf = (signal: Signal) => signal.signal_id;

export const { one: recordSignal, many: recordSignals } = defineWrite('Records a signal.', signalInput, {
  what: 'signal',
  ids: ['signal_id'],
  idOf,
  statement: insertion<Signal>({
    table: 'signals',
    key: ['signal_id'],
    columns: {
      signal_id: 'text',
      symbol: 'text',
      side: 'text',
      price: 'numeric',
      confidence: 'numeric',
      timestamp: 'bigint',
      metadata: 'jsonb',
    },
    idOf,
  }),
});
