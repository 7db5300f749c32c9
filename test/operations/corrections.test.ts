import { beforeAll, describe, expect, test } from 'vitest';
import type { Claire } from '../../src/index.js';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const T = 1705072800000;
let claire: Claire;

beforeAll(async () => {
  claire = await book.connect();
  for (const trade_id of ['t1', 't2']) {
    await claire.openTrade({
      ...{ trade_id, symbol: 'X', side: 'BUY', quantity: '1.5', entry_price: 1, entry_timestamp: T },
    });
  }
  await claire.recordRiskEvent({ event_id: 'e', event_type: 'signal_rejected', reason: 'r', timestamp: T });
  await claire.correct({ what: 'trade', id: 't1', changes: { quantity: '2' }, reason: 'first' });
  await claire.correct({
    what: 'trade',
    id: 't2',
    changes: { quantity: '3', entry_price: '0.10' },
    reason: 'second',
  });
  const details = { balance: 9000.1 };
  await claire.correct({ what: 'risk-event', id: 'e', changes: { details }, reason: 'third' });
  await book.sql(
    `insert into corrections (table_name, row_id, column_name, before, after, law, reason, version, created_at)
     values ('signals', 7, 'price', '"NaN"', '1.50000000', 'signals_price_check', 'old', '1.2', '2024-01-12 10:00:00.001')`,
  );
});

const reasons = async (filters: Parameters<Claire['corrections']>[0]) =>
  (await claire.corrections(filters)).map(({ reason }) => reason);

describe('corrections', () => {
  test('are read newest first, their values as text with every digit', async () => {
    expect(await reasons({})).toEqual(['third', 'second', 'second', 'first', 'old']);
    expect(await claire.corrections({ table: 'trades', column: 'quantity' })).toMatchObject([
      { before: '1.5', after: '3', law: null, version: LATEST_VERSION, actor: 'postgres' },
      { before: '1.5', after: '2' },
    ]);
    expect(await claire.corrections({ table: 'risk_events' })).toMatchObject([
      { column_name: 'details', before: null, after: '{"balance": 9000.1}' },
    ]);
  });

  test('are found by table, row, column, law and time of recording', async () => {
    const [trade] = await claire.trades({ trade_id: 't1' });
    expect(await reasons({ table: 'trades', row: trade!.id })).toEqual(['first']);
    expect(await reasons({ column: 'entry_price' })).toEqual(['second']);
    expect(await claire.corrections({ law: 'signals_price_check' })).toMatchObject([
      {
        table_name: 'signals',
        row_id: '7',
        before: 'NaN',
        after: '1.50000000',
        created_at: Date.UTC(2024, 0, 12, 10, 0, 0, 1),
      },
    ]);
    const at = Date.UTC(2024, 0, 12, 10, 0, 0, 1);
    expect(await reasons({ until: at })).toEqual([]);
    expect(await reasons({ since: at, until: at + 1 })).toEqual(['old']);
    expect(await reasons({ since: at + 1, limit: 1 })).toEqual(['third']);
    expect((await refusal(claire.corrections({ row: '7; --' }))).code).toBe('input_invalid');
  });
});
