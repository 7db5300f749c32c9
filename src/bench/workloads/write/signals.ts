import type { Claire } from '../../../claire.js';
import type { BareClient } from '../../../database/index.js';
import { LAST, SYMBOLS } from '../../data.js';

export type Signal = Parameters<Claire['recordSignals']>[0][number];

/** Columns of a signal and the SQL type in which an array of them travels. */
export const COLUMNS = {
  signal_id: 'text',
  symbol: 'text',
  side: 'text',
  price: 'numeric',
  confidence: 'numeric',
  timestamp: 'bigint',
  metadata: 'jsonb',
} as const;
export const NAMES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

/** Signal `n` as a service makes it: decimals as text, one in ten with metadata. */
export function signalOf(ids: string, n: number): Signal {
  const hundredths = String(n % 100).padStart(2, '0');
  const signal: Signal = {
    signal_id: `${ids}${n}`,
    symbol: SYMBOLS[n % SYMBOLS.length]!,
    side: n % 3 === 0 ? 'SELL' : 'BUY',
    price: `${100 + ((n * 7919) % 900)}.${hundredths}`,
    confidence: `0.${hundredths}`,
    timestamp: LAST + n,
  };
  return n % 10 === 0 ? { ...signal, metadata: { strategy: 'momentum', window: n % 60 } } : signal;
}

export const signalsFrom = (ids: string, from: number, count: number): Signal[] =>
  Array.from({ length: count }, (_, at) => signalOf(ids, from + at));

/** The values of a signal, all text, in the order of NAMES. */
export const cellsOf = (signal: Signal): (string | null)[] =>
  NAMES.map((name) => {
    const value = signal[name];
    if (value === undefined || value === null) return null;
    return name === 'metadata' ? JSON.stringify(value) : String(value);
  });

const LIST = NAMES.join(', ');

/** What people write with the driver alone: one INSERT, which commits. */
export const insertOne = (client: BareClient, signal: Signal) =>
  client.query(
    `insert into signals (${LIST}) values (${NAMES.map((_, at) => `$${at + 1}`).join(', ')})`,
    cellsOf(signal),
  );

const ARRAYS = NAMES.map((name, at) => `$${at + 1}::${COLUMNS[name]}[]`).join(', ');

/** The quickest statement with parameters: a column is an array. */
export const insertUnnest = (client: BareClient, signals: readonly Signal[]) => {
  const rows = signals.map(cellsOf);
  return client.query(
    `insert into signals (${LIST}) select * from unnest(${ARRAYS})`,
    NAMES.map((_, at) => rows.map((row) => row[at])),
  );
};

export const COPY = `copy signals (${LIST}) from stdin`;
/** Nothing in these rows needs an escape. */
export const copyText = (signals: readonly Signal[]): string =>
  signals
    .map(
      (signal) =>
        `${cellsOf(signal)
          .map((cell) => cell ?? '\\N')
          .join('\t')}\n`,
    )
    .join('');
