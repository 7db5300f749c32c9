/**
 * The services of the seed, which know nothing of a migration: their own statements, naming their columns, at a fixed
 * number of transactions a second whether or not the earlier ones are answered. None is tried again.
 */
import { openNumbers, SYMBOLS } from './load.js';
import { connect } from './place.js';

/**
 * Transactions in a thousand. On 1.0 the last three read a whole table, for want of an index: so rare that they take a
 * fifth of one core before the migration begins.
 */
export const MIX = {
  record_signal: 470,
  place_order: 200,
  fill_order: 200,
  record_risk_event: 115,
  close_trade: 10,
  exposure: 3,
  last_signals: 2,
};
/** Statements that read a whole table on 1.0. */
export const SCANS = ['close_trade', 'exposure', 'last_signals'];

const SQL = {
  signal: `INSERT INTO signals (signal_id, symbol, side, price, confidence, timestamp)
    VALUES ($1, $2, $3, $4, $5, $6)`,
  order: `INSERT INTO orders (order_id, signal_id, symbol, side, quantity, price, status)
    VALUES ($1, $2, $3, $4, $5, $6, 'PENDING')`,
  trade: `INSERT INTO trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
    VALUES ($1, $2, $3, $4, $5, $6, 'OPEN')`,
  fill: `UPDATE orders SET status = 'FILLED', updated_at = NOW() WHERE order_id = $1`,
  close: `UPDATE trades SET exit_price = $1, exit_timestamp = $2, status = 'CLOSED' WHERE order_id = $3`,
  event: `INSERT INTO risk_events (event_type, signal_id, symbol, reason, details, timestamp)
    VALUES ('signal_rejected', $1, $2, 'Exposure limit exceeded', $3::jsonb, $4)`,
  exposure: `SELECT symbol, SUM(quantity * entry_price) AS exposure FROM trades WHERE status = 'OPEN' GROUP BY symbol`,
  last: `SELECT signal_id, symbol, side, price, confidence, timestamp FROM signals
    WHERE symbol = $1 ORDER BY timestamp DESC LIMIT 100`,
};

/** The mix as a wheel of a thousand places, each kind spread over it, the same at every run. */
function wheel() {
  const places = Object.entries(MIX).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, at) => ({ kind, at: (at + 0.5) / count })),
  );
  return places.sort((a, b) => a.at - b.at).map(({ kind }) => kind);
}

export class Writers {
  /** Every statement: kind, when it was sent, how long it took, and its error. */
  statements = [];
  /** How long after its time each transaction began: { due, ms }. */
  lags = [];
  /** What the server acknowledged, to be looked for afterwards. */
  acknowledged = { signals: [], orders: [], trades: [], closed: [], risk_events: 0 };
  #queue = [];
  #idle = [];
  #clients = [];
  #loops = [];
  #timer;
  #number = 0;
  #signals = [];
  #pending = [];
  #open = [];
  #old;

  constructor({ url, connections, rate, trades }) {
    Object.assign(this, { url, connections, rate });
    // From all over the table, the same at every run.
    const numbers = openNumbers(trades);
    this.#old = numbers.map((_, at) => numbers[(at * 7919) % numbers.length]);
  }

