/**
 * What do the indexes of 1.3 cost those who write? Batches of 1,000 into a book with them and into one without, in turn.
 * Run: npm run build && node bench/cost-of-indexes.js [signals, 1000000] [runs, 40]
 */
import { loadBook } from '../dist/bench/data.js';
import { inTurn } from '../dist/bench/measure.js';
import { openPlace } from '../dist/bench/place.js';
import { Undo } from '../dist/bench/undo.js';
import { claireOn } from '../dist/claire.js';
import { migrate } from '../dist/schema/index.js';

const [rows, runs] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 40)];
const BATCH = 1000;
const NEW_INDEXES = [
  'idx_orders_created_at_id',
  'idx_orders_symbol_created_at_id',
  'idx_trades_entry_timestamp_id',
  'idx_trades_symbol_entry_timestamp_id',
  'idx_trades_exit_timestamp',
  'idx_risk_events_timestamp_id',
  'idx_risk_events_symbol_timestamp_id',
  'idx_risk_events_signal_id',
  'idx_candles_timestamp_symbol',
];
const NOW = Date.UTC(2026, 5, 1);
const symbolOf = (n) => `SYM${String((n % 49) + 1).padStart(2, '0')}USDT`;
const common = (n) => ({ symbol: symbolOf(n), side: 'BUY' });

/** In the order in which one needs the other: what is placed is filled, what is opened is closed. */
const items = {
  placeOrders: (n) => ({ ...common(n), order_id: `cost_${n}`, quantity: '1.5', timestamp: NOW + n }),
  fillOrders: (n) => ({ order_id: `cost_${n}` }),
  openTrades: (n) => ({
    ...common(n),
    ...{
      trade_id: `cost_${n}`,
      quantity: '1.5',
      entry_price: '100',
      entry_timestamp: NOW + n,
      commission: '0.1',
    },
  }),
  closeTrades: (n) => ({ trade_id: `cost_${n}`, exit_price: '101', exit_timestamp: NOW + n + 1 }),
  recordRiskEvents: (n) => ({
    ...{ event_id: `cost_${n}`, event_type: 'signal_rejected', signal_id: `sig_${n}`, symbol: symbolOf(n) },
    ...{ reason: 'Too much', details: { current_exposure: n % 5000 }, timestamp: NOW + n },
  }),
  recordCandles: (n) => ({
    ...{ symbol: symbolOf(n), timestamp: NOW + n * 60_000 },
    ...{ open: '100', high: '101', low: '99', close: '100', volume: '5' },
  }),
};

const undo = new Undo();
try {
  const place = await openPlace(undefined, undo);
  const connect = async (name, template) => {
    const url = await place.create(name, template);
    const [pool, client] = [place.pool(url, 1), await place.bare(url)];
    await client.query('set search_path to main');
    return { pool, client, claire: claireOn(pool, 'main') };
  };
  const whole = await connect('with');
  await migrate(whole.pool, 'main');
  await loadBook(whole.client, rows, true, () => {});
  await whole.pool.close();
  await whole.client.end();
  const without = await connect('without', 'with');
  for (const name of NEW_INDEXES) await without.client.query(`drop index ${name}`);
  const books = { with: await connect('again', 'with'), without };
  process.stdout.write(`${rows} signals, batches of ${BATCH}, medians of ${runs} in ms\n`);
  for (const [verb, item] of Object.entries(items)) {
    const subjects = Object.entries(books).map(([name, book]) => {
      let from = 0;
      return {
        name,
        run: () => book.claire[verb](Array.from({ length: BATCH }, () => item(from++))),
      };
    });
    const measured = await inTurn(subjects, runs, new AbortController().signal);
    const [a, b] = [measured.with.median, measured.without.median];
    process.stdout.write(
      `${verb.padEnd(18)} with ${a.toFixed(1).padStart(6)}  without ${b.toFixed(1).padStart(6)}  ratio ${(a / b).toFixed(2)}\n`,
    );
  }
} finally {
  await undo.run();
}
