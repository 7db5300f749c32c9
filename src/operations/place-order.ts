import { z } from 'zod';
import { defineWrite } from './define.js';
import { id, price, quantity, reason, side, symbol, time } from './fields.js';
import { insertion } from './insert.js';

export const orderInput = z
  .strictObject({
    order_id: id('order'),
    signal_id: id('signal that led to it').nullish(),
    symbol,
    side,
    quantity,
    price: price.nullish().meta({ description: 'Limit price; leave it out for a MARKET order' }),
    timestamp: time.nullish(),
    status: z
      .enum(['PENDING', 'REJECTED'])
      .default('PENDING')
      .meta({ description: 'REJECTED records an order that the risk check refused, with rejection_reason' }),
    rejection_reason: reason.nullish(),
  })
  .refine((order) => order.status === 'REJECTED' || order.rejection_reason == null, {
    message: 'only an order with status REJECTED has one',
    path: ['rejection_reason'],
  });

type Order = z.output<typeof orderInput>;
const idOf = (order: Order) => order.order_id;

export const { one: placeOrder, many: placeOrders } = defineWrite(
  'Places an order: PENDING, or REJECTED with its reason.',
  orderInput,
  {
    what: 'order',
    ids: ['order_id'],
    idOf,
    statement: insertion<Order>({
      table: 'orders',
      key: ['order_id'],
      columns: {
        order_id: 'text',
        signal_id: 'text',
        symbol: 'text',
        side: 'text',
        quantity: 'numeric',
        price: 'numeric',
        timestamp: 'bigint',
        status: 'text',
        rejection_reason: 'text',
      },
      // A placed order moves on: sent again as PENDING it is the same order, whatever became of it.
      differs: {
        status: `i.status = 'REJECTED' and t.status <> 'REJECTED'`,
        rejection_reason: `i.rejection_reason is not null and t.rejection_reason is distinct from i.rejection_reason`,
      },
      idOf,
    }),
  },
);
