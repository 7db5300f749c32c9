import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, expect, inject } from 'vitest';
import { Database, identifier, withDatabase } from '../../src/database/index.js';
import { type Claire, type ConnectOptions, connect } from '../../src/index.js';
import { emptyBook } from '../harness/book.js';
import { TEMPLATE } from '../harness/server.js';

export const T = Date.UTC(2024, 0, 12, 15, 20);
export const DAY = 86_400_000;

/** A database with a book `main` of its own: limits are of a book, so each test has one. */
export interface Desk {
  url: string;
  claire: Claire;
  connect(options?: Partial<ConnectOptions>): Promise<Claire>;
  /** Records a signal at 100 and gives its id. */
  signal(id: string, other?: object): Promise<string>;
  /** Decides for a new signal: as many units at 100 as are asked. */
  decide(id: string, quantity: string | number, other?: object): ReturnType<Claire['decide']>;
  /** Opens a trade without an order, at 100. */
  open(trade_id: string, quantity: string | number, other?: object): Promise<unknown>;
  /** Closes it so that it brings this profit. */
  close(trade_id: string, pnl: string | number, at?: number): Promise<unknown>;
  /** Plain SQL of a client, one statement or several; the rows of the last. */
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
  /** Laws of sql/checks that do not hold. */
  broken(): Promise<string[]>;
}

type Setting = Record<string, string | number | null>;

/** Makes desks, and drops them at the end of the file. One that a test has done with is emptied and given to the next. */
export function useDesks(): { desk(limits?: Setting, options?: { own?: true }): Promise<Desk> } {
  const server = inject('serverUrl');
  const admin = new Database({ databaseUrl: server, applicationName: 'tests', connections: 1 });
  const open: { close(): Promise<void> }[] = [];
  const names: string[] = [];
  const used: Desk[] = [];
  let free: Desk[] = [];
  afterEach(() => {
    free = [...used];
  });
  afterAll(async () => {
    for (const each of open) await each.close();
    for (const name of names) await admin.query(`drop database ${identifier(name)} with (force)`);
    await admin.close();
  });
  const make = async (): Promise<Desk> => {
    const name = `desk_${randomBytes(6).toString('hex')}`;
    await admin.query(`create database ${identifier(name)} template ${TEMPLATE} strategy file_copy`);
    names.push(name);
    const url = withDatabase(server, name);
    const pool = new Database({ databaseUrl: url, applicationName: 'tests', connections: 2 });
    open.push(pool);
    const made = async (options: Partial<ConnectOptions> = {}) => {
      const claire = await connect({ service: 'tests', databaseUrl: url, connections: 3, ...options });
      open.push(claire);
      return claire;
    };
    const claire = await made();
    return { url, claire, connect: made, ...plain(pool), ...shortcuts(claire) };
  };
  return {
    /** `own` for a test that changes more than rows. */
    async desk(limits = {}, { own } = {}) {
      const again = own ? undefined : free.pop();
      if (again) await emptyBook(again);
      const desk = again ?? (await make());
      if (!own && !again) used.push(desk);
      const { claire } = desk;
      if ('max_drawdown_pct' in limits) await claire.setCapital({ amount: '10000', reason: 'test' });
      if (Object.keys(limits).length > 0) await claire.setLimits({ changes: limits, reason: 'test' });
      return desk;
    },
  };
}

/** How often sessions met in a ring. Asked of the server: a retry would hide it. */
export async function deadlocks({ sql }: Desk): Promise<number> {
  const [row] = await sql<{ deadlocks: number }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  return row!.deadlocks;
}

const plain = (pool: Database): Pick<Desk, 'sql'> => ({
  sql: (text) =>
    pool.session(async (session) => {
      await session.query('set search_path to main');
      return session.query(text);
    }),
});

function shortcuts(claire: Claire): Pick<Desk, 'signal' | 'decide' | 'open' | 'close' | 'broken'> {
  const signal = async (signal_id: string, other: object = {}) => {
    await claire.recordSignal({
      ...{ signal_id, symbol: 'BTCUSDT', side: 'BUY', price: '100', confidence: '0.9', timestamp: T },
      ...other,
    });
    return signal_id;
  };
  return {
    signal,
    async decide(id, quantity, other = {}) {
      const { symbol, side, price, confidence, timestamp, ...asked } = other as Record<string, never>;
      const given = Object.entries({ symbol, side, price, confidence, timestamp });
      await signal(id, Object.fromEntries(given.filter(([, value]) => value !== undefined)));
      return claire.decide({ signal_id: id, quantity, at: T, ...asked });
    },
    open: (trade_id, quantity, other = {}) =>
      claire.openTrade({
        ...{ trade_id, symbol: 'BTCUSDT', side: 'BUY' as const, quantity },
        ...{ entry_price: '100', entry_timestamp: T - DAY, ...other },
      }),
    async close(trade_id, pnl, at = T) {
      const [trade] = await claire.trades({ trade_id });
      expect(trade).toMatchObject({ side: 'BUY', entry_price: '100' });
      // Losses of tests are chosen so that this is exact.
      const exit_price = (100 + Number(pnl) / Number(trade!.quantity)).toFixed(8);
      return claire.closeTrade({ trade_id, exit_price, exit_timestamp: at, commission: 0 });
    },
    async broken() {
      return (await claire.verify()).filter((law) => law.broken > 0).map(({ check }) => check);
    },
  };
}
