import { identifier, type Queryable } from '../../database/index.js';
import { boundsOf, momentOf, RETAINED, type Retained, type Scope } from './tables.js';

/** What would go of one table. */
export interface Due {
  table: Retained | 'decisions' | 'order_history';
  rows: number;
  bytes: number;
  /** When the first and the last of them were recorded, Unix milliseconds. */
  oldest_ms: number | null;
  newest_ms: number | null;
  /** Where they are asked for: by the id of their table, of candles symbol and time. */
  ids?: string[];
}

interface Bound {
  table_name: Retained;
  due: string | null;
  watermark: string;
}

const last = (table: Retained) => `coalesce(($2::jsonb ->> '${table}')::bigint, t.id)`;
/** Behind the watermark only what waits is looked at. */
const isLookedAt = (table: Retained, watermark: string) =>
  `(t.id > ${watermark}::bigint or t.id in (
     select w.row_id from {book}.retention_waiting as w where w.table_name = '${table}'
   ))`;
const wasSeen = (writtenBy: string) => `{book}.was_seen(${writtenBy}, ($2::jsonb ->> 'transaction')::xid8)`;
const isUnchanged = `($1::timestamp is null or coalesce(t.changed_at < $1::timestamp, true)) and ${wasSeen('t.written_by')}`;

/** SQL of what goes: one set a table, the orders first, because their signals go with them. */
function setsOf(bounds: ReadonlyMap<Retained, Bound>, tables: readonly Retained[]): string {
  const isDue = (table: Retained) => {
    const due = tables.includes(table) ? bounds.get(table)?.due : null;
    return due ? `t.created_at < '${due}'::timestamp and t.id <= ${last(table)} and ${isUnchanged}` : 'false';
  };
  const mark = (table: Retained) => isLookedAt(table, bounds.get(table)?.watermark ?? '0');
  const signalsDue = bounds.get('signals')?.due;
  return `
    orders_gone as materialized (
      select t.id, t.order_id, t.signal_id from {book}.unneeded_orders as t
      where ${isDue('orders')} and ${mark('orders')}
    ),
    signals_gone as materialized (
      select t.id from {book}.signals as t
      where ${signalsDue ? `t.created_at < '${signalsDue}'::timestamp and t.id <= ${last('signals')}` : 'false'}
        and not exists (
          select from {book}.orders as o
          where o.signal_id = t.signal_id and o.id not in (select g.id from orders_gone as g)
        )
        and not exists (
          select from {book}.corrections as c
          where c.table_name = 'signals' and c.row_id = t.id and c.created_at >= $1::timestamp
        )
        and t.signal_id not in (
          select q.row ->> 'signal_id' from {book}.quarantine as q
          where q.table_name = 'orders' and q.state = 'held' and q.row ->> 'signal_id' is not null
        )
        and ${wasSeen('t.xmin')}
        and (
          t.signal_id in (select g.signal_id from orders_gone as g)
          or ${tables.includes('signals') ? mark('signals') : 'false'}
        )
    ),
    risk_events_gone as materialized (
      select t.id from {book}.unneeded_risk_events as t where ${isDue('risk_events')} and ${mark('risk_events')}
    )`;
}

/** By table: its rows that go, as \`t\`, and what they are known by. */
function partsOf(bounds: ReadonlyMap<Retained, Bound>, tables: readonly Retained[]) {
  const candlesDue = tables.includes('candles') ? bounds.get('candles')?.due : null;
  const ofOrders = (table: string) =>
    `{book}.${table} as t where t.order_id in (select g.order_id from orders_gone as g)`;
  const by = (table: Retained) => `{book}.${table} as t join ${table}_gone as g on g.id = t.id`;
  return [
    ['orders', by('orders'), 't.id::text'],
    ['decisions', ofOrders('decisions'), 't.order_id'],
    ['order_history', ofOrders('order_history'), 't.id::text'],
    ['signals', by('signals'), 't.id::text'],
    ['risk_events', by('risk_events'), 't.id::text'],
    [
      'candles',
      `{book}.candles as t where ${candlesDue ? `t.created_at < '${candlesDue}'::timestamp and ${wasSeen('t.xmin')}` : 'false'}`,
      `t.symbol || ' ' || t.timestamp`,
    ],
  ] as const;
}

/**
 * Exactly what a run of the same scope would remove now, that touches nothing: the two read the same watermarks, waiting
 * rows and views, and a run that searches its tables comes to all that is counted here.
 */
export async function dueNow(
  session: Queryable,
  book: string,
  scope: Scope & { ids?: boolean },
): Promise<Due[]> {
  const { coverage, at_ms = null, tables = RETAINED } = scope;
  const schema = identifier(book);
  const bounds = await session.query<Bound>(
    `select h.table_name, watermark::text, ${schema}.due_before(
       h.table_name, least(${momentOf('$1')}, timezone('UTC', now())), ${momentOf('$2')}
     )::text as due
     from ${schema}.horizons_in_force as h join ${schema}.retention_state using (table_name)`,
    [at_ms, coverage?.until_ms ?? null],
  );
  const known = new Map(bounds.map((bound) => [bound.table_name, bound]));
  const parts = partsOf(known, tables).map(
    ([table, rows, id], place) => `
      select ${place} as place, '${table}' as table, count(*) as rows, coalesce(sum(pg_column_size(t.*)), 0) as bytes,
        (extract(epoch from min(t.created_at)) * 1000)::bigint as oldest_ms,
        (extract(epoch from max(t.created_at)) * 1000)::bigint as newest_ms
        ${scope.ids ? `, coalesce(array_agg(${id}), '{}') as ids` : ''}
      from ${rows}`,
  );
  const found = await session.query<Due & { place: number }>(
    `with asked as (select $1::timestamp, $2::jsonb), ${setsOf(known, tables)}
     ${parts.join(' union all ')} order by place`.replaceAll('{book}', schema),
    [await coveredMoment(session, coverage?.until_ms), boundsOf(coverage)],
  );
  return found.map(({ place: _, ...due }) => ({ ...due, rows: Number(due.rows), bytes: Number(due.bytes) }));
}

async function coveredMoment(session: Queryable, until_ms: number | undefined): Promise<string | null> {
  if (until_ms === undefined) return null;
  const [row] = await session.query<{ moment: string }>(`select (${momentOf('$1')})::text as moment`, [
    until_ms,
  ]);
  return row!.moment;
}
