import { z } from 'zod';
import { change } from './change.js';
import { defineWrite } from './define.js';
import { commission, id, price, time } from './fields.js';

export const closeTradeInput = z
  .strictObject({
    trade_id: id('trade').nullish(),
    order_id: id('order that opened it, for trades without an id of their own').nullish(),
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

const by = (key: 'trade_id' | 'order_id') =>
  change<Close>({
    table: 'trades',
    key,
    columns: { [key]: 'text', exit_price: 'numeric', exit_timestamp: 'bigint', commission: 'numeric' },
    set: {
      status: `'CLOSED'`,
      exit_price: 'i.exit_price',
      exit_timestamp: 'i.exit_timestamp',
      commission: 'coalesce(i.commission, t.commission)',
    },
    idOf,
  });

const byTrade = by('trade_id');
const byOrder = by('order_id');

export const { one: closeTrade, many: closeTrades } = defineWrite(
  'Closes an open trade as a whole; the database computes its profit.',
  closeTradeInput,
  {
    what: 'trade',
    idOf,
    async statement(context, closes) {
      const results = new Map<Close, Awaited<ReturnType<typeof byTrade>>[number]>();
      for (const [run, chosen] of [
        [byTrade, closes.filter((close) => close.trade_id != null)],
        [byOrder, closes.filter((close) => close.trade_id == null)],
      ] as const) {
        if (chosen.length === 0) continue;
        for (const [at, result] of (await run(context, chosen)).entries()) results.set(chosen[at]!, result);
      }
      return closes.map((close) => results.get(close)!);
    },
  },
);
