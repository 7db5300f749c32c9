import { expect, test } from 'vitest';
import { undecidedSignals } from '../../src/services/undecided.js';
import { DAY, MINUTE, signal, T0, useDesks } from './ground.js';

const { desk } = useDesks();
const ids = (found: { signal_id: string }[]) => found.map(({ signal_id }) => signal_id);

test('a look finds the signals without an order, oldest market time first', async () => {
  const at = await desk();
  await at.signals(signal('b', { timestamp: T0 + MINUTE }), signal('a'), signal('decided'));
  await at.claire.decide({ signal_id: 'decided', quantity: 1, at: T0 });
  expect(ids(await undecidedSignals(at.claire)())).toEqual(['a', 'b']);
});

test('of more signals than a look gives, the oldest come first', async () => {
  const at = await desk();
  await at.signals(...[4, 2, 5, 1, 3].map((n) => signal(`s${n}`, { timestamp: T0 + n * MINUTE })));
  const look = undecidedSignals(at.claire, { most: 2 });
  const decided: string[] = [];
  for (let found = await look(); found.length > 0; found = await look()) {
    for (const { signal_id, timestamp } of found) {
      await at.claire.decide({ signal_id, quantity: 1, at: timestamp });
      decided.push(signal_id);
    }
  }
  expect(decided).toEqual(['s1', 's2', 's3', 's4', 's5']);
});

test('more signals of one moment than a look gives are all found in the end', async () => {
  const at = await desk();
  await at.signals(...['1', '2', '3', '4', '5'].map((id) => signal(id)));
  const look = undecidedSignals(at.claire, { most: 2 });
  const decided = new Set<string>();
  for (let found = await look(); found.length > 0; found = await look()) {
    for (const { signal_id } of found) await at.claire.decide({ signal_id, quantity: 1, at: T0 });
    for (const id of ids(found)) decided.add(id);
  }
  expect(decided.size).toBe(5);
});

test('a signal of long before is found by the look over all, one of the newest day by the next look', async () => {
  const at = await desk();
  const look = undecidedSignals(at.claire, { looks: 3 });
  await at.signals(signal('first'));
  expect(ids(await look())).toEqual(['first']);
  await at.signals(signal('old', { timestamp: T0 - 2 * DAY }), signal('late', { timestamp: T0 - DAY }));
  expect(ids(await look())).toEqual(['late', 'first']);
  expect(ids(await look())).toEqual(['late', 'first']);
  expect(ids(await look())).toEqual(['old', 'late', 'first']);
});

test('where all is decided already, looks begin at the newest signal of the record', async () => {
  const at = await desk();
  await at.signals(signal('decided'));
  await at.claire.decide({ signal_id: 'decided', quantity: 1, at: T0 });
  const asked: unknown[] = [];
  const claire = {
    signals: (query: Parameters<typeof at.claire.signals>[0]) => {
      if (query?.without_order) asked.push(query.since);
      return at.claire.signals(query);
    },
  };
  const look = undecidedSignals(claire);
  for (let looks = 0; looks < 3; looks++) expect(await look()).toEqual([]);
  expect(asked).toEqual([undefined, T0 - DAY, T0 - DAY]);
});

test('a signal with a time that is far off hides no other', async () => {
  const at = await desk();
  const look = undecidedSignals(at.claire);
  await at.signals(signal('off', { timestamp: Date.now() + 10_000 * DAY }));
  await look();
  await at.signals(signal('now', { timestamp: Date.now() }));
  expect(ids(await look())).toEqual(['now', 'off']);
});
