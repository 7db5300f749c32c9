import type { Queryable } from '../../src/database/index.js';
import { type Due, dueNow, type RetentionOptions, runRetention, type Scope } from '../../src/upkeep/index.js';
import type { Fixture } from '../harness/book.js';

export const T = Date.UTC(2024, 0, 12, 15, 20);
export const DAY = 86_400_000;
/** Tables that retention removes from. */
export const TABLES = ['signals', 'orders', 'decisions', 'order_history', 'risk_events', 'candles'] as const;

/** A time as long ago, in SQL. */
export const ago = (days: number): string => `timezone('UTC', now()) - ${days}::float8 * interval '1 day'`;

/** A desk whose rows are as old as a test says: `created_at` may be named by whoever inserts. */
export function retentionGround(book: Fixture) {
  const sql = book.sql;
  const withSession = <T>(work: (session: Queryable) => Promise<T>) => book.database.session(work);
  return {
    sql,
    signal: (id: string, days: number, symbol = 'X') =>
      sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
           values ('${id}', '${symbol}', 'BUY', 1, 1, ${T}, ${ago(days)})`),
    order: (
      id: string,
      days: number,
      { signal, status = 'FILLED' }: { signal?: string; status?: string } = {},
    ) =>
      sql(`insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, created_at, updated_at)
           values ('${id}', ${signal ? `'${signal}'` : 'null'}, 'X', 'BUY', 1, 1, '${status}',
             ${status === 'REJECTED' ? `'too much'` : 'null'}, ${ago(days)}, ${ago(days)})`),
    trade: (id: string, order: string, days = 0) =>
      sql(`insert into trades (trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp, status, created_at)
           values ('${id}', '${order}', 'X', 'BUY', 1, 1, ${T}, 'OPEN', ${ago(days)})`),
    event: (id: string, days: number, signal?: string) =>
      sql(`insert into risk_events (event_id, event_type, signal_id, reason, timestamp, created_at)
           values ('${id}', 'signal_rejected', ${signal ? `'${signal}'` : 'null'}, 'r', ${T}, ${ago(days)})`),
    candle: (minute: number, days: number) =>
      sql(`insert into candles (symbol, timestamp, open, high, low, close, volume, created_at)
           values ('X', ${T} + ${minute} * 60000, 1, 1, 1, 1, 1, ${ago(days)})`),
    horizon: (table: string, days: number | null, book?: string) =>
      sql(
        `select set_horizon('${table}', ${days === null ? 'null' : Math.round(days * 86_400)}, 'a test')`,
        book,
      ),
    /** A run that asks for no backup, unless it is told of one. */
    run: (options: Partial<RetentionOptions> = {}) =>
      withSession((session) =>
        runRetention(session, 'main', {
          signal: new AbortController().signal,
          withoutBackup: options.coverage === undefined,
          clock: HASTY,
          searches: 'always',
          ...options,
        }),
      ),
    due: (scope: Scope = {}): Promise<Due[]> =>
      withSession((session) => dueNow(session, 'main', { ...scope, ids: true })),
    /** Rows that are there, by what people call them. */
    async left() {
      const names = async (table: string, column: string) =>
        (await sql<{ id: string }>(`select ${column} as id from ${table} order by 1`)).map(({ id }) => id);
      return {
        signals: await names('signals', 'signal_id'),
        orders: await names('orders', 'order_id'),
        events: await names('risk_events', 'event_id'),
        trades: await names('trades', 'trade_id'),
      };
    },
    /** Ids by table, as a dry run gives them. */
    async ids(): Promise<Record<string, string[]>> {
      const ids = {
        ...{ signals: 'id::text', orders: 'id::text', decisions: 'order_id', order_history: 'id::text' },
        ...{ risk_events: 'id::text', candles: `symbol || ' ' || timestamp` },
      };
      const found = Object.entries(ids).map(async ([table, id]) => {
        const rows = await sql<{ id: string }>(`select ${id} as id from ${table}`);
        return [table, rows.map((row) => row.id).sort()] as const;
      });
      return Object.fromEntries(await Promise.all(found));
    },
    watermark: async (table: string) =>
      (
        await sql<{ at: number }>(`select watermark as at from retention_state where table_name = '${table}'`)
      )[0]!.at,
  };
}

/** Pauses that take no time. */
const HASTY = { now: () => performance.now(), sleep: async () => {} };
