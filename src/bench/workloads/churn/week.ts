import { claireOn } from '../../../claire.js';
import type { Database, Queryable } from '../../../database/index.js';
import { runRetention } from '../../../upkeep/index.js';
import { LAST, SYMBOLS } from '../../data.js';
import { timed } from '../../measure.js';

export const DAYS = 7;
const STEPS_A_DAY = 24;
const STEPS = DAYS * STEPS_A_DAY;
const DAY_MS = 86_400_000;
/** How long a trade is open, in steps. */
const OPEN_STEPS = 6;
/** Calls of each kind a step that a client waits for. */
const CALLS = 5;

/** What happened to a table of the book in its week. */
export interface TableAfter {
  table: string;
  table_mb: number;
  indexes_mb: number;
  dead_rows: number;
  /** Share of updates that needed no new index entries. */
  hot: number;
  autovacuums: number;
  autoanalyzes: number;
  /** Null before PostgreSQL 18, which is the first to count it. */
  vacuum_ms: number | null;
}

export interface Week {
  /** Milliseconds of each call, by what it was. */
  calls: Map<string, number[]>;
  tables: TableAfter[];
  /** Largest size of all tables and indexes at the end of a day, in MB. */
  largest_mb: number;
}

/** The loaded rows are of so many days, up to LAST: a day that comes is as many rows as one that goes. */
const SPAN_DAYS = 90;

/**
 * A desk's week in seconds, after the ninety days that were loaded: signals come, a tenth becomes an order that moves once,
 * most orders become a trade that is closed six hours later; positions are folded and refreshed, and each night a day's
 * rows of ninety days ago go.
 */
export async function liveAWeek(
  pool: Database,
  signals: number,
  { signal, onStep }: { signal: AbortSignal; onStep: (done: number, total: number) => void },
): Promise<Week> {
  const calls = new Map<string, number[]>();
  const claire = claireOn(pool, 'main');
  const a_step = Math.max(20, Math.floor(signals / SPAN_DAYS / STEPS_A_DAY));
  let largest_mb = 0;
  for (const table of ['signals', 'orders', 'risk_events'] as const)
    await claire.setHorizon({ table, keep_seconds: SPAN_DAYS * 86_400, reason: 'as long as was loaded' });
  for (let step = 0; step < STEPS; step++) {
    signal.throwIfAborted();
    onStep(step, STEPS);
    await pool.session((session) => record(session, step, a_step));
    for (let n = 0; n < CALLS; n++) {
      const symbol = SYMBOLS[(step * CALLS + n) % SYMBOLS.length]!;
      const id = `live_${step}_${n}`;
      const some: [string, () => Promise<unknown>][] = [
        [
          'recordSignal',
          () =>
            claire.recordSignal({
              signal_id: id,
              symbol,
              side: 'BUY',
              price: '100',
              confidence: '0.5',
              timestamp: Date.now(),
            }),
        ],
        ['positions', () => claire.positions()],
        ['signals of a symbol', () => claire.signals({ symbol, limit: 100 })],
        ['pending orders', () => claire.orders({ status: 'PENDING', limit: 100 })],
        ['open trades', () => claire.trades({ status: 'OPEN', limit: 100 })],
      ];
      for (const [what, call] of some) {
        const took = await timed(call);
        calls.set(what, [...(calls.get(what) ?? []), took]);
      }
    }
    if (step % STEPS_A_DAY !== STEPS_A_DAY - 1) continue;
    const at_ms = LAST + ((step + 1) / STEPS_A_DAY) * DAY_MS;
    await pool.session((session) => runRetention(session, 'main', { withoutBackup: true, signal, at_ms }));
    largest_mb = Math.max(largest_mb, await sizeOf(pool));
  }
  return { calls, tables: await tablesOf(pool), largest_mb };
}

