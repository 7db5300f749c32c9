import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containing } from '../../web/src/containing.js';
import { csvOf } from '../../web/src/csv.js';
import type { Trade } from '../../web/src/record.js';
import { order, withMoved, withNext, withTop } from '../../web/src/trade-pages.js';

const trade = (id: number, given: Partial<Trade> = {}): Trade => ({
  ...{ id: String(id), trade_id: `t${id}`, order_id: null, symbol: 'A', side: 'BUY', quantity: '1.5' },
  ...{ entry_price: '10', entry_timestamp: id, exit_price: null, exit_timestamp: null, status: 'OPEN' },
  ...{ pnl: null, pnl_pct: null, pnl_net: null, commission: null, ...given },
});
const upTo = (most: number): Trade[] => Array.from({ length: most }, (_, n) => trade(most - n));
const idsOf = ({ rows }: { rows: readonly Trade[] }): string[] => rows.map(({ id }) => id);

test('a list whose top is read anew has every trade once, down to where it was read before', () => {
  const few = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(few, fc.nat(20), few, few, (there, came, held, page) => {
      const [older, newer] = [upTo(there), upTo(there + came)];
      const before = { rows: older.slice(0, held), next: held < there ? 'below' : null };
      const most = came + page;
      const after = withTop(before, { rows: newer.slice(0, most), next: most < newer.length ? 'top' : null });
      const depth = came + Math.max(Math.min(held, there), page);
      expect(idsOf(after)).toEqual(idsOf({ rows: newer.slice(0, depth) }));
      expect(after.next === null).toBe(depth >= newer.length);
    }),
  );
});

test('a page whose cursor is not the end any more is not added', () => {
  const before = { rows: upTo(9).slice(0, 6), next: 'of 4' };
  expect(withNext(before, 'of 7', { rows: upTo(6), next: null })).toBe(before);
  expect(idsOf(withNext(before, 'of 4', { rows: upTo(3), next: null }))).toEqual(idsOf({ rows: upTo(9) }));
});

test('what the stream tells is so in every page: closed, come in between, or gone from what is asked for', () => {
  const before = { rows: upTo(20).filter(({ id }) => Number(id) % 2 === 0), next: null };
  const moved = [trade(4, { status: 'CLOSED' }), trade(7), trade(33), trade(9, { symbol: 'B' })];
  const after = withMoved(before, moved, { symbol: 'A' });
  expect(idsOf(after)).toEqual(['20', '18', '16', '14', '12', '10', '8', '7', '6', '4', '2']);
  expect(after.rows.find(({ id }) => id === '4')!.status).toBe('CLOSED');
  expect(idsOf(withMoved(before, moved, { status: 'OPEN' }))).not.toContain('4');
});

test('trades of one moment stand in the order of their record, also where their ids have other lengths', () => {
  const ids = [9, 10, 100].map((id) => trade(id, { entry_timestamp: 5 })).sort(order);
  expect(idsOf({ rows: ids })).toEqual(['100', '10', '9']);
});

test('a scalar of JSON is searched as it was typed, and everything else as text', () => {
  const given = ['4000', '-0.12345678901234567891', '1e3', 'true', 'null', '"4000"', '""'];
  for (const value of given) expect(containing('max', value)).toBe(`{"max": ${value}}`);
  const texts = ['007', 'late', '"', '{"a":1}', '[1]', '1,000', "it's", 'NaN', '+5'];
  for (const value of texts) expect(JSON.parse(containing('a "b"', value))).toEqual({ 'a "b"': value });
});

test('no cell of an export is a formula, and a number stays one', () => {
  const formulas = ['=1+1', '+5', '-1-1', '@sum', '\tx', '\rx', '-', '-1e5'];
  for (const trade_id of formulas) {
    const [cell] = csvOf([trade(1, { trade_id, symbol: 'A' })])
      .split(',A,')[0]!
      .split(',,');
    expect(cell!.replace(/^"/, '').startsWith(`'${trade_id}`)).toBe(true);
  }
  expect(csvOf([trade(1, { trade_id: '-7', pnl: '-1.50', order_id: 'a=b' })])).toBe(
    '-7,a=b,A,BUY,1.5,10,1,,,OPEN,-1.50,,,\r\n',
  );
});
