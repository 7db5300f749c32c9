/** A day's signals leave: what no order names is removed, what orders name stays. */
import { dayName } from './books.js';

/** As large as retention's own batches become where nobody else works. */
const BATCH = 5000;

/** Those of a span of ids that no order names. The locks and the second look of retention are left out on both sides. */
const due = (table, column) => `
  select array(
    select ${column} from ${table} as s
    where id between $1 and $2 and not exists (select from orders as o where o.signal_id = s.signal_id offset 0)
  ) as due`;

/** Removes in batches through the function that retention uses, so with its permit and with the foreign key asked. */
async function removeRows({ client, perDay }, day, { from, table, column, type }) {
  let removed = 0;
  for (let first = day * perDay + 1; first <= (day + 1) * perDay; first += BATCH) {
    const last = Math.min(first + BATCH - 1, (day + 1) * perDay);
    await client.query('begin');
    await client.query('set local synchronous_commit to off');
    const found = await client.query(due(from, column), [first, last]);
    const gone = await client.query(
      `select removed from remove_rows('${table}', '${column}', $1::${type}[])`,
      [found.rows[0].due],
    );
    await client.query('commit');
    removed += Number(gone.rows[0].removed);
  }
  return removed;
}

/**
 * The partition goes, and what orders name goes over into `signals_kept`. It cannot go there before: while the day stands,
 * its times are the day's alone. Nobody reads or writes signals meanwhile.
 */
async function dropDay({ client }, day) {
  const name = dayName(day);
  const begun = performance.now();
  await client.query('begin');
  await client.query(`alter table signals detach partition ${name}`);
  const kept = await client.query(
    `insert into signals_kept
     select s.* from ${name} as s where exists (select from signal_keys as k where k.signal_id = s.signal_id)
     order by s.id`,
  );
  await client.query(`drop table ${name}`);
  await client.query('commit');
  return { kept: kept.rowCount, locked_ms: performance.now() - begun };
}

const position = async ({ client }) =>
  (await client.query('select pg_current_wal_insert_lsn() as at')).rows[0].at;

/** Removes a day. Times in ms; the log that was written, in MB. */
export async function removeDay(book, day, { vacuums = true } = {}) {
  const { client, partitioned } = book;
  await client.query('checkpoint');
  const before = await position(book);
  const begun = performance.now();
  const what = partitioned
    ? { from: dayName(day), table: 'signal_keys', column: 'signal_id', type: 'varchar' }
    : { from: 'signals', table: 'signals', column: 'id', type: 'bigint' };
  const removed = await removeRows(book, day, what);
  const rows_ms = performance.now() - begun;
  const { kept = 0, locked_ms = 0 } = partitioned ? await dropDay(book, day) : {};
  const emptied = performance.now();
  if (vacuums) await client.query(`vacuum ${what.table}`);
  const vacuum_ms = performance.now() - emptied;
  const { rows } = await client.query('select pg_wal_lsn_diff($1, $2) / 1e6::float8 as mb', [
    await position(book),
    before,
  ]);
  return {
    removed,
    kept,
    rows_ms,
    locked_ms,
    vacuum_ms,
    all_ms: performance.now() - begun,
    log_mb: rows[0].mb,
  };
}
