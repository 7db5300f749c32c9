/** Months of trading, made of arithmetic and no chance: the same rows at every run but for the day they end on. */
import { VERSION_1_0, VERSION_1_1 } from './seed-schema.js';

const HOUR = 3_600_000;
const SPAN = 90 * 24 * HOUR;
export const SYMBOLS = 50;

/** Rows of each table. One signal in five becomes an order, each order one trade. */
export const SIZES = {
  full: { signals: 2_000_000, orders: 400_000, trades: 400_000, risk_events: 800_000 },
  small: { signals: 100_000, orders: 20_000, trades: 20_000, risk_events: 40_000 },
};

/** SQL: whether trade (or order) number `n` was open at the end of the load. One in ten, over all symbols. */
export const isOpen = (n) => `${n} / ${SYMBOLS} % 10 = 0`;
export const openNumbers = (count) =>
  Array.from({ length: count }, (_, at) => at + 1).filter((n) => Math.floor(n / SYMBOLS) % 10 === 0);

/** Rows that no program can put right by itself, by id: NaN prices, and trades closed at no price. */
export const UNDECIDABLE = { signals: [11, 12], trades: [113, 114, 115] };

const symbol = (n) => `'SYM' || lpad((${n} % ${SYMBOLS})::text, 2, '0') || 'USDT'`;
const side = (n) => `case when ${n} % 3 = 0 then 'SELL' else 'BUY' end`;
const price = (n) =>
  `round(100 + ${n} % ${SYMBOLS} * 10 + (${n}::bigint * 7919 % 1000) / 100.0 + 0.12345678, 8)`;
const recorded = (milliseconds) => `timezone('UTC', to_timestamp((${milliseconds}) / 1000.0))`;

/** SQL of the rows. `traps`: one in 999 with a small-letter side (open trades and closed), a hundredth in seconds, and UNDECIDABLE. */
function inserts(rows, end, traps, start) {
  const small = (n, value) =>
    traps ? `case when ${n} % 999 = 500 then lower(${value}) else ${value} end` : value;
  const unit = (n, value) => (traps ? `(${value}) / case when ${n} % 100 = 33 then 1000 else 1 end` : value);
  const time = (n, count) => `${end - SPAN - 2 * HOUR} + ${n}::bigint * ${SPAN} / ${count}`;
  const among = (ids, yes, no) => (traps ? `case when n in (${ids}) then ${yes} else ${no} end` : no);
  // 1.1 refuses a signal with such a side; of trades it does not ask.
  const signalSide = start === '1.0' ? small('n', side('n / 5')) : side('n / 5');
  return [
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp, metadata, created_at)
     select 'sig_' || n, ${symbol('n / 5')}, ${signalSide},
       ${among(UNDECIDABLE.signals, `'NaN'`, price('n / 5'))}, (n % 101) / 100.0, ${unit('n', time('n', rows.signals))},
       case when n % 10 = 0 then jsonb_build_object('strategy', 'momentum', 'window', n % 60) end,
       ${recorded(time('n', rows.signals))}
     from generate_series(1, ${rows.signals}) n`,
    `insert into orders (order_id, signal_id, symbol, side, quantity, price, status, created_at, updated_at)
     select 'order_' || n, 'sig_' || n * 5, ${symbol('n')}, ${side('n')}, (n % 400 + 1) / 100.0,
       ${price('n')}, 'FILLED', ${recorded(time('n', rows.orders))}, ${recorded(`${time('n', rows.orders)} + 1000`)}
     from generate_series(1, ${rows.orders}) n`,
    // The seed's formula takes whatever is not exactly BUY for SELL: a 'buy' has the opposite profit.
    `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp,
       status, pnl, pnl_pct, created_at)
     select 'order_' || n, symbol, side, quantity, entry, entry_time, leave, leave_time, status, pnl,
       round(pnl / (quantity * entry) * 100, 4), recorded
     from (
       select *, round(quantity * case side when 'BUY' then leave - entry else entry - leave end, 8) as pnl from (
         select n, ${symbol('n')} as symbol, ${small('n', side('n'))} as side, (n % 400 + 1) / 100.0 as quantity,
           ${among(UNDECIDABLE.trades[0], `'NaN'`, price('n'))} as entry,
           ${unit('n', `${time('n', rows.trades)} + 1000`)} as entry_time,
           case when not (${isOpen('n')}) then
             ${among(UNDECIDABLE.trades.slice(1), 'null', `round(${price('n')} * (95 + n % 11) / 100, 8)`)} end as leave,
           case when not (${isOpen('n')}) then ${unit('n', `${time('n', rows.trades)} + ${HOUR}`)} end as leave_time,
           case when ${isOpen('n')} then 'OPEN' else 'CLOSED' end as status,
           ${recorded(`${time('n', rows.trades)} + 1000`)} as recorded
         from generate_series(1, ${rows.trades}) n
       ) as priced
     ) as closed order by n`,
    `insert into risk_events (event_type, signal_id, symbol, reason, details, timestamp, created_at)
     select (array['signal_rejected', 'signal_rejected', 'exposure_limit_exceeded', 'position_limit_exceeded'])[n % 4 + 1],
       'sig_' || n, ${symbol('n / 5')}, 'Exposure limit exceeded',
       jsonb_build_object('current_exposure', n % 5000, 'max_exposure', 5000, 'new_position', n % 900),
       ${unit('n', time('n', rows.risk_events))}, ${recorded(time('n', rows.risk_events))}
     from generate_series(1, ${rows.risk_events}) n`,
  ];
}

/** Makes and fills the tables of version `start`; how long that took, in seconds. */
export async function load(client, { rows, start, traps, say }) {
  const begun = performance.now();
  // Whole seconds: what is stored in seconds means the same as what would be stored in milliseconds.
  const end = Math.floor(Date.now() / 1000) * 1000;
  const steps = [
    ...VERSION_1_0,
    ...inserts(rows, end, traps, start),
    ...(start === '1.1' ? VERSION_1_1 : []),
    'vacuum analyze',
  ];
  for (const [at, statement] of steps.entries()) {
    say(`loading ${at + 1}/${steps.length}: ${statement.split('\n')[0].slice(0, 60)}`);
    await client.query(statement);
  }
  return (performance.now() - begun) / 1000;
}
