import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Claire, ClaireError } from '../../src/index.js';
import { useBook } from '../harness/book.js';

/**
 * Random decisions, direct orders, fills, cancels, closes and new limits from four connections at once. What is kept of
 * reservations and profit equals what the orders and trades say, and no decision passes a limit; no deadlock.
 */
const book = useBook();
const T0 = Date.UTC(2024, 0, 15);
const MINUTE = 60_000;
const EXPOSURE = 3000;
const POSITION = 2000;

const symbol = fc.constantFrom('A', 'B', 'C');
const side = fc.constantFrom('BUY' as const, 'SELL' as const);
const units = { quantity: fc.integer({ min: 1, max: 9 }), price: fc.integer({ min: 50, max: 150 }) };
/** Of three days, in no order: a close of yesterday may come today. */
const at = fc.integer({ min: 0, max: 3 * 1440 }).map((minute) => T0 + minute * MINUTE);
const wanted = { symbol, side, ...units, at };
const pick = fc.nat();

const decide = fc.record({ kind: fc.constant('decide' as const), ...wanted, opposed: fc.boolean() });
const alone = fc.oneof(
  { weight: 4, arbitrary: decide },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('fill' as const), pick, part: fc.constantFrom(0, 0.5, 1), at }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('close' as const), pick, price: units.price, at }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'fold' as const }) },
);
const any = fc.oneof(
  { weight: 6, arbitrary: alone },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('direct' as const), ...wanted }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      max_exposure: fc.integer({ min: 500, max: 9000 }).map(String),
      enforce_limits: fc.constantFrom('on', 'warn'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('halt' as const), at, cancel: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), at }) },
);
type Step = typeof any extends fc.Arbitrary<infer S> ? S : never;

interface Order {
  order_id: string;
  symbol: string;
  side: 'BUY' | 'SELL';
  quantity: number;
  price: number;
  opens: boolean;
}

/** What all connections know of each other's work: whoever comes second is refused by the record. */
class Desk {
  readonly orders: Order[] = [];
  readonly trades: string[] = [];
  made = 0;
  decided = 0;
  refused = 0;
}

/** Refusals that follow from others having been faster, or from a halt. */
const LATER = ['order_final', 'trade_final', 'trading_halted', 'order_over_limits', 'id_conflict'];

/** Takes steps, and looks after each of them. */
async function work(
  claire: Claire,
  desk: Desk,
  steps: readonly Step[],
  name: string,
  look: () => Promise<void>,
): Promise<void> {
  for (const step of steps) {
    const id = `${name}-${desk.made++}`;
    await take(claire, desk, step, id).catch((error: unknown) => {
      if (!(error instanceof ClaireError) || !LATER.includes(error.code)) throw error;
      desk.refused++;
    });
    await look();
  }
}

async function take(claire: Claire, desk: Desk, step: Step, id: string): Promise<void> {
  if (step.kind === 'decide') return decided(claire, desk, step, id);
  if (step.kind === 'direct') {
    const { kind: _, at, ...order } = step;
    await claire.placeOrder({ ...order, order_id: id, timestamp: at });
    desk.orders.push({ ...order, order_id: id, opens: true });
  } else if (step.kind === 'cancel' && desk.orders.length > 0) {
    await claire.cancelOrder({ order_id: desk.orders[step.pick % desk.orders.length]!.order_id });
  } else if (step.kind === 'fill' && desk.orders.length > 0) {
    await filled(claire, desk, step, id);
  } else if (step.kind === 'close' && desk.trades.length > 0) {
    const trade_id = desk.trades[step.pick % desk.trades.length]!;
    await claire.closeTrade({ trade_id, exit_price: step.price, exit_timestamp: T0 + 1 + (step.at - T0) });
  } else if (step.kind === 'limit') {
    const { kind: _, ...changes } = step;
    await claire.setLimits({ changes, reason: id });
  } else if (step.kind === 'halt') {
    await claire.halt({ reason: id, at: step.at, until: step.at + 60 * MINUTE, cancel_pending: step.cancel });
  } else if (step.kind === 'resume') {
    await claire.resume({ reason: id, at: step.at, despite_limit: true });
  } else if (step.kind === 'fold') await book.sql('select fold_reservation_changes()');
}

