// What the log of 1.5 costs whoever writes: the same work with its triggers and without them, in turn, on one server with
// fsync. node bench/cost-of-log.js
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../dist/database/embedded/index.js';
import { Database } from '../dist/database/index.js';
import { connect } from '../dist/index.js';
import { migrate } from '../dist/schema/index.js';

const ROUNDS = 9;
const TURN_MS = 1000;
const T = Date.UTC(2024, 0, 12);
const TABLES = ['orders', 'trades', 'risk_events', 'halts', 'limits'];

const directory = await mkdtemp(join(tmpdir(), 'claire-cost-of-log-'));
const server = await startEmbedded({ dataDir: join(directory, 'data'), port: 45_998 });
const databaseUrl = server.url('postgres', { showSecrets: true });
const admin = new Database({ databaseUrl, applicationName: 'bench' });
await migrate(admin, 'main');
const claire = await connect({ service: 'bench', databaseUrl, connections: 1, timings: false });

let made = 0;
const many = (size, make) => Array.from({ length: size }, () => make(`x${++made}`));
const symbol = () => `S${made % 50}`;
const signalOf = (signal_id) => ({
  ...{ signal_id, symbol: symbol(), side: 'BUY', price: '100', confidence: '1', timestamp: T },
});
const orderOf = (order_id) => ({ order_id, symbol: symbol(), side: 'BUY', quantity: '1', price: '100' });
const tradeOf = (trade_id) => ({
  ...{ trade_id, symbol: symbol(), side: 'BUY', quantity: '1', entry_price: '100', entry_timestamp: T },
});
const decideOf = ({ signal_id }) => ({ signal_id, order_id: signal_id, quantity: '1', at: T });

/** Each gives the number of rows that it wrote. Signals are not logged: those of `decide` stand before the clock starts. */
const WORKS = {
  'decide, one a commit': batches(1, ([id]) => claire.decide(decideOf({ signal_id: id }))),
  'decide, batches of 100': batches(100, (ids) =>
    claire.decideAll(ids.map((id) => decideOf({ signal_id: id }))),
  ),
  'placeOrder, one a commit': writes(1, (orders) => claire.placeOrder(orders[0]), orderOf),
  'placeOrders, batches of 1000': writes(1000, (orders) => claire.placeOrders(orders), orderOf),
  'openTrade, one a commit': writes(1, (trades) => claire.openTrade(trades[0]), tradeOf),
  'openTrades, batches of 1000': writes(1000, (trades) => claire.openTrades(trades), tradeOf),
};

function writes(size, write, make) {
  return {
    async turn(until) {
      let rows = 0;
      while (performance.now() < until) {
        await write(many(size, make));
        rows += size;
      }
      return rows;
    },
  };
}

function batches(size, decide) {
  let waiting = [];
  return {
    async prepare() {
      const signals = many(20_000, signalOf);
      await claire.recordSignals(signals);
      waiting = signals.map(({ signal_id }) => signal_id);
    },
    async turn(until) {
      let rows = 0;
      while (performance.now() < until && waiting.length > 0) {
        await decide(waiting.splice(0, size));
        rows += size;
      }
      return rows;
    },
  };
}

async function setLog(on) {
  for (const table of TABLES) {
    const triggers = await admin.query(
      `select tgname::text as name from pg_trigger where tgrelid = $1::regclass and tgname like '%record_log%'`,
      [`main.${table}`],
    );
    for (const { name } of triggers)
      await admin.query(`alter table main.${table} ${on ? 'enable' : 'disable'} trigger ${name}`);
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

try {
  for (const [name, { prepare, turn }] of Object.entries(WORKS)) {
    const rates = { with: [], without: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const which of round % 2 ? ['with', 'without'] : ['without', 'with']) {
        await setLog(which === 'with');
        await prepare?.();
        await admin.query('select main.fold_position_changes(1000000), main.fold_reservation_changes()');
        await admin.query('checkpoint');
        const begin = performance.now();
        const rows = await turn(begin + TURN_MS);
        rates[which].push((rows * 1000) / (performance.now() - begin));
      }
    }
    const [logged, bare] = [median(rates.with), median(rates.without)];
    process.stdout.write(
      `${name.padEnd(30)} ${Math.round(logged)} rows/s with the log, ${Math.round(bare)} without: ${(logged / bare).toFixed(2)}\n`,
    );
  }
} finally {
  await claire.close();
  await admin.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
