/** What a migration must leave as it was, asked with the same SQL before and after it. */
import { isOpen, UNDECIDABLE } from './load.js';
import { TABLES } from './seed-schema.js';

/** Sides and seconds are corrected on purpose: compared is what they mean. Numbers by value, whatever their type. */
const time = (column) => `case when ${column} < 1e11 then ${column} * 1000 else ${column} end`;
const number = (column) => `trim_scale(${column})`;

const UNCHANGED = {
  signals: [
    'id',
    'signal_id',
    'symbol',
    'upper(side)',
    number('price'),
    number('confidence'),
    time('timestamp'),
    'metadata',
    'created_at',
  ],
  orders: [
    'id',
    'order_id',
    'signal_id',
    'symbol',
    'side',
    number('quantity'),
    number('price'),
    'status',
    'rejection_reason',
    'created_at',
    'updated_at',
  ],
  trades: [
    'id',
    'order_id',
    'symbol',
    'upper(side)',
    number('quantity'),
    number('entry_price'),
    time('entry_timestamp'),
    number('commission'),
    'created_at',
    // The writers close trades that were open.
    `case when not (${isOpen('id')}) then concat_ws('|', status, ${number('exit_price')}, ${time('exit_timestamp')}) end`,
  ],
  risk_events: [
    'id',
    'event_type',
    'signal_id',
    'symbol',
    'reason',
    'details',
    time('timestamp'),
    'created_at',
  ],
};

/** Counts, a checksum of the loaded rows of each table, and the profit of those that were closed. */
export async function look(client, rows) {
  const found = {};
  for (const table of TABLES) {
    const columns = UNCHANGED[table].map((column) => `coalesce((${column})::text, '~')`).join(', ');
    const except = UNDECIDABLE[table] ? `and id not in (${UNDECIDABLE[table]})` : '';
    const { rows: answer } = await client.query(
      `select md5(string_agg(part, '' order by bucket)) as checksum
       from (
         select id % 1000 as bucket,
           sum(hashtextextended(concat_ws('|', ${columns}), 0)::numeric)::text as part
         from ${table} where id <= ${rows[table]} ${except} group by 1
       ) as parts`,
    );
    const { rows: all } = await client.query(`select count(*)::int as count from ${table}`);
    found[table] = { count: all[0].count, checksum: answer[0].checksum };
  }
  return { tables: found, profit: await lookAtProfit(client, rows) };
}

/** The first correction of each profit: what it was before. */
const BEFORE_CORRECTIONS = `left join (
    select distinct on (row_id) row_id, (before #>> '{}')::numeric as pnl
    from corrections where table_name = 'trades' and column_name = 'pnl' order by row_id, id
  ) as c on c.row_id = trades.id`;

const hasCorrections = async (client) => {
  const { rows } = await client.query(`select to_regclass('corrections') is not null as there`);
  return rows[0].there;
};

/** The checksum takes each corrected profit for what it was: it moves only where one changed and nobody was told. */
async function lookAtProfit(client, rows) {
  const corrected = await hasCorrections(client);
  const earlier = corrected ? 'case when c.row_id is null then trades.pnl else c.pnl end' : 'trades.pnl';
  const { rows: profit } = await client.query(
    `select sum(trades.pnl)::text as sum, count(trades.pnl)::int as count,
       sum(hashtextextended(concat_ws('|', trades.id, trim_scale(${earlier})), 0)::numeric)::text as checksum
     from trades ${corrected ? BEFORE_CORRECTIONS : ''}
     where trades.id <= ${rows.trades} and not (${isOpen('trades.id')})
       and trades.id not in (${UNDECIDABLE.trades})`,
  );
  return profit[0];
}

const recorded = async (client, rows) => {
  if (!(await hasCorrections(client))) return undefined;
  const { rows: sums } = await client.query(
    `select count(*)::int as count,
       coalesce(sum(coalesce((after #>> '{}')::numeric, 0) - coalesce((before #>> '{}')::numeric, 0)), 0)::text as sum
     from corrections
     where table_name = 'trades' and column_name = 'pnl' and row_id <= ${rows.trades}
       and not (${isOpen('row_id')}) and row_id not in (${UNDECIDABLE.trades})`,
  );
  const { rows: kinds } = await client.query(
    `select table_name || '.' || column_name as what, count(*)::int as count from corrections group by 1 order by 1`,
  );
  return { ...sums[0], kinds: Object.fromEntries(kinds.map(({ what, count }) => [what, count])) };
};

const inQuarantine = async (client) => {
  const { rows } = await client.query(
    `select count(*)::int as columns from pg_attribute
     where attrelid = to_regclass('quarantine') and attname in ('table_name', 'state')`,
  );
  if (rows[0].columns < 2) return {};
  const { rows: counts } = await client.query(
    "select table_name, count(*)::int as count from quarantine where state = 'held' group by 1",
  );
  return Object.fromEntries(counts.map(({ table_name, count }) => [table_name, count]));
};

const LOOKED_FOR = {
  signals: 'select count(*)::int as count from signals where signal_id = any ($1)',
  orders: 'select count(*)::int as count from orders where order_id = any ($1)',
  trades: 'select count(*)::int as count from trades where order_id = any ($1)',
  closed: `select count(*)::int as count from trades where order_id = any ($1) and status = 'CLOSED'`,
};

/** Compares, and looks for every row that the writers were told was kept. */
export async function verify(client, { rows, before, acknowledged }) {
  const after = await look(client, rows);
  const quarantine = await inQuarantine(client);
  const corrections = await recorded(client, rows);
  const checks = [];
  const check = (name, expected, actual) =>
    checks.push({ name, expected, actual, holds: expected === actual });
  for (const table of TABLES) {
    const written = Array.isArray(acknowledged[table]) ? acknowledged[table].length : acknowledged[table];
    const now = after.tables[table].count + (quarantine[table] ?? 0);
    check(`rows of ${table}, old and new`, before.tables[table].count + written, now);
    check(`checksum of the old ${table}`, before.tables[table].checksum, after.tables[table].checksum);
  }
  for (const [what, statement] of Object.entries(LOOKED_FOR)) {
    const { rows: found } = await client.query(statement, [acknowledged[what]]);
    check(`acknowledged ${what} that are there`, acknowledged[what].length, found[0].count);
  }
  const { rows: difference } = await client.query(
    'select trim_scale($1::numeric - $2::numeric)::text as sum',
    [after.profit.sum, before.profit.sum],
  );
  const { rows: known } = await client.query('select trim_scale($1::numeric)::text as sum', [
    corrections?.sum ?? 0,
  ]);
  check(
    'checksum of the profits, corrected ones as they were',
    before.profit.checksum,
    after.profit.checksum,
  );
  check('profit of the old closed trades changed by what corrections say', known[0].sum, difference[0].sum);
  return { checks, profit: { before: before.profit, after: after.profit }, corrections, quarantine };
}
