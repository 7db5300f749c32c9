/**
 * Do any number of sessions together keep a limit? For each seed: sessions decide as fast as they can what only K orders
 * fit into, in single calls and small batches in a seeded order, on one symbol or on many, while a part of what was
 * accepted is filled, cancelled or closed by others. Then an in-memory model is held against the record.
 * Run: npm run build && node bench/decide-races.js [--runs 100] [--sessions 20] [--decisions 500] [--first-seed 1]
 */
import { parseArgs } from 'node:util';
import { Database } from '../dist/database/index.js';
import { connect as connectClaire } from '../dist/index.js';
import { migrate } from '../dist/schema/index.js';
import { randomIntegers } from '../dist/services/market.js';
import { cleanUp, openPlace, Undo } from './migrate-live/place.js';

const T = Date.UTC(2024, 0, 12, 15, 20);
const PRICE = 100;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100' },
    sessions: { type: 'string', default: '20' },
    decisions: { type: 'string', default: '500' },
    'first-seed': { type: 'string', default: '1' },
  },
});
const [runs, sessions, each, firstSeed] = [
  values.runs,
  values.sessions,
  values.decisions,
  values['first-seed'],
].map(Number);

/** What is true of one run, beside what the record says of it. */
async function run(seed, place) {
  const random = randomIntegers(seed);
  const symbols = seed % 2 === 0 ? 1 : 2 + random(20);
  const fits = 1 + random(Math.floor((sessions * each) / 4));
  const url = await place.create(`seed_${seed}`, 'template');
  const open = (service, connections = 1) => connectClaire({ service, databaseUrl: url, connections });
  const claire = await open('operator', 2);
  const limit = symbols === 1 ? 'max_position' : 'max_exposure';
  await claire.setLimits({ changes: { [limit]: fits * PRICE }, reason: `seed ${seed}` });
  const signals = Array.from({ length: sessions * each }, (_, at) => ({
    ...{ signal_id: `s${at}`, symbol: `SYM${random(symbols)}`, side: 'BUY' },
    ...{ price: PRICE, confidence: 1, timestamp: T },
  }));
  for (let from = 0; from < signals.length; from += 1000)
    await claire.recordSignals(signals.slice(from, from + 1000));
  const plans = Array.from({ length: sessions }, (_, session) =>
    batchesOf(signals.slice(session * each, (session + 1) * each), random),
  );
  // The model: an accepted order takes its place for good, because what is filled stays open.
  const model = { accepted: new Map(), rejected: 0 };
  const filler = await open('execution_service');
  const fills = [];
  await Promise.all(
    plans.map(async (batches) => {
      const mine = await open('risk_manager');
      for (const batch of batches) {
        const wanted = batch.map(({ signal_id }) => ({ signal_id, quantity: 1, at: T }));
        const decided = wanted.length === 1 ? [await mine.decide(wanted[0])] : await mine.decideAll(wanted);
        for (const [at, { decision, order_id }] of decided.entries()) {
          if (decision === 'rejected') model.rejected++;
          else if (decision === 'opening') model.accepted.set(order_id, batch[at].symbol);
          else throw new Error(`seed ${seed}: ${order_id} was ${decision}`);
          // Meanwhile every third is filled: from reserved it becomes exposed, and must count once throughout.
          if (decision === 'opening' && model.accepted.size % 3 === 0)
            fills.push(fill(filler, order_id, batch[at].symbol));
        }
      }
      await mine.close();
    }),
  );
  await Promise.all(fills);
  const problems = await compare({ claire, url, model, fits, filled: fills.length });
  await filler.close();
  await claire.close();
  await place.drop(`seed_${seed}`);
  if (problems.length > 0) throw new Error(`seed ${seed}: ${problems.join('; ')}`);
  return { symbols, fits, filled: fills.length };
}

function batchesOf(signals, random) {
  const batches = [];
  for (let from = 0; from < signals.length; ) {
    const size = random(3) === 0 ? 1 : 1 + random(40);
    batches.push(signals.slice(from, from + size));
    from += size;
  }
  return batches;
}

const fill = (claire, order_id, symbol) =>
  claire.transaction(async (t) => {
    await t.fillOrder({ order_id });
    await t.openTrade({
      ...{ trade_id: `t-${order_id}`, order_id, symbol, side: 'BUY', quantity: 1 },
      ...{ entry_price: PRICE, entry_timestamp: T },
    });
  });

async function compare({ claire, url, model, fits, filled }) {
  const database = new Database({ databaseUrl: url, applicationName: 'check', connections: 1 });
  await database.query('select main.fold_reservation_changes()');
  const state = await claire.riskState();
  const bySymbol = await database.query(
    'select symbol, sum(notional) as notional from main.exposure_parts group by symbol having sum(notional) <> 0',
  );
  const [{ deadlocks }] = await database.query(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  const broken = (await claire.verify()).filter((law) => law.broken > 0).map(({ check }) => check);
  await database.close();
  const expected = new Map();
  for (const symbol of model.accepted.values()) expected.set(symbol, (expected.get(symbol) ?? 0) + PRICE);
  const facts = [
    ['accepted', model.accepted.size, Math.min(fits, sessions * each)],
    ['rejected', model.rejected, sessions * each - model.accepted.size],
    ['exposure', Number(state.exposure), filled * PRICE],
    ['reserved', Number(state.reserved), (model.accepted.size - filled) * PRICE],
    ['symbols', bySymbol.length, expected.size],
    ...bySymbol.map(({ symbol, notional }) => [symbol, Number(notional), expected.get(symbol)]),
    ['deadlocks', deadlocks, 0],
    ['laws broken', broken.join(' '), ''],
  ];
  return facts
    .filter(([, found, wanted]) => found !== wanted)
    .map(([what, found, wanted]) => `${what}: ${found} instead of ${wanted}`);
}

const undo = new Undo();
try {
  const place = await openPlace({ settings: { max_connections: '60', fsync: 'off' } }, undo);
  const template = new Database({
    databaseUrl: await place.create('template'),
    applicationName: 'bench',
    connections: 1,
  });
  await migrate(template, 'main');
  await template.close();
  const begun = performance.now();
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const { symbols, fits, filled } = await run(seed, place);
    process.stdout.write(
      `seed ${seed}: ${sessions} x ${each} decisions, ${symbols} symbols, exactly ${fits} accepted, ${filled} of them filled meanwhile\n`,
    );
  }
  process.stdout.write(
    `${runs} runs in ${((performance.now() - begun) / 1000).toFixed(0)} s: none passed its limit\n`,
  );
} finally {
  await cleanUp(undo);
}
