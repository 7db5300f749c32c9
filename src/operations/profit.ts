import { z } from 'zod';
import { out, symbol, time } from './fields.js';
import type { Operation } from './operation.js';
import { conditionsOf } from './read.js';

/** Which closed trades count. */
export const closedInput = z.strictObject({
  symbol: symbol.optional(),
  since: time.optional().meta({ description: 'Exit time from which on, this moment included' }),
  until: time.optional().meta({ description: 'Exit time up to which, this moment not included' }),
});

const result = z.object({
  closed_trades: out.count,
  pnl: out.decimal,
  pnl_net: out.decimal.meta({ description: 'Over the trades whose commission is known' }),
  commission: out.decimal,
  commission_unknown: out.count.meta({ description: 'Closed trades whose commission is not known' }),
});

export const CLOSED_WHERE = {
  symbol: 'symbol = $',
  since: 'exit_timestamp >= $',
  until: 'exit_timestamp < $',
} as const;

/** Realized profit of the trades closed in a span of market time. */
export const profit: Operation<typeof closedInput, z.output<typeof result>> = {
  summary: 'Realized profit of the trades that were closed in a span of market time.',
  kind: 'read',
  input: closedInput,
  result,
  async run({ database, book }, given) {
    const { where, values } = conditionsOf(CLOSED_WHERE, given, book);
    const [row] = await database.query<z.output<typeof result>>(
      `select
         count(*) as closed_trades,
         coalesce(sum(pnl), 0) as pnl,
         coalesce(sum(pnl_net), 0) as pnl_net,
         coalesce(sum(commission), 0) as commission,
         count(*) filter (where commission is null) as commission_unknown
       from ${book}.trades
       where status = 'CLOSED' and ${where}`,
      values,
    );
    return row!;
  },
};
