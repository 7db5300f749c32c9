/**
 * What callers of each service do all day. Each works on a symbol of its own, so that two of them never take the same
 * order, and repeats a call that failed with the same id, as a user would.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClaireError } from '../../dist/index.js';

const PRICE = 100;
/** Signals older than this are left undecided: after a long fault the desk looks at the market and not at the past. */
const FRESH_MS = 4000;
/** Trades that a caller keeps open before it closes the oldest. */
const MOST_OPEN = 3;

export const symbolOf = (caller) => `SYM${caller}`;
export const tradeOf = (order_id) => `trade ${order_id}`;

/** A step of each service's caller; what it does is a transaction of its own, or a few calls. */
const STEPS = { signal_engine: signals, risk_manager: decisions, execution_service: trades };

/** Those who only look, a few things at one moment. */
async function reads({ claire, call, symbol }) {
  await call('read', () =>
    claire.transaction(
      async (t) => {
        await t.positions();
        await t.orders({ symbol, limit: 20 });
        await t.trades({ symbol, limit: 20 });
      },
      { isolation: 'repeatable read', readOnly: true },
    ),
  );
}

/**
 * Works until it is stopped. `pace` is the longest pause between two steps.
 * @param {{ service: string, caller: number, name: string, claire: import('../../dist/index.js').Claire,
 *   journal: ReturnType<typeof import('./journal.js').openJournal>, random: (below: number) => number,
 *   counts: { answered: number, acknowledged: number, failed: number, isResting: boolean }, pace: number,
 *   state: { isStopped: boolean, isPaused: boolean } }} of
 */
export async function work(of) {
  const { service, counts, journal, random, pace, state } = of;
  const step = STEPS[service] ?? reads;
  const own = { ...of, symbol: symbolOf(of.caller), taken: 0, open: [], ...calls(counts, journal, state) };
  while (!state.isStopped) {
    counts.isResting = state.isPaused;
    if (!state.isPaused) await step(own);
    await sleep(state.isPaused ? 20 : random(pace + 1));
  }
}

/** How a caller calls: once, or until it is told that what it wants stands in the record. */
function calls(counts, journal, state) {
  const call = async (during, run) => {
    try {
      const answer = await run();
      counts.answered++;
      return { answer };
    } catch (error) {
      counts.failed++;
      journal.error(during, error);
      return { error };
    }
  };
  const acknowledge = (kind, ids, answer) => {
    counts.acknowledged += ids.length;
    journal.acknowledged(kind, ids, answer);
  };
  const insist = async (kind, ids, run) => {
    journal.tried(kind, ids);
    for (;;) {
      const { answer, error } = await call(kind, run);
      if (!error) {
        acknowledge(kind, ids);
        return answer;
      }
      // What is refused will be refused again; the journal says so.
      if (state.isStopped || (error instanceof ClaireError && error.status < 500)) return undefined;
      await sleep(20 + Math.random() * 60);
    }
  };
  return { call, insist, acknowledge };
}

const signal = (signal_id, symbol) => ({
  ...{ signal_id, symbol, side: 'BUY', price: PRICE, confidence: '0.9', timestamp: Date.now() },
});

async function signals(own) {
  const { claire, random, symbol, insist, call, name } = own;
  const make = (count) => Array.from({ length: count }, () => signal(`${name}-${++own.taken}`, symbol));
  const ids = (items) => items.map(({ signal_id }) => signal_id);
  const turn = random(5);
  if (turn === 0) await call('read', () => claire.signals({ symbol, limit: 20 }));
  else if (turn === 1) {
    const items = make(2 + random(20));
    await insist('signal', ids(items), async () => allRecorded(await claire.recordSignals(items)));
  } else if (turn === 2) {
    const items = make(2);
    await insist('signal', ids(items), () =>
      claire.transaction(async (t) => {
        for (const item of items) await t.recordSignal(item);
      }),
    );
  } else {
    const [item] = make(1);
    await insist('signal', [item.signal_id], () => claire.recordSignal(item));
  }
}

async function decisions(own) {
  const { claire, random, symbol, call, insist, journal, acknowledge, name } = own;
  if (random(4) === 0) {
    // Without an id of its own a second run of the work would be a second row: nobody may run it blindly again.
    const marker = `${name}-${++own.taken}`;
    journal.tried('event', [marker]);
    const { error } = await call('event', () => claire.transaction((t) => t.recordRiskEvent(event(marker))));
    if (!error) acknowledge('event', [marker]);
  }
  const { answer: open = [] } = await call('read', () =>
    claire.signals({ symbol, without_order: true, since: Date.now() - FRESH_MS, limit: 1 + random(8) }),
  );
  if (open.length === 0) return;
  const items = open.map(({ signal_id, timestamp }) => ({ signal_id, quantity: 1, at: timestamp }));
  const decided = await insist(
    'decision',
    open.map(({ signal_id }) => `order-${signal_id}`),
    async () => {
      const wanted = items.map((item) => ({ ...item, order_id: `order-${item.signal_id}` }));
      return wanted.length === 1
        ? [await claire.decide(wanted[0])]
        : allRecorded(await claire.decideAll(wanted));
    },
  );
  for (const { order_id, decision } of decided ?? []) journal.acknowledged('verdict', [order_id], decision);
}

const event = (marker) => ({
  event_type: 'exposure_limit_exceeded',
  reason: 'an event without an id of its own',
  details: { marker },
  timestamp: Date.now(),
});

async function trades(own) {
  const { claire, symbol, call, insist, open } = own;
  if (open.length >= MOST_OPEN) {
    const trade_id = open.shift();
    const close = { trade_id, exit_price: PRICE + 1, exit_timestamp: Date.now(), commission: 0 };
    await insist('close', [trade_id], () => claire.closeTrade(close));
    return;
  }
  const { answer: orders = [] } = await call('read', () =>
    claire.orders({ symbol, status: 'PENDING', limit: 4 }),
  );
  for (const { order_id } of orders) {
    const trade = { order_id, trade_id: tradeOf(order_id), symbol, side: 'BUY', quantity: 1 };
    const entry = { entry_price: PRICE, entry_timestamp: Date.now() };
    const isFilled = await insist('fill', [order_id], () =>
      claire.transaction(async (t) => {
        await t.fillOrder({ order_id });
        await t.openTrade({ ...trade, ...entry });
        return true;
      }),
    );
    if (isFilled) open.push(trade.trade_id);
  }
}

/** Outcomes of a batch are data: one that is not in the record is an error here. */
function allRecorded(outcomes) {
  const other = outcomes.find(({ outcome }) => outcome !== 'recorded' && outcome !== 'already_recorded');
  if (other) throw new Error(`an item of a batch was not recorded: ${JSON.stringify(other)}`);
  return outcomes;
}
