import type { z } from 'zod';
import { json } from '../operations/fields.js';
import { type AnyOperation, type Operations, operations } from '../operations/index.js';
import { innermost } from '../operations/shapes.js';
import type { Columns } from '../services/index.js';

/** Something that a file may hold. */
export interface Kind {
  verb: keyof Operations;
  /** Fields that are the id of a row, where rows with other ids do not depend on it. */
  key?: readonly string[];
}

/** By the word of the command line. */
export const KINDS: Record<string, Kind> = {
  signals: { verb: 'recordSignals', key: ['signal_id'] },
  orders: { verb: 'placeOrders', key: ['order_id'] },
  fills: { verb: 'fillOrders', key: ['order_id'] },
  rejections: { verb: 'rejectOrders', key: ['order_id'] },
  cancellations: { verb: 'cancelOrders', key: ['order_id'] },
  trades: { verb: 'openTrades', key: ['trade_id'] },
  // Named by trade or by order: two rows may mean one trade and share no id.
  closes: { verb: 'closeTrades' },
  'risk-events': { verb: 'recordRiskEvents', key: ['event_id'] },
  // A moment has more than one form, so equal keys would have to be looked for in more than the text.
  candles: { verb: 'recordCandles' },
};

/** The columns of a kind, from the input of its verb. */
export function columnsOf({ verb, key = [] }: Kind): Columns {
  const { element } = (operations[verb] as AnyOperation).input as z.ZodArray<z.ZodObject>;
  const fields = Object.entries(element.shape as Record<string, z.ZodType>);
  const namesWhere = (is: (field: z.ZodType, name: string) => boolean) =>
    fields.filter(([name, field]) => is(field, name)).map(([name]) => name);
  const isOptional = (field: z.ZodType) => field.safeParse(undefined).success;
  return {
    names: namesWhere(() => true),
    required: namesWhere((field, name) => key.includes(name) || !isOptional(field)),
    ids: namesWhere((field, name) => key.includes(name) && isOptional(field)),
    json: namesWhere((field) => innermost(field) === json),
  };
}
