/** What stands in the record at the end, and what of it is not as it was told. */
import { connectBare } from '../../dist/database/index.js';
import { connect } from '../../dist/index.js';
import { brokenByHalves, brokenByRecord, brokenByVerdicts } from './laws.js';

/** What each kind of write leaves behind: its ids. */
const FOUND = {
  signal: 'select signal_id as id from main.signals',
  decision: 'select order_id as id from main.orders',
  fill: `select order_id as id from main.orders where status = 'FILLED'`,
  close: `select trade_id as id from main.trades where status = 'CLOSED'`,
  event: `select details ->> 'marker' as id from main.risk_events where details ? 'marker'`,
};

/** @param {string} url  @param {readonly import('./journal.js').Entry[]} entries */
export async function judgeRecord(url, entries) {
  const client = await connectBare(url, 'bench');
  try {
    const found = {};
    for (const [kind, query] of Object.entries(FOUND)) {
      const { rows } = await client.query(`select id, count(*)::int as n from (${query}) as t group by id`);
      found[kind] = new Map(rows.map(({ id, n }) => [id, n]));
    }
    const decisions = await client.query('select order_id, decision from main.decisions');
    const traded = await client.query('select order_id from main.trades');
    return {
      counts: Object.fromEntries(Object.entries(found).map(([kind, ids]) => [kind, ids.size])),
      broken: [
        ...brokenByRecord(entries, found),
        ...brokenByVerdicts(
          entries,
          new Map(decisions.rows.map(({ order_id, decision }) => [order_id, decision])),
        ),
        ...brokenByHalves(new Set(found.fill.keys()), new Set(traded.rows.map(({ order_id }) => order_id))),
        ...(await brokenLaws(url)),
      ],
    };
  } finally {
    await client.end();
  }
}

/** The laws of sql/checks, as `claire verify` asks them. */
async function brokenLaws(databaseUrl) {
  const claire = await connect({ service: 'bench', databaseUrl });
  try {
    return (await claire.verify())
      .filter(({ broken }) => broken > 0)
      .map(({ law, broken }) => `${broken} rows break: ${law}`);
  } finally {
    await claire.close();
  }
}
