import { Big } from 'big.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claire } from '../../src/index.js';
import { useBook } from '../harness/book.js';

/**
 * Random opens, closes and batches from several connections at once. After each commit `positions` equals what a
 * plain in-memory book says and what a recomputation says; no deadlock, and every law of sql/checks holds at the end.
 */
const book = useBook();
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];

const units = (scale: number) => (n: number) => new Big(n).div(new Big(10).pow(scale)).toFixed();
const open = fc.record({
  kind: fc.constant('open' as const),
  symbol: fc.constantFrom(...SYMBOLS),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  quantity: fc.integer({ min: 1, max: 2 ** 31 }).map(units(8)),
  entry_price: fc.integer({ min: 1, max: 2 ** 31 }).map(units(4)),
});
const step = fc.oneof(
  open,
  fc.record({ kind: fc.constant('batch' as const), opens: fc.array(open, { minLength: 1, maxLength: 8 }) }),
  fc.record({
    kind: fc.constant('close' as const),
    pick: fc.nat(),
    price: fc.integer({ min: 1, max: 2 ** 31 }).map(units(4)),
  }),
  fc.record({
    kind: fc.constant('closeAll' as const),
    price: fc.integer({ min: 1, max: 2 ** 31 }).map(units(4)),
  }),
  fc.constant({ kind: 'fold' as const }),
);

interface Held {
  trade_id: string;
  symbol: string;
  side: 'BUY' | 'SELL';
  quantity: string;
  entry_price: string;
  entry_timestamp: number;
}

class Model {
  readonly open = new Map<string, Held>();
  pnl = new Big(0);

  close(held: Held, price: string): void {
    this.open.delete(held.trade_id);
    const gain = new Big(price).minus(held.entry_price).times(held.quantity);
    // The column holds 8 decimals: each trade is rounded half away from zero, as NUMERIC does.
    this.pnl = this.pnl.plus((held.side === 'BUY' ? gain : gain.neg()).round(8, 1));
  }

  positions() {
    const sums = new Map<string, { quantity: Big; value: Big; trades: number }>();
    for (const held of this.open.values()) {
      const key = `${held.symbol} ${held.side}`;
      const sum = sums.get(key) ?? { quantity: new Big(0), value: new Big(0), trades: 0 };
      sum.quantity = sum.quantity.plus(held.quantity);
      sum.value = sum.value.plus(new Big(held.quantity).times(held.entry_price));
      sum.trades += 1;
      sums.set(key, sum);
    }
    return [...sums]
      .map(([key, sum]) => `${key} ${sum.quantity.toFixed()} ${sum.value.toFixed()} ${sum.trades}`)
      .sort();
  }
}

let run = 0;

/** One worker owns its trades (nobody else closes them), but shares the symbols with all others. */
async function work(claire: Claire, steps: Step[], model: Model, name: string) {
  const mine = new Map<string, Held>();
  let n = 0;
  const hold = (o: Omit<Held, 'trade_id' | 'entry_timestamp'> & { kind?: string }): Held => {
    const { kind: _, ...facts } = o;
    return { ...facts, trade_id: `${name}-${n++}`, entry_timestamp: 1705072800000 + n };
  };
  const keep = (held: Held) => {
    mine.set(held.trade_id, held);
    model.open.set(held.trade_id, held);
  };
  const exit = (held: Held, price: string) => ({
    trade_id: held.trade_id,
    exit_price: price,
    exit_timestamp: 1805072800000,
  });
  const let_go = (held: Held, price: string) => {
    mine.delete(held.trade_id);
    model.close(held, price);
  };
  for (const s of steps) {
    if (s.kind === 'open') {
      const held = hold(s);
      await claire.openTrade(held);
      keep(held);
    } else if (s.kind === 'batch') {
      const batch = s.opens.map(hold);
      expect((await claire.openTrades(batch)).every(({ outcome }) => outcome === 'recorded')).toBe(true);
      batch.forEach(keep);
    } else if (s.kind === 'close' && mine.size > 0) {
      const held = [...mine.values()][s.pick % mine.size]!;
      await claire.closeTrade(exit(held, s.price));
      let_go(held, s.price);
    } else if (s.kind === 'closeAll' && mine.size > 0) {
      const all = [...mine.values()];
      await claire.transaction(async (t) => {
        for (const held of all) await t.closeTrade(exit(held, s.price));
      });
      for (const held of all) let_go(held, s.price);
    } else if (s.kind === 'fold') {
      await book.sql('select fold_position_changes(7)');
    }
    expect(await differences()).toEqual([]);
  }
}

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Positions against the open trades, both read in one statement: true at every commit of anybody. */
const differences = () =>
  book.sql(`select * from position_sums p full join (
      select symbol, side, sum(quantity) as quantity, sum(quantity * entry_price) as value, count(*) as n
      from trades where status = 'OPEN' group by 1, 2) t using (symbol, side)
    where (p.total_quantity, p.total_value_usd, p.num_trades) is distinct from (t.quantity, t.value, t.n)`);

test('positions equal the open trades after each commit, from several connections, without a deadlock', async () => {
  const connections = await Promise.all(
    [1, 2, 3, 4].map(() => book.connect({ service: 'model', connections: 1 })),
  );
  const model = new Model();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 4, maxLength: 12 }), { minLength: 4, maxLength: 4 }),
      async (scripts) => {
        const name = `r${run++}`;
        await Promise.all(scripts.map((steps, at) => work(connections[at]!, steps, model, `${name}-${at}`)));
        const rows = await connections[0]!.positions();
        expect(
          rows
            .map((p) => `${p.symbol} ${p.side} ${p.total_quantity} ${p.total_value_usd} ${p.num_trades}`)
            .sort(),
        ).toEqual(model.positions());
      },
    ),
    { numRuns: 12, endOnFailure: true, verbose: 1 },
  );
  expect((await connections[0]!.profit()).pnl).toBe(model.pnl.toFixed());
  expect((await connections[0]!.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
  // A retry would hide a deadlock, so the server is asked; sessions report what they met at the latest when they end.
  await Promise.all(connections.map((claire) => claire.close()));
  await expect.poll(sessions).toBe(0);
  expect(await book.deadlocks()).toBe(0);
});

const sessions = async () => {
  const [row] = await book.sql<{ n: number }>(
    `select count(*) as n from pg_stat_activity where datname = current_database() and application_name = 'model'`,
  );
  return row!.n;
};

test('where a trigger does not write, the difference is found', async () => {
  const claire = await book.connect();
  await book.sql(`alter table trades disable trigger trades_positions_insert`);
  await claire.openTrade({
    trade_id: 'unseen',
    symbol: 'BTCUSDT',
    side: 'BUY',
    quantity: 1,
    entry_price: 1,
    entry_timestamp: 1705072800000,
  });
  await book.sql(`alter table trades enable trigger trades_positions_insert`);
  expect(await differences()).toHaveLength(1);
  expect((await claire.verify()).filter(({ broken }) => broken > 0).map(({ check }) => check)).toEqual([
    'positions_equal_open_trades',
  ]);
});
