import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadBook } from '../../src/bench/data.js';
import type { PlanNode } from '../../src/bench/explain.js';
import { fillBeside } from '../../src/bench/plans/ground.js';
import type { Seen } from '../../src/bench/plans/recorder.js';
import { surveyPlans } from '../../src/bench/plans/survey.js';
import { judge } from '../../src/bench/plans/verdict.js';
import { type BareClient, connectBare, type Queryable } from '../../src/database/index.js';
import type { Operations } from '../../src/operations/index.js';
import { useBook } from '../harness/book.js';

const SIGNALS = 60_000;
/** Of some hundred rows a symbol: were nearly all asked for, sorting them would be what a planner should do. */
const LIMIT = 50;

const book = useBook();
let client: BareClient;

beforeAll(async () => {
  client = await connectBare(book.url, 'tests');
  await client.query('set search_path to main');
  await loadBook(client, SIGNALS, true, () => {});
  await fillBeside(book.database, '"main"', SIGNALS);
});
afterAll(() => client.end());

/** What is found after `before`, all of it undone. */
function survey(only?: (keyof Operations)[], before?: string): Promise<Seen[]> {
  return book.database.session(async (session: Queryable) => {
    await session.query('begin');
    try {
      if (before) await session.query(before);
      return await surveyPlans(session, 'main', { limit: LIMIT, ...(only && { only }) });
    } finally {
      await session.query('rollback');
    }
  });
}
const offences = (seen: Seen[]) =>
  seen.flatMap(({ asked, offences }) => offences.map(({ what }) => `${asked}: ${what}`));

describe('the plan of every statement', () => {
  test('reads no table that grows from end to end, and sorts no more than it answers', async () => {
    const seen = await survey();
    expect(seen.length).toBeGreaterThan(1000);
    expect(offences(seen)).toEqual([]);
  });

  test.each<[index: string, operation: keyof Operations, offence: string]>([
    ['idx_signals_symbol_timestamp', 'signals', 'signals {"symbol":'],
    ['idx_trades_symbol_entry_timestamp_id', 'trades', 'trades {"symbol":'],
    ['idx_orders_created_at_id', 'orders', 'Seq Scan on orders'],
    ['idx_risk_events_jsonb', 'riskEvents', 'Seq Scan on risk_events'],
    ['idx_trades_exit_timestamp', 'profit', 'Seq Scan on trades'],
    ['idx_trades_order_id', 'closeTrade', 'closeTrade, new'],
    ['idx_candles_timestamp_symbol', 'candles', 'of candles'],
  ])('is found out without %s', async (index, operation, offence) => {
    const found = offences(await survey([operation], `drop index main.${index}`));
    expect(found.join('\n')).toContain(offence);
  });
});

describe('the verdict', () => {
  const growing = { growing: new Set(['trades']), unordered: new Set(['gin']) };
  const scan = (type: string, more: Partial<PlanNode> = {}): PlanNode => ({
    ...{ 'Node Type': type, 'Relation Name': 'trades', 'Actual Rows': 200, 'Actual Loops': 1 },
    ...more,
  });
  const over = (type: string, rows: number, below: PlanNode): PlanNode => ({
    ...{ 'Node Type': type, 'Actual Rows': rows, 'Actual Loops': 1, Plans: [below] },
  });
  test.each<[string, PlanNode, number]>([
    ['a scan of the whole table', scan('Seq Scan'), 1],
    ['one under others, in parallel', over('Limit', 1, over('Gather', 2, scan('Seq Scan'))), 1],
    ['a scan of a short table', scan('Seq Scan', { 'Relation Name': 'permits' }), 0],
    ['an index scan', scan('Index Scan'), 0],
    ['a sort of more than is answered', over('Limit', 100, over('Sort', 100, scan('Index Scan'))), 1],
    ['a sort of what is answered', over('Limit', 200, over('Sort', 200, scan('Index Scan'))), 0],
    [
      'a sort within the last moment of what an index has in order',
      over('Limit', 200, over('Incremental Sort', 200, scan('Index Scan', { 'Actual Rows': 201 }))),
      0,
    ],
    [
      'one within a moment that all share',
      over('Limit', 200, over('Incremental Sort', 200, scan('Index Scan', { 'Actual Rows': 2000 }))),
      1,
    ],
    [
      'a sort of what a GIN index found',
      over('Limit', 1, over('Sort', 1, scan('Bitmap Heap Scan', { 'Index Name': 'gin' }))),
      0,
    ],
  ])('on %s', (_, plan, count) => {
    expect(judge(plan, growing).offences).toHaveLength(count);
  });
});
