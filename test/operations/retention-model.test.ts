import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyBook, useBook } from '../harness/book.js';
import { ago, DAY, retentionGround, T } from './retention-ground.js';

/**
 * Random books whose rows have random ages and links, and then days that pass: horizons are set, backups come and go,
 * orders are cancelled, trades are opened, and retention runs. After each run what is left is what a plain in-memory book
 * says, which knows no watermark, no batch and no order of rows; a dry run before it names the same ids; and every law of
 * sql/checks holds.
 */
const book = useBook();
const ground = retentionGround(book);

const STATES = ['PENDING', 'FILLED', 'REJECTED', 'CANCELLED'] as const;
const age = fc.oneof(fc.integer({ min: -3, max: 130 }), fc.integer({ min: 25, max: 35 }));
const horizon = fc.option(fc.constantFrom(5, 30, 60, 90, 120), { nil: null, freq: 6 });
const world = fc.record({
  signals: fc.array(age, { minLength: 5, maxLength: 40 }),
  orders: fc.array(
    fc.record({
      age,
      signal: fc.option(fc.nat(60), { freq: 5 }),
      state: fc.constantFrom(...STATES),
      traded: fc.boolean(),
    }),
    { maxLength: 40 },
  ),
  events: fc.array(fc.record({ age, signal: fc.option(fc.nat(60)) }), { maxLength: 10 }),
  candles: fc.array(
    age.map((days) => days * 4),
    { maxLength: 10 },
  ),
  /** As rows nearly always come; else in any order. */
  isSorted: fc.constantFrom(true, true, false),
});
const step = fc.record({
  /** Days before now from which ages count. */
  back: fc.constantFrom(0, 0, 10, 40, 80),
  horizons: fc.record({ signals: horizon, orders: horizon, risk_events: horizon, candles: horizon }),
  isSet: fc.boolean(),
  covered: fc.option(fc.record({ days: fc.integer({ min: 0, max: 60 }), share: fc.constantFrom(0.5, 1, 1) })),
  tables: fc.option(fc.subarray(['signals', 'orders', 'risk_events', 'candles'] as const, { minLength: 1 }), {
    freq: 4,
  }),
  batchSize: fc.constantFrom(1, 3, 1000),
  cancelled: fc.nat(60),
  traded: fc.nat(60),
});

type World = typeof world extends fc.Arbitrary<infer W> ? W : never;
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Table = 'signals' | 'orders' | 'risk_events' | 'candles';

interface Row {
  id: number;
  age: number;
}
interface OrderRow extends Row {
  signal: number | null;
  state: string;
  traded: boolean;
}

/** Everything in ids from 1, in the order in which it was inserted. */
class Model {
  signals: Row[];
  orders: OrderRow[];
  risk_events: Row[];
  candles: Row[];
  keep: Record<Table, number | null> = { signals: 30, orders: 90, risk_events: 90, candles: 400 };

  constructor({ signals, orders, events, candles, isSorted }: World) {
    const rows = (ages: number[]) =>
      (isSorted ? [...ages].sort((a, b) => b - a) : ages).map((age, at) => ({ id: at + 1, age }));
    this.signals = rows(signals);
    const sorted = isSorted ? [...orders].sort((a, b) => b.age - a.age) : orders;
    this.orders = sorted.map((order, at) => ({
      ...{ id: at + 1, age: order.age, state: order.state },
      signal: order.signal === null ? null : (order.signal % signals.length) + 1,
      traded: order.traded && order.state === 'FILLED',
    }));
    this.risk_events = rows(events.map(({ age }) => age));
    this.candles = rows(candles);
  }

  /** Removes what must go. */
  run({ back, covered, tables }: Step, lastIds: Record<string, number> | undefined): void {
    const isDue = (table: Table, row: Row) => {
      const keep = this.keep[table];
      if (keep === null || row.age < back + keep) return false;
      if (!covered) return true;
      return row.age >= covered.days && (table === 'candles' || row.id <= (lastIds?.[table] ?? Infinity));
    };
    const asked = (table: Table) => tables === null || tables.includes(table);
    // Nobody tells of an order what it reserves: what is FILLED here without a trade was so when it came.
    const gone = this.orders.filter(
      (order) => asked('orders') && isDue('orders', order) && order.state !== 'PENDING' && !order.traded,
    );
    this.orders = this.orders.filter((order) => !gone.includes(order));
    const named = new Set(this.orders.map(({ signal }) => signal));
    const withOrders = new Set(gone.map(({ signal }) => signal));
    this.signals = this.signals.filter(
      (row) => named.has(row.id) || !isDue('signals', row) || !(asked('signals') || withOrders.has(row.id)),
    );
    for (const table of ['risk_events', 'candles'] as const)
      if (asked(table)) this[table] = this[table].filter((row) => !isDue(table, row));
  }

