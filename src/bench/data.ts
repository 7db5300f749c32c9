import { Readable } from 'node:stream';
import { type BareClient, copyIn } from '../database/index.js';

/** Rows of each table for a size, which is the number of signals. Half of the trades are open. */
export const sizesOf = (signals: number) => {
  const trades = Math.ceil(signals / 5);
  return {
    signals,
    orders: trades + Math.ceil(signals / 50) + Math.ceil(signals / 1000),
    trades,
    risk_events: Math.ceil(signals * 0.4),
  };
};

/** The first is the one that the seed asks for. */
export const SYMBOLS: readonly string[] = Array.from({ length: 50 }, (_, at) =>
  at === 0 ? 'BTCUSDT' : `SYM${String(at).padStart(2, '0')}USDT`,
);

/** How many risk events the seed's containment query finds, at every size (or all of them, where there are fewer). */
export const HITS = 170;

/** Always the same: what is measured must not depend on the day. */
export const LAST = Date.UTC(2026, 0, 1);
const SPAN = 90 * 86_400_000;

const time = (n: number, of: number) => LAST - SPAN + Math.floor((n * SPAN) / of);
const recorded = (milliseconds: number) =>
  new Date(milliseconds).toISOString().slice(0, 23).replace('T', ' ');
/** Shifted by one each round, so that every fifth signal, which has an order, meets all symbols too. */
const symbolOf = (n: number) => SYMBOLS[(n + Math.floor(n / SYMBOLS.length)) % SYMBOLS.length]!;
const sideOf = (n: number) => (Math.floor(n / SYMBOLS.length) % 3 === 0 ? 'SELL' : 'BUY');
/** Whole hundredths, so that text is made without a float in between. */
const cents = (value: number) => `${Math.trunc(value / 100)}.${String(value % 100).padStart(2, '0')}`;
const priceOf = (n: number) => cents(10_000 + (n % SYMBOLS.length) * 1000 + ((n * 7919) % 1000));
const isOpen = (n: number) => Math.floor(n / SYMBOLS.length) % 2 === 0;

interface Table {
  name: string;
  columns: readonly string[];
  count: number;
  /** Cells of row `n`, from 1; `\N` is NULL. */
  row(n: number): readonly (string | number)[];
}

const NULL = '\\N';

function signals(count: number): Table {
  return {
    name: 'signals',
    columns: ['signal_id', 'symbol', 'side', 'price', 'confidence', 'timestamp', 'metadata', 'created_at'],
    count,
    row: (n) => {
      const at = time(n, count);
      const metadata = n % 10 === 0 ? `{"strategy":"momentum","window":${n % 60}}` : NULL;
      return [`sig_${n}`, symbolOf(n), sideOf(n), priceOf(n), cents(n % 101), at, metadata, recorded(at)];
    },
  };
}

function orders(signalCount: number): Table {
  const { orders: count, trades: filled } = sizesOf(signalCount);
  const rejected = filled + Math.ceil(signalCount / 50);
  return {
    name: 'orders',
    columns: [
      'order_id',
      'signal_id',
      'symbol',
      'side',
      'quantity',
      'status',
      'rejection_reason',
      'created_at',
      'updated_at',
    ],
    count,
    row: (n) => {
      // One signal in five was filled, the orders after them name signals of their own.
      const signal = n <= filled ? n * 5 : (n - filled) * 5 + 1;
      const status = n <= filled ? 'FILLED' : n <= rejected ? 'REJECTED' : 'PENDING';
      const at = recorded(time(signal, signalCount));
      const why = status === 'REJECTED' ? 'Exposure limit exceeded' : NULL;
      return [
        `ord_${n}`,
        signal <= signalCount ? `sig_${signal}` : NULL,
        symbolOf(signal),
        sideOf(signal),
        cents((n % 400) + 1),
        status,
        why,
        at,
        at,
      ];
    },
  };
}

interface TradeColumns {
  withIds: boolean;
  withOrders: boolean;
}

