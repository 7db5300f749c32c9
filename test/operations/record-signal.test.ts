import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();

const signal = (signal_id: string, other: Record<string, unknown> = {}) => ({
  signal_id,
  symbol: 'BTCUSDT',
  side: 'BUY' as const,
  price: '43250.50',
  confidence: '0.85',
  timestamp: 1705072800000,
  ...other,
});

describe('recording signals', () => {
  test('a signal is recorded once, and the same content again is already recorded', async () => {
    const claire = await book.connect();
    expect(await claire.recordSignal(signal('once'))).toEqual({ id: 'once', outcome: 'recorded' });
    expect(await claire.recordSignal(signal('once', { price: 43250.5 }))).toEqual({
      id: 'once',
      outcome: 'already_recorded',
    });
    expect(await claire.signals({ signal_id: 'once' })).toMatchObject([
      { signal_id: 'once', price: '43250.5', confidence: '0.85', timestamp: 1705072800000, metadata: null },
    ]);
  });

  test('the same id with other content is a conflict that names the fields, and changes nothing', async () => {
    const claire = await book.connect();
    await claire.recordSignal(signal('taken', { metadata: { fast: 10 } }));
    const error = await refusal(
      claire.recordSignal(signal('taken', { side: 'SELL', metadata: { fast: 11 } })),
    );
    expect(error).toMatchObject({ code: 'id_conflict', details: { fields: ['side', 'metadata'] } });
    expect(await claire.signals({ signal_id: 'taken' })).toMatchObject([
      { side: 'BUY', metadata: { fast: 10 } },
    ]);
  });

  test('in a batch each item has its own outcome, in order, and a bad item does not fail the others', async () => {
    const claire = await book.connect();
    await claire.recordSignal(signal('b1'));
    const outcomes = await claire.recordSignals([
      signal('b1'),
      signal('b2'),
      signal('b2'),
      signal('b2', { symbol: 'ETHUSDT' }),
      signal('b3', { price: '-1' }),
      signal('b3'),
      signal('b4', { price: Number.NaN }),
      signal('b5', { side: 'buy' }),
      signal('b6'),
    ]);
    expect(outcomes.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['b1', 'already_recorded'],
      ['b2', 'recorded'],
      ['b2', 'already_recorded'],
      ['b2', 'conflict'],
      ['b3', 'refused'],
      ['b3', 'recorded'],
      ['b4', 'refused'],
      ['b5', 'refused'],
      ['b6', 'recorded'],
    ]);
    expect(outcomes[3]).toMatchObject({ fields: ['symbol'] });
    expect(outcomes[4]).toMatchObject({ code: 'price_out_of_range', law: 'signals_price_check' });
  });

  test('an empty batch has no outcomes', async () => {
    const claire = await book.connect();
    expect(await claire.recordSignals([])).toEqual([]);
  });

  test('any text arrives as it was sent, alone and in a batch', async () => {
    const claire = await book.connect();
    const texts = [
      'a,b',
      '{x}',
      'say "so"',
      'back\\slash',
      "o'clock",
      'NULL',
      'null',
      ' space ',
      'tab\tline\n',
      'é😀',
      '$1',
    ];
    await claire.recordSignal(signal(texts[0]!, { metadata: { note: texts } }));
    const outcomes = await claire.recordSignals(texts.map((id) => signal(id, { metadata: { note: texts } })));
    expect(outcomes.map(({ id, outcome }) => [id, outcome])).toEqual(
      texts.map((id, at) => [id, at === 0 ? 'already_recorded' : 'recorded']),
    );
    for (const signal_id of texts)
      expect(await claire.signals({ signal_id })).toMatchObject([{ signal_id, metadata: { note: texts } }]);
  });

  test('new batches and old ones in turn are told apart each time, in a transaction too', async () => {
    const claire = await book.connect();
    const batch = (name: string) => [1, 2, 3].map((n) => signal(`${name}-${n}`));
    const told = async (batches: ReturnType<typeof signal>[]) =>
      (await claire.recordSignals(batches)).map(({ outcome }) => outcome);
    const [fresh, old] = [new Array(3).fill('recorded'), new Array(3).fill('already_recorded')];
    for (const name of ['turn-a', 'turn-b', 'turn-c']) {
      expect(await told(batch(name))).toEqual(fresh);
      expect(await told(batch(name))).toEqual(old);
    }
    expect(await told([...batch('turn-d'), ...batch('turn-a')])).toEqual([...fresh, ...old]);
    const inside = await claire.transaction(async (t) => [
      ...(await t.recordSignals(batch('turn-e'))),
      ...(await t.recordSignals([...batch('turn-e'), signal('turn-e-1', { price: '1' })])),
    ]);
    expect(inside.map(({ outcome }) => outcome)).toEqual([...fresh, ...old, 'conflict']);
  });
});