/** What one virtual hour brings, each statement a commit of its own as clients have them. */
async function record(session: Queryable, step: number, a_step: number): Promise<void> {
  const at = `timestamp '${new Date(LAST + (step * DAY_MS) / STEPS_A_DAY).toISOString().slice(0, 19)}'`;
  await session.query(
    `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
     select 's' || $1 || '_' || n, ($3::text[])[1 + n % 50], case n % 3 when 0 then 'SELL' else 'BUY' end, 100 + n % 1000,
       0.5, main.as_ms(${at}), ${at}
     from generate_series(1, $2::int) as n`,
    [step, a_step, SYMBOLS],
  );
  await session.query(
    `insert into main.orders (order_id, signal_id, symbol, side, quantity, price, status, created_at, updated_at)
     select 'o' || $1 || '_' || n, 's' || $1 || '_' || n, ($3::text[])[1 + n % 50], case n % 3 when 0 then 'SELL' else 'BUY' end, 1,
       100 + n % 1000, 'PENDING', ${at}, ${at}
     from generate_series(10, $2::int, 10) as n`,
    [step, a_step, SYMBOLS],
  );
  await session.query(
    `update main.orders set status = case right(order_id, 2) when '10' then 'CANCELLED' else 'FILLED' end
     where order_id like 'o' || $1 || '\\_%' and status = 'PENDING'`,
    [step],
  );
  await session.query(
    `insert into main.trades (trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp, status, created_at)
     select 't' || order_id, order_id, symbol, side, quantity, price, main.as_ms(created_at), 'OPEN', created_at
     from main.orders where order_id like 'o' || $1 || '\\_%' and status = 'FILLED'`,
    [step],
  );
  await session.query(
    `update main.trades set status = 'CLOSED', exit_price = entry_price + 1, exit_timestamp = entry_timestamp + 21600000
     where trade_id like 'to' || $1 || '\\_%' and status = 'OPEN'`,
    [step - OPEN_STEPS],
  );
  await session.query(
    `insert into main.risk_events (event_id, event_type, signal_id, symbol, reason, details, timestamp, created_at)
     select 'e' || $1 || '_' || n, 'signal_rejected', 's' || $1 || '_' || n, ($3::text[])[1 + n % 50], 'Confidence too low',
       jsonb_build_object('confidence', 0.5, 'n', n), main.as_ms(${at}), ${at}
     from generate_series(5, $2::int, 10) as n`,
    [step, a_step, SYMBOLS],
  );
  await session.query('select main.fold_position_changes(), main.fold_reservation_changes()');
  await session.query('select main.refresh_positions_realtime()');
}

const sizeOf = async (pool: Database): Promise<number> => {
  const [row] = await pool.query<{ mb: number }>(
    `select sum(pg_total_relation_size(oid)) / 1e6::float8 as mb from pg_class
     where relnamespace = 'main'::regnamespace and relkind in ('r', 'm')`,
  );
  return row!.mb;
};

async function tablesOf(pool: Database): Promise<TableAfter[]> {
  const [server] = await pool.query<{ counts: boolean }>(
    `select current_setting('server_version_num')::int >= 180000 as counts`,
  );
  const time = server!.counts ? '(total_autovacuum_time + total_vacuum_time)::float8' : 'null::float8';
  await pool.query('select pg_stat_force_next_flush()');
  return pool.query<TableAfter>(
    `select relname::text as table, pg_relation_size(relid) / 1e6::float8 as table_mb,
       pg_indexes_size(relid) / 1e6::float8 as indexes_mb, n_dead_tup::int as dead_rows,
       coalesce(n_tup_hot_upd::float8 / nullif(n_tup_upd, 0), 0) as hot, autovacuum_count::int as autovacuums,
       autoanalyze_count::int as autoanalyzes, ${time} as vacuum_ms
     from pg_stat_user_tables
     where schemaname = 'main' and n_tup_ins + n_tup_upd > 1000
     order by pg_total_relation_size(relid) desc`,
  );
}
