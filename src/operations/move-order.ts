import { z } from 'zod';
import type { OrderStatus } from '../domain/vocabulary.js';
import { change } from './change.js';
import { defineWrite } from './define.js';
import { id, reason } from './fields.js';

const idOf = (order: { order_id: string }) => order.order_id;

/** PENDING to `status`, with the reason where one is given. The database refuses every other move. */
function move<Item extends z.ZodType<{ order_id: string; reason?: string | null | undefined }>>(
  summary: string,
  input: Item,
  status: OrderStatus,
) {
  return defineWrite(summary, input, {
    what: 'order',
    ids: ['order_id'],
    idOf,
    statement: change<z.output<Item>>({
      table: 'orders',
      columns: { order_id: 'text', reason: 'text' } as Record<keyof z.output<Item> & string, 'text'>,
      find: ['t.order_id = i.order_id'],
      from: 'PENDING',
      to: status,
      set: { rejection_reason: 'coalesce(i.reason, t.rejection_reason)' },
      final: { code: 'order_final', law: 'orders_final_state' },
      idOf,
    }),
  });
}

const order_id = id('order');

export const { one: fillOrder, many: fillOrders } = move(
  'Marks a PENDING order as FILLED.',
  z.strictObject({ order_id }),
  'FILLED',
);

export const { one: rejectOrder, many: rejectOrders } = move(
  'Marks a PENDING order as REJECTED, with the reason.',
  z.strictObject({ order_id, reason }),
  'REJECTED',
);

export const { one: cancelOrder, many: cancelOrders } = move(
  'Marks a PENDING order as CANCELLED, with a reason where there is one.',
  z.strictObject({ order_id, reason: reason.nullish() }),
  'CANCELLED',
);
