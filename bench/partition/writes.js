/** What recording signals costs: the same rows into both tables, in turn. */
import { batches, callers, figuresOf, inTurns } from '../../dist/bench/turns.js';
import { symbolOf } from './books.js';

const INSERT = `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::bigint[])`;

/** Made anew each time; each symbol's ids go on where those that were loaded end. */
function columnsOf(ids, first, count) {
  const numbers = Array.from({ length: count }, (_, at) => first + at);
  return [
    numbers.map((n) => `sma-${symbolOf(n)}-${Date.now()}-${ids}${n}`),
    ...[symbolOf, () => 'BUY', (n) => `${100 + (n % 100)}.25`, () => '0.5', () => Date.now()].map((of) =>
      numbers.map(of),
    ),
  ];
}

function writersOf(place, book) {
  const pool = place.barePool(book.url, 10);
  const text = INSERT.replace('into signals', `into ${book.name}.signals`);
  // The trigger that registers keys finds the book by itself.
  const write = (ids, first, count) =>
    pool.query({ name: `record_${book.name}`, text, values: columnsOf(ids, first, count) });
  const by = book.name;
  const beside = by === 'plain' ? [] : ['plain'];
  return {
    'recording batches of 1,000': {
      ...{ by, beside },
      turn: (ids, ms) =>
        batches(
          ms,
          (from) => Array.from({ length: 1000 }, (_, at) => from + at),
          (items) => write(ids, items[0], 1000),
        ),
    },
    'recording one a commit': { by, beside, turn: (ids, ms) => callers(1, ms, (_, n) => write(ids, n, 1)) },
    'recording one a commit, ten callers': {
      ...{ by, beside },
      turn: (ids, ms) => callers(10, ms, (_, n) => write(ids, n, 1)),
    },
  };
}

/** Rows a second of each way to write, and how long callers wait. */
export async function measureWrites({ place, rows, rounds, seconds, signal, say }, books) {
  const writers = books.map((book) => writersOf(place, book));
  const figures = [];
  for (const what of Object.keys(writers[0])) {
    say(what);
    const pace = { rounds, milliseconds: seconds * 1000, signal, onTurn() {} };
    const before = () => place.admin.query('checkpoint');
    const both = await inTurns(
      writers.map((of) => of[what]),
      { ...pace, before },
    );
    figures.push(...figuresOf(what, both).map((one) => ({ ...one, rows })));
  }
  return figures;
}
