import { z } from 'zod';
import { out } from './fields.js';
import type { Operation } from './operation.js';
import { profit } from './profit.js';

const result = z.object({
  signals: out.count,
  orders: z.record(z.string(), out.count),
  risk_events: z.record(z.string(), out.count),
  open_positions: out.count,
  open_trades: out.count,
  closed_trades: out.count,
  pnl: out.decimal,
  pnl_net: out.decimal,
  commission: out.decimal,
  commission_unknown: out.count,
  quarantined: out.count.meta({ description: 'Rows held in quarantine until somebody decides' }),
});

const input = z.strictObject({});

/** What a book holds, counted. */
export const summary: Operation<typeof input, z.output<typeof result>> = {
  summary:
    'What a book holds: signals, orders by state, risk events by type, positions, trades, profit, and rows in quarantine.',
  kind: 'read',
  input,
  result,
  async run(context) {
    const { database, book } = context;
    const [counts] = await database.query<
      Omit<z.output<typeof result>, keyof Awaited<ReturnType<typeof profit.run>>>
    >(
      `select
         (select count(*) from ${book}.signals) as signals,
         (select coalesce(jsonb_object_agg(status, n), '{}')
          from (select status, count(*) as n from ${book}.orders group by status) as o) as orders,
         (select coalesce(jsonb_object_agg(event_type, n), '{}')
          from (select event_type, count(*) as n from ${book}.risk_events group by event_type) as e) as risk_events,
         (select count(*) from ${book}.position_sums) as open_positions,
         (select coalesce(sum(num_trades), 0)::bigint from ${book}.position_sums) as open_trades,
         (select count(*) from ${book}.quarantine where state = 'held') as quarantined`,
    );
    return { ...counts!, ...(await profit.run(context, {})) };
  },
};