async function decided(claire: Claire, desk: Desk, step: Step & { kind: 'decide' }, id: string) {
  const { symbol, side, price, quantity, at } = step;
  const signal_id = `s-${id}`;
  await claire.recordSignal({ signal_id, symbol, side, price, confidence: 1, timestamp: at });
  const wanted = { signal_id, order_id: id, quantity, at, close_opposed: step.opposed };
  const { decision, reduces, quantity: given } = await claire.decide(wanted);
  desk.decided++;
  if (decision === 'rejected') return;
  desk.orders.push({ order_id: id, symbol, side, price, quantity: Number(given), opens: !reduces });
}

/** Fills an order; one that opens with a trade of all of it, of a half, or without one: then it goes on reserving. */
async function filled(claire: Claire, desk: Desk, step: Step & { kind: 'fill' }, id: string) {
  const { price, quantity, opens, ...order } = desk.orders[step.pick % desk.orders.length]!;
  const isOpened = await claire.transaction(async (t) => {
    const { outcome } = await t.fillOrder({ order_id: order.order_id });
    if (outcome !== 'recorded' || !opens || step.part === 0) return false;
    const entry = { quantity: quantity * step.part, entry_price: price, entry_timestamp: T0 };
    await t.openTrade({ trade_id: id, ...order, ...entry });
    return true;
  });
  if (isOpened) desk.trades.push(id);
}

/** What each order reserves, from the order and its trades alone. */
const RESERVED = `
  select d.symbol, d.side, d.reduces, coalesce(d.price, 0) as price,
    case when o.status = 'PENDING' or (o.status = 'FILLED' and not d.reduces) then greatest(0, o.quantity - coalesce(
      (select sum(t.quantity) from trades as t where t.order_id = d.order_id), 0)) else 0 end as quantity
  from decisions as d join orders as o on o.order_id = d.order_id`;

const reservationsThatDiffer = async () => {
  await book.sql('select fold_reservation_changes()');
  return book.sql(`
    with truth as (
      select symbol, side, coalesce(sum(quantity) filter (where reduces), 0) as closing,
        coalesce(sum(quantity * price) filter (where not reduces), 0) as notional,
        count(*) filter (where not reduces and quantity > 0) as num_orders
      from (${RESERVED}) as r group by symbol, side
    )
    select * from truth as t full join reservation_totals as r using (symbol, side)
    where (coalesce(t.closing, 0), coalesce(t.notional, 0), coalesce(t.num_orders, 0))
      is distinct from (coalesce(r.closing, 0), coalesce(r.notional, 0), coalesce(r.num_orders, 0))`);
};

const profitThatDiffers = () =>
  book.sql(`
    select * from (
      select r.profit_at, r.day_pnl, r.window_pnl,
        coalesce(sum(t.pnl) filter (where t.exit_timestamp >= r.day_from), 0) as day,
        coalesce(sum(t.pnl) filter (where t.exit_timestamp > r.profit_at - 86400000), 0) as window
      from risk as r left join trades as t on t.status = 'CLOSED' and t.exit_timestamp <= r.profit_at
      group by r.id
    ) as p where profit_at is not null and (day_pnl, window_pnl) is distinct from (day, "window")`);

/** What is held beyond the limits, in one statement: true at every commit of anybody. */
const overTheLimits = () =>
  book.sql(`
    with held as (
      select symbol, sum(value) as value from (
        select symbol, quantity * entry_price as value from trades where status = 'OPEN'
        union all select symbol, quantity * price from (${RESERVED}) as r where not reduces
      ) as parts group by symbol
    )
    select * from held where value > ${POSITION} or (select sum(value) from held) > ${EXPOSURE}`);

