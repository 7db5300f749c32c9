import { identifier } from '../database/index.js';
import { type Operations, operations, type Statement, statementsOf } from '../operations/index.js';

/** A statement of the registry, or of the page that the record began with. */
export interface Asked extends Statement {
  /** As `orders by signal_id`. */
  operation: string;
  /** It asks for all rows of a state, which may be most of the table: the planner may rightly read it whole. */
  ofMany?: true;
}

/** What nobody has: what a plan is like depends on the kind of a value, and this is no frequent one. */
const NOBODY = 'claire_doctor';
const SPAN = { since: 1_760_000_000_000, until: 1_760_086_400_000 };
const REASON = 'asked by the doctor';

const ORDER = { order_id: NOBODY, symbol: NOBODY, side: 'BUY', quantity: '1', price: '1' };
const ORDER_ID = { order_id: NOBODY };

const OF_A_FUNCTION = 'its work is done by a function, whose plans nobody is told';
const AS_THE_SINGLE = 'its statement is that of the single call';
const SHORT = 'it reads tables that stay short';

/** Inputs by which each operation asks for few rows, each by a key or in the order of an index; else why it has none. */
const TYPICAL: { readonly [Name in keyof Operations]: readonly object[] | string } = {
  recordSignal: [
    { signal_id: NOBODY, symbol: NOBODY, side: 'BUY', price: '1', confidence: '0.5', timestamp: SPAN.since },
  ],
  placeOrder: [ORDER],
  fillOrder: [ORDER_ID],
  rejectOrder: [{ ...ORDER_ID, reason: REASON }],
  cancelOrder: [ORDER_ID],
  openTrade: [
    {
      trade_id: NOBODY,
      symbol: NOBODY,
      side: 'BUY',
      quantity: '1',
      entry_price: '1',
      entry_timestamp: SPAN.since,
    },
  ],
  closeTrade: [
    { trade_id: NOBODY, exit_price: '1', exit_timestamp: SPAN.since },
    { order_id: NOBODY, exit_price: '1', exit_timestamp: SPAN.since },
  ],
  recordCandles: [
    [{ symbol: NOBODY, timestamp: SPAN.since, open: '1', high: '1', low: '1', close: '1', volume: '1' }],
  ],
  recordRiskEvent: [
    { event_id: NOBODY, event_type: 'signal_rejected', reason: REASON, timestamp: SPAN.since },
  ],
  signals: [{}, { signal_id: NOBODY }, { symbol: NOBODY }, SPAN, { symbol: NOBODY, ...SPAN }],
  orders: [{}, ORDER_ID, { signal_id: NOBODY }, { symbol: NOBODY }, { status: 'PENDING' }],
  trades: [
    ...[{}, { trade_id: NOBODY }, ORDER_ID, { symbol: NOBODY }, SPAN, { status: 'OPEN' }],
    { symbol: NOBODY, side: 'BUY', status: 'OPEN' },
  ],
  riskEvents: [
    ...[
      {},
      { event_id: NOBODY },
      { signal_id: NOBODY },
      { symbol: NOBODY },
      { event_type: 'signal_rejected' },
    ],
    ...[SPAN, { contains: { [NOBODY]: true } }],
  ],
  positions: [{}, { symbol: NOBODY }],
  exposure: [{}, { symbol: NOBODY }],
  candles: [{}, SPAN, { symbol: NOBODY, ...SPAN }],
  decisions: [ORDER_ID, { signal_id: NOBODY }],
  orderHistory: [{}, ORDER_ID],
  halts: [{}],
  riskState: [{}],
  corrections: [{}, { table: 'trades', row: '1' }, { column: NOBODY }, { law: NOBODY }, SPAN],
  quarantined: [{}, { state: 'held' }, { table: 'trades' }, { law: NOBODY }],
  profit: [SPAN],
  performance: 'it groups every closed trade of its span',
  decide: OF_A_FUNCTION,
  createToken: OF_A_FUNCTION,
  revokeToken: OF_A_FUNCTION,
  tokens: SHORT,
  decideAll: OF_A_FUNCTION,
  setLimits: OF_A_FUNCTION,
  setCapital: OF_A_FUNCTION,
  setHorizon: OF_A_FUNCTION,
  halt: OF_A_FUNCTION,
  resume: OF_A_FUNCTION,
  releaseReservation: OF_A_FUNCTION,
  correct: OF_A_FUNCTION,
  releaseQuarantined: OF_A_FUNCTION,
  discardQuarantined: OF_A_FUNCTION,
  why: OF_A_FUNCTION,
  recordSignals: AS_THE_SINGLE,
  placeOrders: AS_THE_SINGLE,
  fillOrders: AS_THE_SINGLE,
  rejectOrders: AS_THE_SINGLE,
  cancelOrders: AS_THE_SINGLE,
  openTrades: AS_THE_SINGLE,
  closeTrades: AS_THE_SINGLE,
  recordRiskEvents: AS_THE_SINGLE,
  limits: SHORT,
  limitsHistory: SHORT,
  capital: SHORT,
  horizons: SHORT,
  retentionRuns: SHORT,
  reservations: SHORT,
  notTraded: 'it groups every signal of its span by what became of its orders',
  summary: 'it counts every row',
  verify: 'it computes the whole record again, and compares',
};

/** The three questions of the page that the record began with, as it writes them. `book` is quoted. */
const seedQueries = (book: string): Asked[] => [
  {
    operation: "the seed's last 100 signals of a symbol",
    text: `select * from ${book}.signals where symbol = 'BTCUSDT' order by timestamp desc limit 100`,
  },
  {
    operation: "the seed's exposure",
    ofMany: true,
    text: `select symbol, sum(quantity * entry_price) as exposure from ${book}.trades where status = 'OPEN' group by symbol`,
  },
  {
    operation: "the seed's risk events by what their details contain",
    text: `select * from ${book}.risk_events where details @> '{"current_exposure": 4850}'`,
  },
];

/** Every statement that asks for few rows, each once. */
export async function typicalStatements(book: string): Promise<Asked[]> {
  const quoted = identifier(book);
  const asked = seedQueries(quoted);
  for (const [name, inputs] of Object.entries(TYPICAL) as [keyof Operations, object[] | string][]) {
    for (const input of typeof inputs === 'string' ? [] : inputs) {
      const by = Object.keys(input).join(', ');
      const operation = operations[name].kind !== 'read' || by === '' ? name : `${name} by ${by}`;
      for (const statement of await statementsOf(name, input, quoted)) {
        asked.push({ operation, ...statement });
      }
    }
  }
  return [...new Map(asked.map((one) => [JSON.stringify([one.text, one.values]), one])).values()];
}
