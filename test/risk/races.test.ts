import { describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import type { Claire } from '../../src/index.js';
import { step } from '../harness/step.js';
import { DAY, type Desk, deadlocks, T, useDesks } from './ground.js';

const { desk } = useDesks();

/** Resolves when some session of the desk's database waits for a lock. */
async function somebodyWaits({ sql }: Desk): Promise<void> {
  for (;;) {
    const waiting = await sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (waiting.length > 0) return;
  }
}

describe('two sessions', () => {
  test('for the last free exposure: one waits for the other and is refused', async () => {
    const bench = await desk({ max_exposure: 1000 });
    const { claire, signal, broken } = bench;
    for (const id of ['a', 'b']) await signal(id);
    const other = await bench.connect();
    let second: ReturnType<typeof other.decide> | undefined;
    await claire.transaction(async (t) => {
      await t.decide({ signal_id: 'a', quantity: 6, at: T });
      second = other.decide({ signal_id: 'b', quantity: 6, at: T });
      await somebodyWaits(bench);
    });
    expect(await second).toMatchObject({ decision: 'rejected', exposure: '600' });
    expect(await broken()).toEqual([]);
  });

  test('for the last free exposure, the first of which changes its mind: the other gets it', async () => {
    const bench = await desk({ max_exposure: 1000 });
    const { claire, signal, broken } = bench;
    for (const id of ['a', 'b']) await signal(id);
    const other = await bench.connect();
    let second: ReturnType<typeof other.decide> | undefined;
    const first = claire.transaction(async (t) => {
      await t.decide({ signal_id: 'a', quantity: 6, at: T });
      second = other.decide({ signal_id: 'b', quantity: 6, at: T });
      await somebodyWaits(bench);
      throw new Error('no');
    });
    await expect(first).rejects.toThrow('no');
    expect(await second).toMatchObject({ decision: 'opening', exposure: '0' });
    expect(await broken()).toEqual([]);
  });

  test('a halt against a decision in flight: what was decided before stands, nothing after it', async () => {
    const bench = await desk();
    const { claire, signal, decide } = bench;
    await signal('before');
    const operator = await bench.connect();
    let halted: Promise<unknown> | undefined;
    await claire.transaction(async (t) => {
      await t.decide({ signal_id: 'before', quantity: 1, at: T });
      halted = operator.halt({ reason: 'stop', at: T });
      await somebodyWaits(bench);
    });
    await halted;
    expect((await claire.decisions({ order_id: 'ord-before' }))[0]!.decision).toBe('opening');
    expect((await decide('after', 1)).decision).toBe('rejected');
  });

  test('a decision against a halt in flight waits for it, and is refused', async () => {
    const bench = await desk();
    const { claire, signal } = bench;
    await signal('x');
    const other = await bench.connect();
    let decided: ReturnType<typeof other.decide> | undefined;
    await claire.transaction(async (t) => {
      await t.halt({ reason: 'stop', at: T });
      decided = other.decide({ signal_id: 'x', quantity: 1, at: T });
      await somebodyWaits(bench);
    });
    expect((await decided)!.reason).toBe('Trading is halted: stop');
  });

  test('a closing trade that trips the breaker against a decision: the decision waits and is refused', async () => {
    const bench = await desk({ max_drawdown: -500 });
    const { claire, signal, open, broken } = bench;
    await open('t', 10);
    await signal('x');
    const other = await bench.connect();
    let decided: ReturnType<typeof other.decide> | undefined;
    await claire.transaction(async (t) => {
      await t.closeTrade({ trade_id: 't', exit_price: 10, exit_timestamp: T });
      decided = other.decide({ signal_id: 'x', quantity: 1, at: T + 1 });
      await somebodyWaits(bench);
    });
    expect((await decided)!.broken).toEqual(['halted', 'max_drawdown']);
    expect(await broken()).toEqual([]);
  });

  test('two who close the same trades crosswise: one waits before it holds one', async () => {
    const bench = await desk({ max_drawdown: -100_000 });
    const { claire, open, broken } = bench;
    for (const id of ['a', 'b']) await open(id, 1);
    const other = await bench.connect();
    const close = (t: Pick<Claire, 'closeTrade'>, trade_id: string) =>
      t.closeTrade({ trade_id, exit_price: 90, exit_timestamp: T });
    let second: Promise<unknown> | undefined;
    await claire.transaction(async (t) => {
      await close(t, 'a');
      second = other.transaction(async (u) => {
        await close(u, 'b');
        await close(u, 'a');
      });
      await somebodyWaits(bench);
      await close(t, 'b');
    });
    await expect(second).resolves.toBeUndefined();
    expect(await deadlocks(bench)).toBe(0);
    expect(await broken()).toEqual([]);
  });

  test('two closes that only together are over the limit: the second trips it', async () => {
    const bench = await desk({ max_drawdown: -500 });
    const { claire, open, broken } = bench;
    for (const id of ['a', 'b']) await open(id, 10);
    const other = await bench.connect();
    let second: Promise<unknown> | undefined;
    await claire.transaction(async (t) => {
      await t.closeTrade({ trade_id: 'a', exit_price: 60, exit_timestamp: T });
      second = other.closeTrade({ trade_id: 'b', exit_price: 60, exit_timestamp: T });
      await somebodyWaits(bench);
    });
    await second;
    expect(await claire.halts()).toMatchObject([{ details: { daily_pnl: -800 } }]);
    expect(await broken()).toEqual([]);
  });

  test('a drawdown that is limited while a trade is being closed counts that trade', async () => {
    const bench = await desk();
    const { claire, open, decide, broken } = bench;
    await open('t', 10);
    const operator = await bench.connect();
    let set: Promise<unknown> | undefined;
    await claire.transaction(async (t) => {
      await t.closeTrade({ trade_id: 't', exit_price: 10, exit_timestamp: T });
      set = operator.setLimits({ changes: { max_drawdown: -500 }, reason: 'late' });
      await somebodyWaits(bench);
    });
    await set;
    expect(await decide('x', 1, { at: T + 1 })).toMatchObject({
      broken: ['max_drawdown'],
      daily_pnl: '-900',
    });
    expect(await broken()).toEqual([]);
  });

  test.each(['fill first', 'cancel first'])(
    'fill against cancel of the same order, %s: one of them, and what it reserved goes once',
    async (which) => {
      const bench = await desk({ max_exposure: 1000 });
      const { claire, decide, sql, broken } = bench;
      await decide('a', 10);
      const other = await bench.connect();
      const fill = (t: typeof claire) =>
        t.transaction(async (work) => {
          await work.fillOrder({ order_id: 'ord-a' });
          await work.openTrade({
            ...{ trade_id: 't', order_id: 'ord-a', symbol: 'BTCUSDT', side: 'BUY', quantity: 10 },
            ...{ entry_price: 100, entry_timestamp: T },
          });
        });
      const cancel = (t: typeof claire) => t.cancelOrder({ order_id: 'ord-a', reason: 'r' });
      const [first, second] = which === 'fill first' ? [fill, cancel] : [cancel, fill];
      const outcomes = await Promise.allSettled([first(claire), second(other)]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await sql('select fold_reservation_changes()');
      const { exposure, reserved } = await claire.riskState();
      const [order] = await claire.orders({ order_id: 'ord-a' });
      expect([exposure, reserved]).toEqual([order!.status === 'FILLED' ? '1000' : '0', '0']);
      expect(await broken()).toEqual([]);
    },
  );

  test('a trade on an order that is cancelled at that moment: both happen, and it reserves nothing', async () => {
    const bench = await desk({ max_exposure: 1000 });
    const { claire, decide, sql, open } = bench;
    await decide('a', 10);
    const other = await bench.connect();
    await claire.transaction(async (t) => {
      await t.openTrade({
        ...{ trade_id: 't', order_id: 'ord-a', symbol: 'BTCUSDT', side: 'BUY', quantity: 4 },
        ...{ entry_price: 100, entry_timestamp: T },
      });
      // A writer waits for nobody: neither for the trade nor for who decides.
      await other.cancelOrder({ order_id: 'ord-a', reason: 'r' });
    });
    expect(await decide('b', 6)).toMatchObject({ decision: 'opening', exposure: '400' });
    expect(await sql('select * from reservation_changes')).toEqual([]);
    await expect(open('u', 1)).resolves.toBeDefined();
  });

  const ALL_OUT = { reason: 'all out', at: T, cancel_pending: true };
  const exit = { trade_id: 't', exit_price: 99, exit_timestamp: T };

  /** Fills an order, and closes a trade in the same transaction when it is let; with a loss that trips the breaker. */
  async function fillThatCloses() {
    const bench = await desk({ max_drawdown: -0.5 });
    const { claire, decide, open } = bench;
    await decide('a', 1);
    await decide('b', 1);
    await open('t', 1);
    const [filled, halted] = [step(), step()] as const;
    const closed = claire.transaction(async (t) => {
      await t.fillOrder({ order_id: 'ord-a' });
      filled.done();
      await halted.reached;
      await t.closeTrade(exit);
    });
    await filled.reached;
    const unharmed = async () => {
      expect(await deadlocks(bench)).toBe(0);
      expect((await claire.orders({ order_id: 'ord-a' }))[0]!.status).toBe('FILLED');
      expect(await bench.broken()).toEqual([]);
    };
    return { bench, other: await bench.connect(), closed, halted, unharmed };
  }

  test('a fill that goes on to close, against a halt that cancels: the halt waits, and no ring', async () => {
    const { bench, other, closed, halted, unharmed } = await fillThatCloses();
    const out = other.halt(ALL_OUT);
    await somebodyWaits(bench);
    halted.done();
    await closed;
    expect(await out).toMatchObject({ cancelled: ['ord-b'], not_cancelled: [] });
    await unharmed();
  });

  test('a fill that goes on to close, against a halt of a transaction that cancels: it waits for no order, and no ring', async () => {
    const { bench, other, closed, halted, unharmed } = await fillThatCloses();
    const out = await other.transaction(async (t) => {
      const answer = await t.halt(ALL_OUT);
      halted.done();
      await somebodyWaits(bench);
      return answer;
    });
    expect(out).toMatchObject({ cancelled: ['ord-b'], not_cancelled: ['ord-a'] });
    await closed;
    await unharmed();
  });
});

describe('a kill switch', () => {
  const order = (id: string) =>
    `insert into main.orders (order_id, symbol, side, quantity, price, status) values ('${id}', 'X', 'BUY', 1, 100, 'PENDING')`;

  test('waits for an order in flight by plain SQL, so that cancelling finds it', async () => {
    const bench = await desk();
    const client = new Database({ databaseUrl: bench.url, applicationName: 'tests', connections: 1 });
    let halted: ReturnType<Claire['halt']> | undefined;
    await client.transaction(async (t) => {
      await t.query(order('in flight'));
      halted = bench.claire.halt({ reason: 'stop', at: T, cancel_pending: true });
      await somebodyWaits(bench);
    });
    expect((await halted)!.cancelled).toEqual(['in flight']);
    await client.close();
  });

  test('does not wait for somebody who closes and goes to lunch', async () => {
    const bench = await desk({ max_drawdown: -500 });
    await bench.open('t', 1);
    const client = new Database({ databaseUrl: bench.url, applicationName: 'tests', connections: 1 });
    await client.transaction(async (t) => {
      await t.query(`update main.trades set commission = 1 where trade_id = 't'`);
      await bench.claire.halt({ reason: 'stop', at: T });
    });
    expect((await bench.claire.riskState()).halted).toBe(true);
    await client.close();
  });

  test('is seen by an order of a transaction that reads an older moment', async () => {
    const bench = await desk();
    const client = new Database({ databaseUrl: bench.url, applicationName: 'tests', connections: 1 });
    const late = client.transaction(
      async (t) => {
        await t.query('select from main.orders');
        await bench.claire.halt({ reason: 'stop', at: T });
        await t.query(order('late'));
      },
      { isolation: 'repeatable read', attempts: 1 },
    );
    await expect(late).rejects.toMatchObject({ code: 'transaction_conflict' });
    expect(await bench.claire.orders()).toEqual([]);
    await client.close();
  });

  test('is not passed by an order of a time that is still to come', async () => {
    const { claire, sql } = await desk();
    await claire.halt({ reason: 'lunch', until: Date.now() + 3_600_000 });
    const later = order('later')
      .replace('status)', 'status, timestamp)')
      .replace(`'PENDING')`, `'PENDING', ${Date.now() + DAY})`);
    await expect(sql(later)).rejects.toMatchObject({ code: 'trading_halted' });
  });
});

describe('an older moment', () => {
  test.each(['repeatable read', 'serializable'] as const)(
    'of a %s transaction is not decided by',
    async (isolation) => {
      const bench = await desk({ max_exposure: 1000 });
      await bench.signal('old');
      const decided = bench.claire.transaction((t) => t.decide({ signal_id: 'old', quantity: 1, at: T }), {
        isolation,
      });
      await expect(decided).rejects.toMatchObject({ code: 'decision_needs_read_committed' });
      const enforced = await desk({ max_exposure: 1000, enforce_limits: 'on' });
      const placed = enforced.claire.transaction(
        (t) => t.placeOrder({ order_id: 'o', symbol: 'X', side: 'BUY', quantity: 1, price: 1 }),
        { isolation },
      );
      await expect(placed).rejects.toMatchObject({ code: 'decision_needs_read_committed' });
      expect(await enforced.claire.orders()).toEqual([]);
    },
  );
});
