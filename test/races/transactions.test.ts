import { describe, expect, test } from 'vitest';
import { ClaireError } from '../../src/errors/index.js';
import { refusal, useBook } from '../harness/book.js';
import { step } from '../harness/step.js';

const book = useBook();
const T = 1705072800000;
const signal = (signal_id: string, other: object = {}) => ({
  signal_id,
  symbol: 'X',
  side: 'BUY' as const,
  price: 1,
  confidence: 1,
  timestamp: T,
  ...other,
});
const order = (order_id: string) => ({ order_id, symbol: 'X', side: 'BUY' as const, quantity: 1 });

describe('transactions', () => {
  test('all of it is recorded, or nothing', async () => {
    const claire = await book.connect();
    const failed = claire.transaction(async (t) => {
      await t.recordSignal(signal('a'));
      throw new ClaireError('not_found');
    });
    expect((await refusal(failed)).code).toBe('not_found');
    expect(await claire.signals({ signal_id: 'a' })).toEqual([]);
    await claire.transaction((t) => t.recordSignal(signal('a')));
    expect(await claire.signals({ signal_id: 'a' })).toHaveLength(1);
  });

  test('a bad item of a batch does not fail the transaction, a bad single call does', async () => {
    const claire = await book.connect();
    const outcomes = await claire.transaction((t) =>
      t.recordSignals([signal('b1'), signal('b2', { price: -1 }), signal('b3')]),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['recorded', 'refused', 'recorded']);
    const swallowed = claire.transaction(async (t) => {
      await t.recordSignal(signal('b4'));
      await t.recordSignal(signal('b5', { price: -1 })).catch(() => {});
    });
    expect((await refusal(swallowed)).code).toBe('transaction_lost');
    expect(await claire.signals({ signal_id: 'b4' })).toEqual([]);
  });

  test('a deadlock is tried again, as a whole, and both end well', async () => {
    const claire = await book.connect();
    await claire.placeOrders([order('d1'), order('d2')]);
    const met = [step(), step()] as const;
    let tries = 0;
    const cross = (mine: 0 | 1, first: string, second: string) =>
      claire.transaction(async (t) => {
        tries++;
        await t.fillOrder({ order_id: first });
        met[mine].done();
        await met[1 - mine]!.reached;
        await t.fillOrder({ order_id: second });
      });
    await Promise.all([cross(0, 'd1', 'd2'), cross(1, 'd2', 'd1')]);
    expect(tries).toBe(3);
    expect((await claire.orders({ status: 'FILLED' })).map(({ order_id }) => order_id).sort()).toEqual([
      'd1',
      'd2',
    ]);
  });

  test('the number of tries is bounded', async () => {
    const claire = await book.connect();
    let tries = 0;
    const never = claire.transaction(
      async () => {
        tries++;
        throw new ClaireError('transaction_conflict');
      },
      { attempts: 3 },
    );
    expect((await refusal(never)).code).toBe('transaction_conflict');
    expect(tries).toBe(3);
  });
});