  get left() {
    const ids = (rows: Row[]) => rows.map(({ id }) => String(id)).sort();
    return {
      ...{ signals: ids(this.signals), orders: ids(this.orders), risk_events: ids(this.risk_events) },
      candles: this.candles.map(({ id }) => `X ${T + id * 60_000}`).sort(),
    };
  }
}

async function fill(model: Model, { events }: World): Promise<void> {
  // Half a minute off whole days, so that the time which the test takes decides nothing.
  const at = (age: number) => ago(age + 0.0003);
  const some = async (rows: unknown[], text: () => string) => {
    if (rows.length > 0) await ground.sql(text());
  };
  await some(
    model.signals,
    () => `insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at) values
    ${model.signals.map(({ id, age }) => `('s${id}', 'X', 'BUY', 1, 1, ${T}, ${at(age)})`)}`,
  );
  await some(
    model.orders,
    () => `insert into orders (order_id, signal_id, symbol, side, quantity, price, status, rejection_reason, created_at, updated_at) values
    ${model.orders.map(({ id, age, signal, state }) => `('o${id}', ${signal === null ? 'null' : `'s${signal}'`}, 'X', 'BUY', 1, 1, '${state}', 'r', ${at(age)}, ${at(age)})`)}`,
  );
  for (const { id, traded } of model.orders) if (traded) await ground.trade(`t${id}`, `o${id}`);
  await some(
    model.risk_events,
    () => `insert into risk_events (event_id, event_type, signal_id, reason, timestamp, created_at) values
    ${model.risk_events.map(({ id, age }) => `('e${id}', 'signal_rejected', ${events[id - 1]!.signal === null ? 'null' : `'s${events[id - 1]!.signal}'`}, 'r', ${T}, ${at(age)})`)}`,
  );
  await some(
    model.candles,
    () => `insert into candles (symbol, timestamp, open, high, low, close, volume, created_at) values
    ${model.candles.map(({ id, age }) => `('X', ${T + id * 60_000}, 1, 1, 1, 1, 1, ${at(age)})`)}`,
  );
  // As if what follows from an order had been recorded with it: else it would have changed since any backup.
  await ground.sql(`begin; set local session_replication_role = replica;
    update order_history as h set created_at = o.created_at from orders as o where o.order_id = h.order_id;
    commit`);
}

test('what is left is what a plain model says, a dry run said it before, and every law holds', async () => {
  const claire = await book.connect({ connections: 1 });
  await fc.assert(
    fc.asyncProperty(world, fc.array(step, { minLength: 1, maxLength: 5 }), async (world, steps) => {
      await emptyBook(book);
      const model = new Model(world);
      await fill(model, world);
      for (const step of steps) await live(model, step);
      expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
    }),
    { numRuns: 25, endOnFailure: true, verbose: 1 },
  );
});

async function live(model: Model, step: Step): Promise<void> {
  await change(model, step);
  const { back, covered, batchSize, tables } = step;
  const share = covered?.share ?? 1;
  const lastIds = share < 1 ? { signals: 20, orders: 20, risk_events: 5 } : undefined;
  const scope = {
    ...(tables ? { tables } : {}),
    at_ms: Date.now() - back * DAY,
    ...(covered
      ? {
          coverage: {
            ...{ name: 'b', until_ms: Date.now() - covered.days * DAY },
            ...(lastIds ? { last_ids: { signals: '20', orders: '20', risk_events: '5' } } : {}),
          },
        }
      : {}),
  };
  const before = await ground.ids();
  const due = await ground.due(scope);
  await ground.run({ ...scope, batchSize });
  model.run(step, lastIds);
  const after = await ground.ids();
  expect(after).toMatchObject(model.left);
  for (const { table, ids } of due) {
    const gone = before[table]!.filter((id) => !after[table]!.includes(id));
    expect([table, [...ids!].sort()]).toEqual([table, gone]);
  }
}

/** What people and services do between two runs. */
async function change(model: Model, { horizons, isSet, cancelled, traded }: Step): Promise<void> {
  if (isSet) {
    for (const [table, days] of Object.entries(horizons)) await ground.horizon(table, days);
    model.keep = { ...horizons };
  }
  const pending = model.orders.filter(({ state }) => state === 'PENDING');
  const chosen = pending[cancelled % Math.max(1, pending.length)];
  if (chosen && cancelled % 2 === 0) {
    chosen.state = 'CANCELLED';
    await ground.sql(`update orders set status = 'CANCELLED' where order_id = 'o${chosen.id}'`);
    await ground.sql('select fold_reservation_changes()');
    // As if it had been long ago: what changed since the backup is another test's.
    await ground.sql(`begin; set local session_replication_role = replica;
      update order_history as h set created_at = o.created_at from orders as o where o.order_id = h.order_id;
      update orders set updated_at = created_at; commit`);
  }
  const filled = model.orders.filter((order) => order.state === 'FILLED' && !order.traded);
  const opened = filled[traded % Math.max(1, filled.length)];
  if (opened && traded % 3 === 0) {
    opened.traded = true;
    await ground.trade(`u${opened.id}`, `o${opened.id}`);
  }
}
