import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Claire } from '../../src/index.js';
import type { Candle, Connections, Signal } from '../../src/services/index.js';
import { emptyBook, type Fixture, useBook } from '../harness/book.js';

export const T0 = Date.UTC(2024, 0, 15);
export const MINUTE = 60_000;
export const DAY = 86_400_000;

/** A candle whose prices are all the same unless given, `minute` minutes after T0. */
export function candle(symbol: string, minute: number, open: string, rest: Partial<Candle> = {}): Candle {
  const close = rest.close ?? open;
  const [low, high] = Number(open) < Number(close) ? [open, close] : [close, open];
  return { symbol, timestamp: T0 + minute * MINUTE, open, high, low, close, volume: '1', ...rest };
}

/** The seed's: exposure 5,000 and a drawdown of 5 % of 10,000; the others leave room for five orders of 1,000. */
export const LIMITS = {
  max_exposure: '5000',
  max_position: '2500',
  max_drawdown_pct: '-5',
  min_confidence: '0.2',
};

export const step = (...candles: Candle[]) => ({ timestamp: candles[0]!.timestamp, candles });

export function signal(id: string, rest: Partial<Signal> = {}): Signal {
  return {
    signal_id: id,
    symbol: 'BTCUSD',
    side: 'BUY',
    price: '100',
    confidence: '0.9',
    timestamp: T0,
    ...rest,
  };
}

/** The three connections of a book of their own, without limits until they are set. */
export interface Desk extends Connections {
  book: string;
  claire: Claire;
  /** Records signals as an engine would. */
  signals(...signals: Signal[]): Promise<Signal[]>;
  /** Sets limits over those in force, of 10,000 of capital; null takes one away. */
  limit(changes: Record<string, string | null>): Promise<void>;
}

/** A database for the test file, with an empty book and its connections whenever one is wanted. */
export function useDesks(): Fixture & {
  desk(): Promise<Desk>;
  checksums(book: string, whole?: boolean): Promise<Checksums>;
} {
  const fixture = useBook();
  const taken: Desk[] = [];
  const left: Desk[] = [];
  // To make a book takes ten times as long as to empty one.
  afterEach(() => {
    left.push(...taken.splice(0));
  });
  return {
    ...fixture,
    async desk() {
      const desk = left.pop() ?? (await newDesk());
      taken.push(desk);
      await emptyBook({ sql: (text) => fixture.sql(text, desk.book) });
      return desk;
    },
    checksums: (book, whole = false) => checksums(fixture, book, whole),
  };

  async function newDesk(): Promise<Desk> {
    const book = await fixture.bookAt();
    const connect = (service: string) => fixture.connect({ service, book, connections: 2 });
    const [signalEngine, riskManager, executionService] = await Promise.all(
      ['signal_engine', 'risk_manager', 'execution_service'].map(connect),
    );
    return {
      book,
      signalEngine: signalEngine!,
      riskManager: riskManager!,
      executionService: executionService!,
      claire: riskManager!,
      async signals(...signals) {
        await signalEngine!.recordSignals(signals);
        return signals;
      },
      async limit(changes) {
        await riskManager!.setCapital({ amount: '10000', reason: 'a test' });
        await riskManager!.setLimits({ changes, reason: 'a test' });
      },
    };
  }
}

export type Checksums = Record<string, { rows: number; sum: string }>;

const TABLES = ['signals', 'orders', 'trades', 'risk_events', 'candles'];

/** A checksum a table: of the whole rows, or of what the candles decide (no row ids, no clocks). */
async function checksums(fixture: Fixture, book: string, whole: boolean): Promise<Checksums> {
  const result: Checksums = {};
  for (const table of TABLES) {
    const row = whole ? 'to_jsonb(t)' : `to_jsonb(t) - '{id,created_at,updated_at}'::text[]`;
    const [found] = await fixture.sql<{ rows: number; sum: string }>(
      `select count(*) as rows, md5(coalesce(string_agg((${row})::text, '|' order by (${row})::text), '')) as sum from ${table} as t`,
      book,
    );
    result[table] = found!;
  }
  return result;
}

/** A directory of the test file's own, and files written into it. */
export function useFiles(): {
  write(name: string, content: string | Buffer): Promise<string>;
  path(name: string): string;
} {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claire-candles-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const path = (name: string) => join(directory, name);
  return {
    path,
    async write(name, content) {
      await writeFile(path(name), content);
      return path(name);
    },
  };
}

export async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

export async function* series<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
