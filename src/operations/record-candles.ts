import { z } from 'zod';
import { defineWrite } from './define.js';
import { price, symbol, time, volume } from './fields.js';
import { insertion } from './insert.js';

export const candleInput = z.strictObject({
  symbol,
  timestamp: time.meta({ description: 'Start of the candle, Unix milliseconds' }),
  open: price,
  high: price,
  low: price,
  close: price,
  volume,
});

type CandleRow = z.output<typeof candleInput>;
const idOf = (candle: CandleRow) => `${candle.symbol} ${candle.timestamp}`;

export const { many: recordCandles } = defineWrite('Records a candle.', candleInput, {
  what: 'candle',
  ids: ['symbol', 'timestamp'],
  idOf,
  statement: insertion<CandleRow>({
    table: 'candles',
    key: ['symbol', 'timestamp'],
    columns: {
      symbol: 'text',
      timestamp: 'bigint',
      open: 'numeric',
      high: 'numeric',
      low: 'numeric',
      close: 'numeric',
      volume: 'numeric',
    },
    idOf,
  }),
});