function trades(signalCount: number, { withIds, withOrders }: TradeColumns): Table {
  const { trades: count } = sizesOf(signalCount);
  return {
    name: 'trades',
    columns: [
      'order_id',
      'symbol',
      'side',
      'quantity',
      'entry_price',
      'entry_timestamp',
      'exit_price',
      'exit_timestamp',
      'status',
      'commission',
      'created_at',
      ...(withIds ? ['trade_id'] : []),
    ],
    count,
    row: (n) => {
      const signal = n * 5;
      const named = signal <= signalCount;
      const of = named ? signal : n;
      const at = time(of, signalCount);
      const exit = isOpen(n) ? [NULL, NULL, 'OPEN'] : [priceOf(of + 50), at + 3_600_000, 'CLOSED'];
      const entry = [
        withOrders ? `ord_${n}` : NULL,
        symbolOf(of),
        sideOf(of),
        cents((n % 400) + 1),
        priceOf(of),
        at,
      ];
      return [...entry, ...exit, '0.05', recorded(at), ...(withIds ? [`trd_${n}`] : [])];
    },
  };
}

const TYPES = [
  'signal_rejected',
  'exposure_limit_exceeded',
  'position_limit_exceeded',
  'daily_drawdown_exceeded',
];

function riskEvents(signalCount: number, withIds: boolean): Table {
  const { risk_events: count } = sizesOf(signalCount);
  const hits = Math.min(HITS, count);
  const isHit = (n: number) => Math.floor((n * hits) / count) > Math.floor(((n - 1) * hits) / count);
  return {
    name: 'risk_events',
    columns: [
      'event_type',
      'signal_id',
      'symbol',
      'reason',
      'details',
      'timestamp',
      'created_at',
      ...(withIds ? ['event_id'] : []),
    ],
    count,
    row: (n) => {
      const signal = Math.min(signalCount, Math.ceil(n * 2.5));
      const at = time(signal, signalCount);
      const exposure = isHit(n) ? 4850 : 5000 + (n % 4000);
      const details = `{"current_exposure":${exposure},"max_exposure":5000,"new_position":${n % 900}}`;
      return [
        TYPES[n % TYPES.length]!,
        `sig_${signal}`,
        symbolOf(signal),
        'Exposure limit exceeded',
        details,
        at,
        recorded(at),
        ...(withIds ? [`evt_${n}`] : []),
      ];
    },
  };
}

/** Large pieces, because each is a message of its own. */
const CHUNK = 64 * 1024;

function* textOf({ count, row }: Table, onRows: (rows: number) => void): Generator<Buffer> {
  let text = '';
  for (let n = 1; n <= count; n++) {
    text += `${row(n).join('\t')}\n`;
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    onRows(n);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
  onRows(count);
}

type OnRows = (done: number, total: number) => void;

async function load(client: BareClient, tables: readonly Table[], onProgress: OnRows): Promise<void> {
  const total = tables.reduce((sum, { count }) => sum + count, 0);
  let before = 0;
  for (const table of tables) {
    const rows = Readable.from(textOf(table, (done) => onProgress(before + done, total)));
    await copyIn(client, `copy ${table.name} (${table.columns.join(', ')}) from stdin`, rows);
    before += table.count;
  }
  await client.query('vacuum (analyze)');
}

/**
 * Loads a book of the given size with COPY: always the same rows. The client's `search_path` names the book. From 1.2 on
 * trades and risk events have ids of their own (`withIds`).
 */
export function loadBook(
  client: BareClient,
  signalCount: number,
  withIds: boolean,
  onProgress: OnRows,
): Promise<void> {
  const tables = [
    signals(signalCount),
    orders(signalCount),
    trades(signalCount, { withIds, withOrders: true }),
    riskEvents(signalCount, withIds),
  ];
  return load(client, tables, onProgress);
}

/** Loads trades alone, which name no order: this many open ones, and as many that are closed. */
export function loadTrades(
  client: BareClient,
  open: number,
  withIds: boolean,
  onProgress: OnRows,
): Promise<void> {
  return load(client, [trades(open * 10, { withIds, withOrders: false })], onProgress);
}
