import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { defineWrite } from './define.js';
import { commission, id, price, quantity, side, symbol, time } from './fields.js';
import { insertion } from './insert.js';

export const tradeInput = z.strictObject({
  trade_id: id('trade')
    .default(() => randomUUID())
    .meta({
      description:
        'Id of the trade; made where it is left out, but then sending it again records another trade',
    }),
  order_id: id('order that it filled').nullish(),
  symbol,
  side,
  quantity,
  entry_price: price,
  entry_timestamp: time,
  commission: commission.nullish(),
});

type Trade = z.output<typeof tradeInput>;
const idOf = (trade: Trade) => trade.trade_id;

const insert = insertion<Trade & { status: 'OPEN' }>({
  table: 'trades',
  key: ['trade_id'],
  columns: {
    trade_id: 'text',
    order_id: 'text',
    symbol: 'text',
    side: 'text',
    quantity: 'numeric',
    entry_price: 'numeric',
    entry_timestamp: 'bigint',
    commission: 'numeric',
    status: 'text',
  },
  // A trade that was closed since is still the trade that was opened; its commission has grown by that of the exit.
  differs: {
    commission: `t.status = 'OPEN' and i.commission is not null and t.commission is distinct from i.commission`,
    status: 'false',
  },
  idOf,
});

export const { one: openTrade, many: openTrades } = defineWrite(
  'Records a trade that was opened.',
  tradeInput,
  {
    what: 'trade',
    ids: ['trade_id'],
    idOf,
    statement: (context, trades) =>
      insert(
        context,
        trades.map((trade) => ({ ...trade, status: 'OPEN' as const })),
      ),
  },
);
