import { describe, expect, test } from 'vitest';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { needsSeed, seedBlock } from '../harness/seed.js';

/** The seed's own statements, cut from the seed itself, on 1.1 and on the newest version. */
const book = useBook();

/** One statement of a block, by how it begins; comments of the seed are kept, so that nothing is retyped. */
const statements = (containing: string) =>
  seedBlock(containing)
    .split(/;\s*\n/)
    .map((statement) => statement.trim())
    .filter((statement) => /^\s*(--.*\n\s*)*(INSERT|UPDATE|SELECT|REFRESH)/.test(statement));

const parents = [
  `insert into orders (order_id, symbol, side, quantity, status) values
     ('order_001', 'BTCUSDT', 'BUY', 0.0231, 'FILLED'), ('order_002', 'ETHUSDT', 'SELL', 0.8, 'FILLED')`,
];

describe.runIf(needsSeed()).each(['1.1', LATEST_VERSION] as const)(
  "the seed's statements on %s",
  (version) => {
    test('a valid signal is recorded, a negative price is refused by name', async () => {
      const name = await book.bookAt(version);
      const [valid, negative] = statements("VALUES ('sig_001'");
      await book.sql(valid!, name);
      expect(
        await book.sql('select signal_id, symbol, price, confidence, timestamp from signals', name),
      ).toEqual([
        {
          signal_id: 'sig_001',
          symbol: 'BTCUSDT',
          price: '43250.5',
          confidence: '0.85',
          timestamp: 1705072800000,
        },
      ]);
      expect((await refusal(book.sql(negative!, name))).law).toBe('signals_price_check');
    });

    test('the two trades close with their profit; the arithmetic of the seed is corrected', async () => {
      const name = await book.bookAt(version);
      for (const statement of [...parents, ...statements("VALUES ('order_001'")])
        await book.sql(statement, name);
      // The seed writes +42.76 and -1.40 %; 0.0231 × 1850.25 is 42.740775.
      expect(
        await book.sql('select order_id, status, pnl, pnl_pct from trades order by order_id', name),
      ).toEqual([
        { order_id: 'order_001', status: 'CLOSED', pnl: '42.740775', pnl_pct: '4.278' },
        { order_id: 'order_002', status: 'CLOSED', pnl: '-27.84', pnl_pct: '-1.4002' },
      ]);
      const times = await book.sql('select entry_timestamp as t from trades order by order_id', name);
      expect(times).toEqual(
        version === '1.1'
          ? [{ t: 1705072800 }, { t: 1705076400 }]
          : [{ t: 1705072800000 }, { t: 1705076400000 }],
      );
    });

    test('without the order the trade is refused, as the seed forgot', async () => {
      const name = await book.bookAt(version);
      expect((await refusal(book.sql(statements("VALUES ('order_001'")[0]!, name))).law).toBe(
        'trades_order_id_fkey',
      );
    });

    test('the two risk events are recorded and found by what they contain', async () => {
      const name = await book.bookAt(version);
      const [rejected, breaker, search] = statements("'signal_rejected',\n    'sig_123'");
      await book.sql(rejected!, name);
      await book.sql(breaker!, name);
      expect(await book.sql(search!, name)).toMatchObject([
        {
          event_type: 'signal_rejected',
          signal_id: 'sig_123',
          details: { current_exposure: 4850, new_position: 850 },
        },
      ]);
      expect(
        await book.sql(
          `select details from risk_events where event_type = 'circuit_breaker_triggered'`,
          name,
        ),
      ).toEqual([{ details: { daily_pnl: -520.5, max_drawdown: -500, balance: 10000 } }]);
    });

    test('the exposure query and the view answer alike', async () => {
      const name = await book.bookAt(version);
      await book.sql(parents[0]!, name);
      await book.sql(statements("VALUES ('order_001'")[0]!, name);
      await book.sql('REFRESH MATERIALIZED VIEW CONCURRENTLY positions_realtime', name);
      const [slow, fast] = statements('V1.0 (SLOW)');
      const expected = [{ symbol: 'BTCUSDT', exposure: '999.08655' }];
      expect(await book.sql(slow!, name)).toEqual(expected);
      expect(await book.sql(fast!, name)).toEqual(expected);
    });

    test('the three benchmark queries answer', async () => {
      const name = await book.bookAt(version);
      await book.sql(statements("VALUES ('sig_001'")[0]!, name);
      expect(await book.sql(statements('LIMIT 100')[0]!, name)).toHaveLength(1);
    });
  },
);
