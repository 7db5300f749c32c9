import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reader, type Sent } from '../../web/src/event-text.js';
import { parse } from '../../web/src/json.js';

const TEXT = [
  'event: hello\ndata: {"at_ms":1}\n\n',
  ': still here\n\n',
  'id: 7.1.0\nevent: trade\ndata: {"symbol":"A: B","pnl":"-1.50"}\n\n',
  'id: 7.1.1\r\nevent: position\r\ndata: {"total_quantity":"0"}\r\n\r\n',
].join('');

const SENT: Sent[] = [
  { event: 'hello', id: undefined, data: { at_ms: 1 } },
  { event: 'trade', id: '7.1.0', data: { symbol: 'A: B', pnl: '-1.50' } },
  { event: 'position', id: '7.1.1', data: { total_quantity: '0' } },
];

test('events are read whole, in whatever pieces the network brings them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: TEXT.length }), { maxLength: 12 }), (cuts) => {
      const got: Sent[] = [];
      const take = reader((sent) => got.push(sent));
      const places = [0, ...cuts.sort((a, b) => a - b), TEXT.length];
      for (const [at, from] of places.slice(0, -1).entries()) take(TEXT.slice(from, places[at + 1]));
      expect(got).toEqual(SENT);
    }),
  );
});

test('half an event is no event', () => {
  const got: Sent[] = [];
  reader((sent) => got.push(sent))('event: trade\ndata: {"symbol":"A"}\n');
  expect(got).toEqual([]);
});

// The source of a number is known to a reviver from Node 22 and in every browser of 2024 on.
const knowsSource = (JSON as { rawJSON?: unknown }).rawJSON !== undefined;
test.skipIf(!knowsSource)(
  'a number of JSON with more digits than a float holds stays as it was written',
  () => {
    expect(parse('{"exposure": 2000.01930758174580001, "n": 5, "text": "2000.01930758174580001"}')).toEqual({
      exposure: '2000.01930758174580001',
      n: 5,
      text: '2000.01930758174580001',
    });
  },
);
