import { type Claire, claireOn } from '../../../claire.js';
import type { BareClient } from '../../../database/index.js';
import { LATEST_VERSION } from '../../../schema/index.js';
import { type Book, makeBook, settle } from '../../book.js';
import { LAST, SYMBOLS } from '../../data.js';
import type { WorkloadOptions } from '../../workload.js';

export const CALLERS = 10;
/** Decided again and again, each time as another order: how many signals there are changes nothing for a decision. */
const SIGNALS = 5000;
/** What stands in every book at least. */
export const LEAST = { closed: 1000, open: 1000 };

/** Orders that were decided before and wait. */
const BEFORE = 2000;

const DAY = 86_400_000;

export interface Trades {
  closed: number;
  /** Time over which they ended, up to now. */
  days: number;
  open: number;
}

/** Every part of a decision is asked for and nothing is refused. */
const LIMITS = {
  max_exposure: '1e14',
  max_position: '1e13',
  max_order_size: '1e9',
  max_open_trades: 1_000_000_000,
  max_drawdown: '-1e12',
  max_drawdown_pct: '-50',
  min_confidence: '0.0001',
  max_signal_age_ms: 100 * 365 * DAY,
};

/** Only buying, and only what was bought is open: each order opens, so that none is let through without being judged. */
const INSERT_SIGNALS = `
  insert into signals (signal_id, symbol, side, price, confidence, timestamp)
  select 'sig_' || n, ($2::text[])[1 + n % cardinality($2::text[])], 'BUY', 100 + n % 900, 0.5, $3::bigint + n
  from generate_series(0, $1::int - 1) as n`;
const INSERT_CLOSED = `
  insert into trades (
    trade_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status
  )
  select 'closed_' || n, ($5::text[])[1 + n % cardinality($5::text[])], 'BUY', 1.5, 100, ended - 60000,
    case n % 2 when 0 then 100.5 else 99.5 end, ended, 'CLOSED'
  from generate_series($1::bigint, $2::bigint) as n
  cross join lateral (select $4::bigint - (n * $3::numeric)::bigint as ended) as e`;
const INSERT_OPEN = `
  insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
  select 'open_' || n, ($3::text[])[1 + n % cardinality($3::text[])], 'BUY', 1.5, 100, $2::bigint - n, 'OPEN'
  from generate_series(1, $1::bigint) as n`;
/** One statement goes through its rows three times, the triggers of statements included. */
const CHUNK = 50_000;

/** A book with signals and trades, whose limits are all set. */
export async function makeDesk(options: WorkloadOptions, name: string, trades: Trades): Promise<Book> {
  const book = await makeBook(options, name, LATEST_VERSION, async (client, _, onProgress) => {
    const now = Date.now();
    await client.query(INSERT_SIGNALS, [SIGNALS, SYMBOLS, LAST]);
    await client.query(INSERT_OPEN, [trades.open, now - DAY, SYMBOLS]);
    const apart = (trades.days * DAY) / trades.closed;
    for (let from = 1; from <= trades.closed; from += CHUNK) {
      const to = Math.min(trades.closed, from + CHUNK - 1);
      await client.query(INSERT_CLOSED, [from, to, apart, now, SYMBOLS]);
      onProgress(to, trades.closed);
    }
    await client.query('vacuum (analyze)');
  });
  // After the trades: with a drawdown each close would be followed at its own moment.
  await book.claire.setCapital({ amount: '1000000000', reason: 'bench' });
  await book.claire.setLimits({ changes: LIMITS, reason: 'bench' });
  // Statistics of empty tables would have them read from end to end for as long as a plan is kept.
  await book.claire.decideAll(wantedFrom('before_', 0, BEFORE));
  await fold(book);
  await book.bare.query('vacuum (analyze)');
  return book;
}

/** As upkeep does it by the clock. */
export async function fold(book: Book): Promise<void> {
  await book.bare.query('select fold_reservation_changes()');
  await settle(book);
}

/** Beside them, what a plain INSERT of the same orders costs: same columns, laws and indexes, no trigger. */
export const BARE_ORDERS = `
  create table bare_orders (like orders including all);
  alter table bare_orders add foreign key (signal_id) references signals (signal_id)`;

export interface Wanted {
  signal_id: string;
  order_id: string;
  quantity: string;
}

export const wantedOf = (ids: string, n: number): Wanted => ({
  signal_id: `sig_${n % SIGNALS}`,
  order_id: `${ids}${n}`,
  quantity: '0.015',
});

export const wantedFrom = (ids: string, from: number, count: number): Wanted[] =>
  Array.from({ length: count }, (_, at) => wantedOf(ids, from + at));

/** A decision with the driver alone. */
export const decideBare = (client: BareClient, { order_id, signal_id, quantity }: Wanted) =>
  client.query(
    `select place, outcome, (decided).decision, (decided).reason
     from decide_orders(array[$1], array[$2], array[$3::numeric], array[null::numeric], array[null::numeric],
       array[null::bigint], array[false])`,
    [order_id, signal_id, quantity],
  );

/** The values of the order that a decision makes of the same signal. */
function cellsOf({ order_id, signal_id, quantity }: Wanted): string[] {
  const n = Number(signal_id.slice('sig_'.length));
  const now = new Date();
  const recorded = now.toISOString().slice(0, 23).replace('T', ' ');
  const symbol = SYMBOLS[n % SYMBOLS.length]!;
  return [order_id, signal_id, symbol, 'BUY', quantity, 'PENDING', String(now.getTime()), recorded, recorded];
}

const COLUMNS = {
  order_id: 'text',
  signal_id: 'text',
  symbol: 'text',
  side: 'text',
  quantity: 'numeric',
  status: 'text',
  timestamp: 'bigint',
  created_at: 'timestamp',
  updated_at: 'timestamp',
};
const NAMES = Object.keys(COLUMNS).join(', ');
const PLACES = Object.keys(COLUMNS).map((_, at) => `$${at + 1}`);
const ARRAYS = Object.values(COLUMNS).map((type, at) => `$${at + 1}::${type}[]`);

export const insertOne = (client: BareClient, wanted: Wanted) =>
  client.query(`insert into bare_orders (${NAMES}) values (${PLACES.join(', ')})`, cellsOf(wanted));

export const insertUnnest = (client: BareClient, wanted: readonly Wanted[]) => {
  const rows = wanted.map(cellsOf);
  return client.query(
    `insert into bare_orders (${NAMES}) select * from unnest(${ARRAYS.join(', ')})`,
    PLACES.map((_, at) => rows.map((row) => row[at])),
  );
};

/** A book's library on connections of its own. */
export const libraryOn = ({ place }: WorkloadOptions, { url }: Book, connections: number): Claire =>
  claireOn(place.pool(url, connections), 'main');