describe('races', () => {
  test('one signal from twenty callers at once is recorded once', async () => {
    const claire = await book.connect({ connections: 20 });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => claire.recordSignal(signal('race'))));
    expect(outcomes.filter(({ outcome }) => outcome === 'recorded')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'already_recorded')).toHaveLength(19);
  });

  test('the same id with other content in flight is a conflict once the first commits', async () => {
    const claire = await book.connect();
    const written = step();
    const go = step();
    const first = claire.transaction(async (t) => {
      await t.recordSignal(signal('flight'));
      written.done();
      await go.reached;
    });
    await written.reached;
    const second = claire.recordSignal(signal('flight', { price: 2 }));
    go.done();
    await first;
    expect((await refusal(second)).code).toBe('id_conflict');
  });

  test('the same id in flight that is rolled back leaves the place to the second', async () => {
    const claire = await book.connect();
    const written = step();
    const go = step();
    const first = claire.transaction(async (t) => {
      await t.recordSignal(signal('gone'));
      written.done();
      await go.reached;
      throw new ClaireError('not_found');
    });
    await written.reached;
    const second = claire.recordSignal(signal('gone', { price: 2 }));
    go.done();
    await refusal(first);
    expect(await second).toMatchObject({ outcome: 'recorded' });
  });

  test('fill against cancel of one order: one wins, the other is told', async () => {
    const claire = await book.connect();
    for (let round = 0; round < 20; round++) {
      const order_id = `fc${round}`;
      await claire.placeOrder(order(order_id));
      const results = await Promise.allSettled([
        claire.fillOrder({ order_id }),
        claire.cancelOrder({ order_id }),
      ]);
      const [lost] = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason as ClaireError] : [],
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(lost!.code).toBe('order_final');
    }
  });

  test('two batches with the same ids in opposite order both succeed', async () => {
    const claire = await book.connect();
    const before = await book.deadlocks();
    const batch = Array.from({ length: 2000 }, (_, n) => signal(`op${n}`));
    const [one, two] = await Promise.all([
      claire.recordSignals(batch),
      claire.recordSignals([...batch].reverse()),
    ]);
    // A retry would hide a deadlock, so the server is asked.
    expect(await book.deadlocks()).toBe(before);
    const recorded = [...one, ...two].filter(({ outcome }) => outcome === 'recorded');
    expect(recorded).toHaveLength(2000);
    expect(new Set([...one, ...two].map(({ outcome }) => outcome))).toEqual(
      new Set(['recorded', 'already_recorded']),
    );
  });

  test('folding while trades open and close never moves a position', async () => {
    const claire = await book.connect({ connections: 4 });
    let ended = false;
    const before = await book.deadlocks();
    const fold = async () => {
      while (!ended) await book.sql('select fold_position_changes(3)');
    };
    const folders = Promise.all([fold(), fold()]);
    const worker = async (w: number) => {
      for (let n = 0; n < 25; n++) {
        await claire.openTrade({
          trade_id: `w${w}-${n}`,
          symbol: 'HOT',
          side: 'BUY',
          quantity: 1,
          entry_price: 10,
          entry_timestamp: T,
        });
        const [seen] = await book.sql(
          `select (select sum(quantity) from trades where symbol = 'HOT' and status = 'OPEN') = total_quantity as same from positions where symbol = 'HOT'`,
        );
        expect(seen).toEqual({ same: true });
      }
    };
    await Promise.all([0, 1, 2, 3].map(worker));
    ended = true;
    await folders;
    expect(await book.deadlocks()).toBe(before);
    expect(await claire.positions({ symbol: 'HOT' })).toMatchObject([
      { total_quantity: '100', num_trades: 100 },
    ]);
  });
});

describe('what outlives a transaction', () => {
  test('calls that are still under way when the transaction fails are not recorded', async () => {
    const claire = await book.connect({ connections: 2 });
    const chain: Promise<unknown>[] = [];
    const failed = claire.transaction(async (t) => {
      const work = async () => {
        for (let n = 0; n < 8; n++) await t.recordSignal(signal(`late${n}`));
      };
      const rest = work();
      chain.push(rest.catch((error) => error));
      await Promise.all([rest, t.recordSignal(signal('late-bad', { price: -1 }))]);
    });
    expect((await refusal(failed)).code).toBe('price_out_of_range');
    await Promise.all(chain);
    expect((await claire.signals()).filter(({ signal_id }) => signal_id.startsWith('late'))).toEqual([]);
  });

  test('a transaction that is kept for later is refused, and never works inside another one', async () => {
    const claire = await book.connect({ connections: 1 });
    let kept: Parameters<Parameters<typeof claire.transaction>[0]>[0] | undefined;
    await claire.transaction(async (t) => {
      kept = t;
    });
    await claire.transaction(async () => {
      expect((await refusal(kept!.recordSignal(signal('kept')))).code).toBe('transaction_ended');
    });
  });

  test('batches side by side in one transaction each have their outcomes', async () => {
    const claire = await book.connect();
    const [good, mixed] = await claire.transaction((t) =>
      Promise.all([
        t.recordSignals([signal('side1'), signal('side2')]),
        t.recordSignals([signal('side3'), signal('side4', { price: -1 })]),
      ]),
    );
    expect(good.map(({ outcome }) => outcome)).toEqual(['recorded', 'recorded']);
    expect(mixed.map(({ outcome }) => outcome)).toEqual(['recorded', 'refused']);
    expect(await claire.signals({ signal_id: 'side3' })).toHaveLength(1);
  });

  test('close waits for what is under way', async () => {
    const claire = await book.connect({ connections: 1 });
    const calls = [1, 2, 3].map((n) => claire.recordSignal(signal(`closing${n}`)));
    await claire.close();
    expect((await Promise.all(calls)).map(({ outcome }) => outcome)).toEqual([
      'recorded',
      'recorded',
      'recorded',
    ]);
  });

  test('a refusal does not cost the connection', async () => {
    const claire = await book.connect({ service: 'one_connection', connections: 1 });
    const pid = () =>
      book.sql(
        `select pid from pg_stat_activity where application_name = 'one_connection' and datname = current_database()`,
      );
    await claire.positions();
    const before = await pid();
    await refusal(claire.recordSignal(signal('refused', { price: -1 })));
    expect(await pid()).toEqual(before);
  });
});
