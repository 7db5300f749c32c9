import { literal, type Queryable } from '../../database/index.js';
import type { RestorableTable } from './tables.js';

/**
 * SQL over `t`, a row of the backup: whether retention may have removed it since, by its age and because nothing that
 * stays names it. Undefined where no run has removed any of the table: then what is missing is missing.
 */
export async function expiredSql(
  session: Queryable,
  schema: string,
  { name }: RestorableTable,
): Promise<string | undefined> {
  const due = await dueOf(session, schema);
  // Decisions and states go with their order.
  const age = due[['decisions', 'order_history'].includes(name) ? 'orders' : name];
  if (age === undefined) return undefined;
  const isTraded = (order: string) =>
    `exists (select from ${schema}.trades as x where x.order_id = ${order}.order_id)`;
  const stays = (order: string) =>
    `(${due.orders === undefined ? 'true' : `${order}.created_at >= ${literal(due.orders)}::timestamp`}
      or ${order}.status = 'PENDING' or ${isTraded(order)})`;
  const kept: Record<string, string> = {
    signals: `exists (select from ${schema}.orders as o where o.signal_id = t.signal_id and ${stays('o')})`,
    orders: stays('t'),
    decisions: `exists (select from ${schema}.orders as o where o.order_id = t.order_id and ${stays('o')})`,
    order_history: `exists (select from ${schema}.orders as o where o.order_id = t.order_id and ${stays('o')})`,
  };
  // A line of the history may be younger than its order, which takes it along.
  const isLog = name === 'decisions' || name === 'order_history';
  const isOld = isLog ? 'true' : `t.created_at < ${literal(age)}::timestamp`;
  return `coalesce(${isOld} and not ${kept[name] ?? 'false'}, false)`;
}

/** Of each table, before which moment rows were recorded that retention has removed. */
async function dueOf(session: Queryable, schema: string): Promise<Partial<Record<string, string>>> {
  // A book that stands at an older version of the schema has none.
  const [there] = await session.query<{ is: boolean }>(`select to_regclass($1) is not null as is`, [
    `${schema}.retention_runs`,
  ]);
  if (!there!.is) return {};
  const rows = await session.query<{ table_name: string; due: string }>(
    // A signal may have gone with its order, which the run of the orders tells.
    `select r.table_name, max(r.due_before)::text as due from ${schema}.retention_runs as r
     where r.removed > 0 or (r.table_name = 'signals'
       and exists (select from ${schema}.retention_runs as o where o.with_signals > 0))
     group by r.table_name`,
  );
  return Object.fromEntries(rows.map(({ table_name, due }) => [table_name, due]));
}
