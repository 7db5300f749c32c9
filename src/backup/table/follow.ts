import { completePositions } from '../../schema/index.js';
import type { Apply } from './apply.js';
import { CHOSEN, ROWS, type Staged } from './stage.js';

/**
 * Sets right what follows from rows that came back. Not by adding each of them: whoever took rows away behind the triggers'
 * back has left the sums as they were, and whoever did not has not. So each sum becomes what the rows say now.
 */
export async function follow(staged: Staged, apply: Apply, reason: string): Promise<void> {
  const { table } = staged;
  if (table.name === 'trades') {
    await staged.session.query(completePositions(staged.schema, staged.live));
    await followProfit(staged);
  }
  if (table.name === 'orders') await followHistory(staged, reason);
  if (['orders', 'trades', 'decisions'].includes(table.name)) await followReservations(staged, apply);
}

/** What is shown and summed by the clock, done at once: nothing is wrong where it cannot be. */
export async function followAfter({ session, schema, table }: Staged): Promise<void> {
  if (!['orders', 'trades', 'decisions'].includes(table.name)) return;
  await session.query(`select ${schema}.fold_reservation_changes()`).catch(() => {});
  if (table.name === 'trades')
    await session.query(`select ${schema}.refresh_positions_realtime()`).catch(() => {});
}

/** The profit of the day and of 24 hours that the circuit breaker goes by, as sql/checks asks for it. */
async function followProfit({ session, schema, live }: Staged): Promise<void> {
  // Who decides or closes meanwhile would move it to another moment.
  await session.query(`select from ${schema}.risk where profit_at is not null for update`);
  await session.query(
    `with now as (
       select r.id, t.day_pnl, t.window_pnl
       from ${schema}.risk as r
       cross join lateral (
         select coalesce(sum(pnl) filter (where pnl <> 'NaN' and exit_timestamp >= r.day_from), 0) as day_pnl,
           coalesce(sum(pnl) filter (where pnl <> 'NaN' and exit_timestamp > r.profit_at - 86400000), 0) as window_pnl
         from ${live}
         where status = 'CLOSED' and exit_timestamp <= r.profit_at
           and exit_timestamp >= least(r.day_from, r.profit_at - 86400000)
       ) as t
       where r.profit_at is not null
     )
     update ${schema}.risk as r set (day_pnl, window_pnl) = (n.day_pnl, n.window_pnl)
     from now as n
     where r.id = n.id and (r.day_pnl, r.window_pnl) is distinct from (n.day_pnl, n.window_pnl)`,
  );
}

/** The history of an order ends with the state that it has. */
async function followHistory(staged: Staged, reason: string): Promise<void> {
  const { session, schema, live } = staged;
  await session.query(
    `insert into ${schema}.order_history (order_id, from_status, to_status, reason)
     select o.order_id, h.to_status, o.status, $1
     from ${CHOSEN} as f join ${ROWS} as b using (claire_row) join ${live} as o on o.order_id = b.order_id
     left join lateral (
       select x.to_status from ${schema}.order_history as x where x.order_id = o.order_id order by x.id desc limit 1
     ) as h on true
     where h.to_status is distinct from o.status
     order by o.id`,
    [reason],
  );
}

/** What each order reserves is looked up again, from its state and its trades. */
async function followReservations({ session, schema }: Staged, apply: Apply): Promise<void> {
  // Of a trade that names another order again, both.
  const before = apply === 'different' ? `union select row ->> 'order_id' from pg_temp.claire_before` : '';
  await session.query(
    `insert into ${schema}.reservation_changes (order_id)
     select d.order_id
     from (select b.order_id from ${CHOSEN} as f join ${ROWS} as b using (claire_row) ${before}) as n
     join ${schema}.decisions as d on d.order_id = n.order_id
     group by d.order_id`,
  );
}
