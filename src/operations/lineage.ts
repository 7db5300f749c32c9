import { z } from 'zod';
import { ClaireError } from '../errors/index.js';
import { decisionRow } from './decide.js';
import { id, out, symbol, time } from './fields.js';
import type { Operation } from './operation.js';
import { ID } from './page.js';
import { conditionsOf, defineRead } from './read.js';

export const decisions = defineRead({
  summary: 'What was decided of an order or a signal, and by which numbers.',
  from: 'decisions',
  row: decisionRow.extend({
    actor: out.text,
    created_at: out.time,
  }),
  filters: {
    order_id: id('order').optional(),
    signal_id: id('signal').optional(),
  },
  where: {
    order_id: 'order_id = $',
    signal_id: 'order_id in (select o.order_id from {book}.orders as o where o.signal_id = $)',
  },
  order: { direction: 'asc', keys: [{ by: 't.order_id', type: 'text', of: 'order_id' }] },
});

export const orderHistory = defineRead({
  summary: 'Each state that an order moved to, the newest first, with when and by whom.',
  from: 'order_history',
  row: z.object({
    id: out.rowId,
    order_id: out.text,
    from_status: out.text.nullable(),
    to_status: out.text,
    reason: out.text.nullable(),
    actor: out.text,
    created_at: out.time,
  }),
  expressions: { id: 't.id::text' },
  filters: { order_id: id('order').optional() },
  where: { order_id: 'order_id = $' },
  order: { direction: 'desc', keys: [ID] },
});

const whyInput = z.strictObject({ id: id('signal, order or trade') });
const chain = z.object({
  signal: out.json.nullable().meta({ description: 'The signal, null where the order names none' }),
  orders: z.array(out.json).meta({
    description:
      'Its orders, each with the decision, the limits and numbers of that moment, the states it was in and its trades',
  }),
  trades: z.array(out.json).meta({ description: 'A trade that names no order' }),
  risk_events: z.array(out.json),
});

/** The whole chain in one question. Numbers in it are decimals as text. */
export const why: Operation<typeof whyInput, z.output<typeof chain>> = {
  summary: 'Why: the whole chain of a signal, an order or a trade, from its signal to its profit.',
  kind: 'read',
  input: whyInput,
  result: chain,
  async run({ database, book }, { id }) {
    const [row] = await database.query<{ why: z.output<typeof chain> | null }>(
      `select ${book}.why($1) as why`,
      [id],
    );
    if (!row?.why) {
      throw new ClaireError('not_found', { found: `There is no signal, order or trade ${id}.` });
    }
    return row.why;
  },
};

const notTradedInput = z.strictObject({
  symbol: symbol.optional(),
  since: time
    .optional()
    .meta({ description: 'Market time of the signal from which on, this moment included' }),
  until: time.optional().meta({ description: 'Market time up to which, this moment not included' }),
});
const group = z.object({
  reason: out.text.meta({ description: 'Why the last order of the signal came to nothing, or Not decided' }),
  signals: out.count,
  first: out.time.meta({ description: 'Market time of the first of them' }),
  last: out.time,
  newest: z.array(out.text).meta({ description: 'Ids of the newest, ten at most' }),
});

export const notTraded: Operation<typeof notTradedInput, z.output<typeof group>[]> = {
  summary: 'Signals that led to nothing, grouped by reason, the most frequent first.',
  kind: 'read',
  input: notTradedInput,
  result: group,
  async run({ database, book }, given) {
    const { where, values } = conditionsOf(
      { symbol: 'symbol = $', since: 'timestamp >= $', until: 'timestamp < $' },
      given,
      book,
    );
    return database.query(
      `select reason, count(*) as signals, min(timestamp) as first, max(timestamp) as last,
         (array_agg(signal_id order by timestamp desc, signal_id))[1:10] as newest
       from ${book}.untraded_signals where ${where}
       group by reason order by signals desc, reason`,
      values,
      { prepared: false },
    );
  },
};
