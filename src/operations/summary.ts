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
    // The order counts nothing else, but makes the planner take an index, a quarter of the table's size or less.
    const [counts] = await database.query<
      Omit<z.output<typeof result>, keyof Awaited<ReturnType<typeof profit.run>>>
    >(
      `select
         (select count(*) from (select from ${book}.signals order by id) as s) as signals,
         (select coalesce(jsonb_object_agg(status, n), '{}') from (
            select status, count(*) as n from (select status from ${book}.orders order by status) as o group by status
          ) as counted) as orders,
         (select coalesce(jsonb_object_agg(event_type, n), '{}') from (
            select event_type, count(*) as n
            from (select event_type from ${book}.risk_events order by event_type) as e group by event_type
          ) as counted) as risk_events,
         (select count(*) from ${book}.position_sums) as open_positions,
         (select coalesce(sum(num_trades), 0)::bigint from ${book}.position_sums) as open_trades,
         (select count(*) from ${book}.quarantine where state = 'held') as quarantined`,
    );
    return { ...counts!, ...(await profit.run(context, {})) };
  },
};