async function run(step: fc.Arbitrary<Step>, name: string, look: () => Promise<void>): Promise<Desk> {
  const claires = await Promise.all(
    [1, 2, 3, 4].map(() => book.connect({ service: 'model', connections: 1 })),
  );
  const desk = new Desk();
  const script = fc.array(step, { minLength: 6, maxLength: 12 });
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(script, { minLength: 4, maxLength: 4 }), async (scripts) => {
      const of = `${name}${runs++}`;
      await Promise.all(scripts.map((steps, at) => work(claires[at]!, desk, steps, `${of}-${at}`, look)));
      expect(await reservationsThatDiffer()).toEqual([]);
      expect(await profitThatDiffers()).toEqual([]);
    }),
    { numRuns: 6, endOnFailure: true, verbose: 1 },
  );
  // A retry would hide a deadlock, so the server is asked; sessions report what they met at the latest when they end.
  await Promise.all(claires.map((claire) => claire.close()));
  await expect.poll(sessions).toBe(0);
  expect(await book.deadlocks()).toBe(0);
  return desk;
}

const sessions = async () => {
  const [row] = await book.sql<{ n: number }>(
    `select count(*) as n from pg_stat_activity where datname = current_database() and application_name = 'model'`,
  );
  return row!.n;
};

test('decisions alone never pass a limit, whatever is filled, cancelled and closed beside them', async () => {
  const claire = await book.connect();
  const changes = { max_exposure: String(EXPOSURE), max_position: String(POSITION), max_drawdown: '-100000' };
  await claire.setLimits({ changes, reason: 'a test' });
  const desk = await run(alone as fc.Arbitrary<Step>, 'a', async () => {
    expect(await overTheLimits()).toEqual([]);
  });
  expect(desk.orders.length).toBeGreaterThan(0);
  expect(desk.decided).toBeGreaterThan(desk.orders.length);
  expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  // By plain SQL an order passes that decide would have rejected, as the limits say.
  const order = { order_id: 'over', symbol: 'A', side: 'BUY', quantity: 50, price: 100 } as const;
  await claire.placeOrder({ ...order, timestamp: T0 });
  expect((await overTheLimits()).length).toBeGreaterThan(0);
});

test('reservations and profit equal the orders and trades, also with direct orders, halts and new limits', async () => {
  const claire = await book.connect();
  await claire.setLimits({ changes: { max_drawdown: '-300' }, reason: 'a test' });
  await run(any as fc.Arbitrary<Step>, 'b', async () => {});
  expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
});

test('where a trigger does not follow, the difference is found', async () => {
  const claire = await book.connect();
  await claire.resume({ reason: 'another test', despite_limit: true, at: T0 });
  await claire.setLimits({ changes: { max_exposure: null, max_position: null }, reason: 'a test' });
  const order = { order_id: 'unseen', symbol: 'A', side: 'BUY', quantity: 1, price: 1 } as const;
  await claire.placeOrder({ ...order, timestamp: T0 + 9 * 1440 * MINUTE });
  expect(await reservationsThatDiffer()).toEqual([]);
  await book.sql('alter table orders disable trigger orders_follow_update');
  await claire.cancelOrder({ order_id: 'unseen' });
  await book.sql('alter table orders enable trigger orders_follow_update');
  expect(await reservationsThatDiffer()).toMatchObject([{ symbol: 'A', side: 'BUY' }]);
  const closed = { symbol: 'A', side: 'BUY', quantity: 1, entry_price: 9, entry_timestamp: T0 } as const;
  for (const trade_id of ['seen', 'not-seen']) {
    await claire.openTrade({ ...closed, trade_id });
    const exit_timestamp = T0 + 9 * 1440 * MINUTE;
    if (trade_id === 'not-seen') await book.sql('alter table trades disable trigger trades_risk_update');
    await claire.closeTrade({ trade_id, exit_price: 8, exit_timestamp });
  }
  await book.sql('alter table trades enable trigger trades_risk_update');
  expect(await profitThatDiffers()).toHaveLength(1);
});
