import { beforeAll, describe, expect, test } from 'vitest';
import type { Claire } from '../../src/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const START = 1_700_000_000_000;
let claire: Claire;

const signal = (n: number, timestamp = START + Math.floor(n / 7) * 1000) => ({
  ...{ signal_id: `s${n}`, symbol: `SYM${n % 3}`, side: 'BUY' as const, price: '1', confidence: '0.5' },
  timestamp,
});
const order = (n: number) => ({
  ...{ order_id: `o${n}`, symbol: `SYM${n % 3}`, side: 'BUY' as const, quantity: '1', price: '1' },
});

/** Every row, page by page; `between` is done after each page. */
async function pages<Row>(
  read: (input: { limit: number; after?: string }) => Promise<Row[] & { next: string | null }>,
  limit: number,
  between: () => Promise<unknown> = async () => {},
): Promise<Row[]> {
  const all: Row[] = [];
  for (let next: string | null | undefined; next !== null; ) {
    const page = await read({ limit, ...(next ? { after: next } : {}) });
    all.push(...page);
    next = page.next;
    await between();
  }
  return all;
}

beforeAll(async () => {
  claire = await book.connect();
  await claire.recordSignals(Array.from({ length: 50 }, (_, n) => signal(n)));
  for (const from of [0, 20]) await claire.placeOrders(Array.from({ length: 20 }, (_, n) => order(from + n)));
});

describe('pages of a read', () => {
  test.each([1, 7, 50])('of %i rows give each row once, in the order of the whole', async (limit) => {
    const whole = await claire.signals({ limit: 1000 });
    expect(await pages((input) => claire.signals(input), limit)).toEqual([...whole]);
    const ofOne = await claire.signals({ symbol: 'SYM1', limit: 1000 });
    expect(await pages((input) => claire.signals({ symbol: 'SYM1', ...input }), limit)).toEqual([...ofOne]);
  });

  test('of rows that one statement recorded do not mix, though their time is the same', async () => {
    const whole = await claire.orders({ limit: 1000 });
    expect(await pages((input) => claire.orders(input), 7)).toEqual([...whole]);
    expect(Object.keys(whole[0]!)).not.toContain('key_0');
  });

  test('stay where they are while rows are recorded before and behind', async () => {
    const before = (await claire.signals({ limit: 1000 })).map(({ signal_id }) => signal_id);
    let n = 1000;
    const seen = await pages(
      (input) => claire.signals(input),
      5,
      () => claire.recordSignals([signal(n++, START + 1e9), signal(n++, START + 3000), signal(n++, START)]),
    );
    const ids = seen.map(({ signal_id }) => signal_id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => before.includes(id))).toEqual(before);
  });

  test('of what is read whole, in text order, the row without a symbol first', async () => {
    await claire.setLimits({ changes: { max_position: '10' }, symbol: 'SYM1', reason: 'a test' });
    const whole = await claire.limits();
    expect(whole.next).toBeNull();
    expect(whole.map(({ symbol }) => symbol)).toEqual([null, 'SYM1']);
    expect(await pages((input) => claire.limits(input), 1)).toEqual([...whole]);
  });

  test('end: the last has no next, and an answer is an array like any other', async () => {
    const page = await claire.signals({ signal_id: 's1' });
    expect(page.next).toBeNull();
    expect(JSON.parse(JSON.stringify(page))).toEqual(page);
    expect(Object.keys(page)).toEqual(['0']);
  });
});

describe('a cursor that is none of this read is refused', () => {
  const made = (...values: unknown[]) => Buffer.from(JSON.stringify(values)).toString('base64url');
  test.each([
    ['nonsense', 'nonsense'],
    ['that of another read', made('orders', '2024-01-01 00:00:00', '1')],
    ['one with too few keys', made('signals', '1')],
    ['one with too many', made('signals', '1', '2', '3')],
    ['one with SQL in it', made('signals', '1', '1); drop table signals; --')],
    ['one with a number as a number', made('signals', 1, 2)],
    ['no array', Buffer.from('{"0":"signals"}').toString('base64url')],
    ['one that is too long', 'x'.repeat(2000)],
  ])('%s', async (_, after) => {
    expect(await refusal(claire.signals({ after }))).toMatchObject({
      code: 'input_invalid',
      details: { fields: [{ field: 'after' }] },
    });
  });

  test('text with NUL', async () => {
    expect(await refusal(claire.positions({ after: made('positions', 'A\0', 'BUY') }))).toMatchObject({
      code: 'input_invalid',
    });
  });
});
