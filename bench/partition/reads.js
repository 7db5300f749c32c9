/** What reading signals costs: the same questions to both tables, in turn. */
import { inTurn } from '../../dist/bench/measure.js';
import { symbolOf } from './books.js';

const RUNS = 100;
const DAY_MS = 86_400_000;

const BY_ID = 'select * from signals where signal_id = $1';
const LAST_100 = 'select * from signals where symbol = $1 order by timestamp desc limit 100';

function readsOf({ id, last }) {
  const symbol = symbolOf(0);
  return {
    'last 100 signals of a symbol': [LAST_100, [symbol]],
    'last 100 signals of a symbol, prepared': [LAST_100, [symbol], 'last_100'],
    'last 100 of a symbol, with created_at of the last day': [
      LAST_100.replace('order', "and created_at > timezone('UTC', to_timestamp($2)) order"),
      [symbol, (last - DAY_MS) / 1000],
    ],
    'newest 100 of seven days': [
      'select * from signals where timestamp > $1 order by timestamp desc limit 100',
      [last - 7 * DAY_MS],
    ],
    'count and highest price of the last day': [
      'select count(*), max(price) from signals where timestamp > $1',
      [last - DAY_MS],
    ],
    'one signal by its id': [BY_ID, [id]],
    'one signal by its id, prepared': [BY_ID, [id], 'by_id'],
    'the newest 100 orders with their signals': [
      'select * from (select * from orders order by id desc limit 100) as o join signals as s using (signal_id)',
      [],
    ],
  };
}

/** How a library would ask that knows of the keys. */
const THROUGH_KEYS = `select s.* from signal_keys as k
  join signals as s on s.signal_id = k.signal_id and s.created_at = k.created_at where k.signal_id = $1`;

/** `last` is the time of the newest row. */
export async function measureReads({ rows, signal, say }, books, last) {
  const { rows: found } = await books[0].client.query('select signal_id as id from signals where id = $1', [
    Math.floor(rows / 2) + 1,
  ]);
  const figures = [];
  for (const [what, [text, values, name]] of Object.entries(readsOf({ id: found[0].id, last }))) {
    say(what);
    const subjects = books.map((book) => ({
      name: book.name,
      run: () => book.client.query({ text, values, ...(name && { name }) }),
    }));
    if (text === BY_ID) {
      const ask = { text: THROUGH_KEYS, values, ...(name && { name: 'through_keys' }) };
      subjects.push({ name: 'partitioned, through the keys', run: () => books[1].client.query(ask) });
    }
    const measured = await inTurn(subjects, RUNS, signal);
    for (const [by, all] of Object.entries(measured))
      figures.push({ ...{ what, by, unit: 'ms', rows, ratios: [], facts: {} }, ...all });
  }
  return figures;
}