  async start() {
    for (let at = 1; at <= this.connections; at++) {
      const client = await connect(this.url, `bench writer ${at}`);
      this.#clients.push(client);
      this.#loops.push(this.#work(client));
    }
    const kinds = wheel();
    const begun = performance.now();
    let given = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - begun) * this.rate) / 1000);
      for (; given < due; given++) {
        this.#give({ kind: kinds[given % kinds.length], due: begun + (given * 1000) / this.rate });
      }
    }, 4);
  }

  /** Transactions that wait for a connection. */
  get waiting() {
    return this.#queue.length;
  }

  /** No new transactions; those under way and those that wait are ended. */
  async stop() {
    clearInterval(this.#timer);
    for (let at = 0; at < this.connections; at++) this.#give(undefined);
    await Promise.all(this.#loops);
    await this.cut();
  }

  async cut() {
    clearInterval(this.#timer);
    await Promise.all(this.#clients.splice(0).map((client) => client.end()));
  }

  #give(item) {
    const taker = this.#idle.shift();
    if (taker) taker(item);
    else this.#queue.push(item);
  }

  #take() {
    if (this.#queue.length > 0) return Promise.resolve(this.#queue.shift());
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #work(client) {
    for (let item = await this.#take(); item; item = await this.#take()) {
      this.lags.push({ due: item.due, ms: performance.now() - item.due });
      try {
        await this[item.kind](client);
      } catch (error) {
        if (!error.recorded) this.#fail(item.kind, client, error);
      }
    }
  }

  /** A BEGIN that failed: the connection is gone. */
  #fail(kind, client, { code = 'connection', message }) {
    this.statements.push({
      kind,
      sent: performance.now(),
      ms: 0,
      pid: client.processID,
      error: { code, message },
    });
  }

  async #run(client, kind, text, values, expected) {
    const statement = { kind, sent: performance.now(), pid: client.processID };
    try {
      const { rowCount } = await client.query(text, values);
      if (expected !== undefined && rowCount !== expected) {
        statement.error = { code: 'rows', message: `${rowCount} rows, not ${expected}` };
      }
    } catch (error) {
      statement.error = { code: error.code ?? 'connection', message: error.message };
      error.recorded = true;
      throw error;
    } finally {
      statement.ms = performance.now() - statement.sent;
      this.statements.push(statement);
    }
  }

  async record_signal(client) {
    const n = ++this.#number;
    const signal = {
      id: `live_sig_${n}`,
      symbol: `SYM${String(n % SYMBOLS).padStart(2, '0')}USDT`,
      side: n % 3 === 0 ? 'SELL' : 'BUY',
      price: `${100 + (n % 900)}.25`,
    };
    const { id, symbol, side, price } = signal;
    await this.#run(client, 'record_signal', SQL.signal, [id, symbol, side, price, '0.75', Date.now()], 1);
    this.acknowledged.signals.push(id);
    this.#signals[n % 500] = signal;
  }

  async place_order(client) {
    const n = ++this.#number;
    const known = this.#signals.filter(Boolean);
    const signal = known[n % known.length];
    if (!signal) return this.record_signal(client);
    const id = `live_order_${n}`;
    const { symbol, side, price } = signal;
    const quantity = `${(n % 40) + 1}.5`;
    await client.query('BEGIN');
    try {
      await this.#run(client, 'insert_order', SQL.order, [id, signal.id, symbol, side, quantity, price], 1);
      await this.#run(client, 'insert_trade', SQL.trade, [id, symbol, side, quantity, price, Date.now()], 1);
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
    await this.#run(client, 'commit', 'COMMIT');
    this.acknowledged.orders.push(id);
    this.acknowledged.trades.push(id);
    this.#pending.push({ id, price });
  }

  async fill_order(client) {
    const order = this.#pending.shift();
    if (!order) return this.record_signal(client);
    await this.#run(client, 'fill_order', SQL.fill, [order.id], 1);
    this.#open.push(order);
  }

  /** By turns a trade of this run and one that was open in the old data. */
  async close_trade(client) {
    const n = ++this.#number;
    const recent = n % 2 === 0 ? this.#open.shift() : undefined;
    const id = recent?.id ?? `order_${this.#old.shift()}`;
    const price = recent ? `${Number(recent.price) + 1}` : '321.5';
    await this.#run(client, 'close_trade', SQL.close, [price, Date.now(), id], 1);
    this.acknowledged.closed.push(id);
  }

  async record_risk_event(client) {
    const n = ++this.#number;
    const details = JSON.stringify({ current_exposure: n % 5000, max_exposure: 5000 });
    const symbol = `SYM${String(n % SYMBOLS).padStart(2, '0')}USDT`;
    await this.#run(client, 'record_risk_event', SQL.event, [`live_${n}`, symbol, details, Date.now()], 1);
    this.acknowledged.risk_events++;
  }

  async exposure(client) {
    await this.#run(client, 'exposure', SQL.exposure);
  }

  async last_signals(client) {
    const symbol = `SYM${String(++this.#number % SYMBOLS).padStart(2, '0')}USDT`;
    await this.#run(client, 'last_signals', SQL.last, [symbol], 100);
  }
}
