import { z } from 'zod';
import { change } from './change.js';
import { defineWrite } from './define.js';
import { commission, id, price, time } from './fields.js';

export const closeTradeInput = z
  .strictObject({
    trade_id: id('trade').nullish(),
    order_id: id('order that opened it: closes what is open of it').nullish(),
    exit_price: price,
    exit_timestamp: time,
    commission: commission.nullish().meta({ description: 'Commission of entry and exit together' }),
  })
  .refine((close) => (close.trade_id == null) !== (close.order_id == null), {
    message: 'name the trade by trade_id or by order_id, one of them',
    path: ['trade_id'],
  });

type Close = z.output<typeof closeTradeInput>;
const idOf = (close: Close) => (close.trade_id ?? close.order_id)!;

export const { one: closeTrade, many: closeTrades } = defineWrite(
  'Closes an open trade as a whole; the database computes its profit.',
  closeTradeInput,
  {
    what: 'trade',
    ids: ['trade_id', 'order_id'],
    idOf,
    statement: change<Close>({
      table: 'trades',
      columns: {
        trade_id: 'text',
        order_id: 'text',
        exit_price: 'numeric',
        exit_timestamp: 'bigint',
        commission: 'numeric',
      },
      find: ['t.trade_id = i.trade_id', 'i.trade_id is null and t.order_id = i.order_id'],
      from: 'OPEN',
      to: 'CLOSED',
      set: {
        exit_price: 'i.exit_price',
        exit_timestamp: 'i.exit_timestamp',
        commission: 'coalesce(i.commission, t.commission)',
      },
      final: { code: 'trade_final', law: 'trades_closed_is_final' },
      idOf,
    }),
  },
);
