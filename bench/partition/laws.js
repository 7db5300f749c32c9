/** What stands for clients after the switch, tried on both tables: a statement, and what became of it. */
const ROW = `'BTCUSDT', 'BUY', 100, 0.5, 1767225600000`;
const COLUMNS = 'signal_id, symbol, side, price, confidence, timestamp';

const STATEMENTS = {
  'a signal_id a second time is refused': `insert into signals (${COLUMNS}) select signal_id, ${ROW} from signals limit 1`,
  'an order of an unknown signal is refused': `insert into orders (order_id, signal_id, symbol, side, quantity, status)
     values ('unknown', 'unknown', 'BTCUSDT', 'BUY', 1, 'PENDING')`,
  'a recorded signal does not change':
    'update signals set price = 1 where id = (select min(id) from signals)',
  'a signal leaves by retention only': 'delete from signals where id = (select min(id) from signals)',
  'an id a second time is refused': `insert into signals (id, ${COLUMNS}) select min(id), 'again', ${ROW} from signals`,
  'on conflict (signal_id) do nothing': `insert into signals (${COLUMNS}) values ('once', ${ROW}) on conflict (signal_id) do nothing`,
  'on conflict do nothing, sent again': `insert into signals (${COLUMNS}) select signal_id, ${ROW} from signals limit 1 on conflict do nothing`,
  'created_at NULL becomes now': `insert into signals (${COLUMNS}, created_at) values ('null', ${ROW}, null)`,
  'a foreign key to signals (signal_id)':
    'create table follower (signal_id varchar(50) references signals (signal_id))',
};

/** Nothing stays of it. */
export async function tryLaws({ client }) {
  const told = {};
  for (const [what, statement] of Object.entries(STATEMENTS)) {
    await client.query('begin');
    told[what] = await client.query(statement).then(
      () => 'accepted',
      (error) => `refused: ${error.constraint ?? error.message}`,
    );
    await client.query('rollback');
  }
  return told;
}
