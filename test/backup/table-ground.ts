import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { type Apply, applyTable, diffTable, type TableSource } from '../../src/backup/table/index.js';
import { Database, identifier, withDatabase } from '../../src/database/index.js';
import { type Claire, connect } from '../../src/index.js';

/** A live book and a copy of it as it was, each in a database of its own; the copy stands where a backup would. */
export interface Pair {
  live: Database;
  backup: Database;
  liveUrl: string;
  /** Plain SQL on the live book, in one session. */
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
  /** The same with every guard off, as only a superuser has it. */
  crime(text: string): Promise<void>;
  claire(): Promise<Claire>;
  diff(table: string, more?: Partial<TableSource>): ReturnType<typeof diffTable>;
  apply(table: string, apply: Apply, more?: Partial<TableSource>): ReturnType<typeof applyTable>;
  /** Names of the laws that are broken in the live book. */
  broken(): Promise<string[]>;
}

/** Trades with numbers 1 to 1200: closed where the number is no multiple of three; each with its order and its signal. */
const RECORD = `
  set search_path to main;
  insert into signals (signal_id, symbol, side, price, confidence, timestamp)
  select 's' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 100 + n % 13, 0.5, now_ms() - 7200000 + n
  from generate_series(1, 1210) as n;
  insert into orders (order_id, signal_id, symbol, side, quantity, status)
  select 'o' || n, 's' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 1 + n % 5, 'PENDING'
  from generate_series(1, 1210) as n;
  update orders set status = 'FILLED' where id <= 1200;
  insert into trades (trade_id, order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
  select 't' || n, 'o' || n, 'SYM' || n % 7, case n % 2 when 0 then 'BUY' else 'SELL' end, 1 + n % 5, 100 + n % 13,
    now_ms() - 3600000 + n, 'OPEN'
  from generate_series(1, 1200) as n;
  select set_limits('{"max_drawdown": -1000000000}', 'tests', null, false);
  update trades set status = 'CLOSED', exit_price = 104.25, exit_timestamp = now_ms() - 60000 + id, commission = 0.01
  where id % 3 <> 0;
  insert into risk_events (event_id, event_type, signal_id, symbol, reason, timestamp)
  select 'e' || n, 'signal_rejected', 's' || n, 'SYM1', 'tests', now_ms() from generate_series(1, 20) as n;
  insert into candles (symbol, timestamp, open, high, low, close, volume)
  select 'SYM1', 1700000000000 + n * 60000, 1, 2, 1, 2, 5 from generate_series(1, 50) as n;
  select fold_position_changes()`;

export function usePairs() {
  const server = inject('serverUrl');
  const admin = new Database({ databaseUrl: server, applicationName: 'tests', connections: 2 });
  const prefix = `test_${randomBytes(6).toString('hex')}`;
  const open: { close(): Promise<void> }[] = [];
  const made: string[] = [];
  let takenAt = 0;

  const clone = async (name: string, template: string) => {
    await admin.query(
      `create database ${identifier(name)} template ${identifier(template)} strategy file_copy`,
    );
    made.push(name);
  };
  const pool = (name: string) => {
    const database = new Database({
      databaseUrl: withDatabase(server, name),
      applicationName: 'tests',
      connections: 6,
    });
    open.push(database);
    return database;
  };

  beforeAll(async () => {
    await clone(prefix, 'claire_template');
    const database = new Database({ databaseUrl: withDatabase(server, prefix), applicationName: 'tests' });
    await database.session((session) => session.query(RECORD));
    const [row] = await database.query<{ at: number }>('select main.now_ms()::float8 as at');
    takenAt = row!.at;
    await database.close();
    // A database that nobody uses can be copied; this one is never connected to again.
    await admin.query(`alter database ${identifier(prefix)} with allow_connections false`);
  });
  afterAll(async () => {
    for (const one of open) await one.close();
    for (const name of made) await admin.query(`drop database if exists ${identifier(name)} with (force)`);
    await admin.close();
  });

  return async (): Promise<Pair> => {
    const [liveName, backupName] = [`${prefix}_l${made.length}`, `${prefix}_b${made.length}`];
    await clone(liveName, prefix);
    await clone(backupName, prefix);
    const [live, backup] = [pool(liveName), pool(backupName)];
    const source = (table: string): TableSource => ({
      liveUrl: withDatabase(server, liveName),
      backupUrl: withDatabase(server, backupName),
      ...{ book: 'main', table, backup: 'main_logical_20261123T030000Z', completeUntil_ms: takenAt },
    });
    const inSession = <Row>(text: string) =>
      live.session(async (session) => {
        await session.query('set search_path to main');
        try {
          return await session.query<Row>(text);
        } finally {
          await session.query('reset all').catch(() => {});
        }
      });
    let claire: Promise<Claire> | undefined;
    const connected = () => {
      claire ??= connect({ service: 'tests', databaseUrl: withDatabase(server, liveName) }).then((one) => {
        open.push(one);
        return one;
      });
      return claire;
    };
    return {
      ...{ live, backup, liveUrl: withDatabase(server, liveName) },
      sql: inSession,
      crime: async (text) => void (await inSession(`set session_replication_role = replica; ${text}`)),
      claire: connected,
      diff: (table, more) => diffTable({ ...source(table), ...more }),
      apply: (table, apply, more) => applyTable({ ...source(table), ...more }, apply),
      broken: async () =>
        (await (await connected()).verify()).filter((law) => law.broken > 0).map((law) => law.check),
    };
  };
}

/** How many rows of each kind a diff found. */
export async function counts(pair: Pair, table: string) {
  const { missing, different, extra, since } = await pair.diff(table);
  return { missing: missing.rows, different: different.rows, extra: extra.rows, ...since };
}

export const NOTHING = {
  missing: 0,
  different: 0,
  extra: 0,
  recorded: 0,
  changed: 0,
  quarantined: 0,
  expired: 0,
};

/** What can be counted of a table's keys, laws, indexes and triggers, and whether they are in force. */
export const lawsOf = (pair: Pair, table: string) =>
  pair.sql(
    `select 'constraint' as kind, conname::text as name, convalidated::text as state from pg_constraint where conrelid = '${table}'::regclass
     union all select 'index', indexrelid::regclass::text, indisvalid::text from pg_index where indrelid = '${table}'::regclass
     union all select 'trigger', tgname::text, tgenabled::text from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal
     order by 1, 2`,
  );

/** Rows of the live table that are in the backup's with the same values, or the other way round. */
export async function rowsOf(database: Database, table: string, columns = '*'): Promise<unknown[]> {
  const rows = await database.query<{ row: unknown }>(
    `select to_jsonb(t)::text as row from (select ${columns} from main.${table}) as t order by 1`,
  );
  expect(rows.length).toBeGreaterThan(0);
  return rows.map(({ row }) => row);
}
