import { beforeAll, expect, test } from 'vitest';
import { type Database, LOGIN_ROLES } from '../../src/database/index.js';
import { runRetention } from '../../src/upkeep/index.js';
import { refusal } from '../harness/book.js';
import { useRoles } from './roles-ground.js';

/** Who may remove what is due may remove nothing else, and by no other way. */
const ground = useRoles();
let name: string;
let upkeep: Database;

beforeAll(async () => {
  name = await ground.bookWithRoles();
  upkeep = ground.login('claire_upkeep', name);
  await ground.book.sql(
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
     select 's' || days, 'X', 'BUY', 1, 1, 1705072800000, timezone('UTC', now()) - days * interval '1 day'
     from unnest(array[10, 29, 31, 100]) as days`,
    name,
  );
});

const signals = async () =>
  (await ground.book.sql<{ id: string }>('select signal_id as id from signals order by id', name)).map(
    ({ id }) => id,
  );

test.each([
  ['delete the rows', 'delete from {book}.signals'],
  [
    'write itself a permit',
    `insert into {book}.permits (table_name, action, reason) values ('signals', 'delete', 'r')`,
  ],
  ['call what removes rows', `select {book}.remove_rows('signals', 'id', array[1::bigint])`],
  ['call what locks them', `select {book}.lock_unneeded('signals', array[1::bigint], null, null)`],
  ['set a horizon', `select {book}.set_horizon('signals', 1, 'r')`],
  [
    'write a horizon',
    `insert into {book}.retention_horizons (table_name, keep_seconds, reason) values ('signals', 1, 'r')`,
  ],
  ['move a watermark', 'update {book}.retention_state set watermark = 0'],
  [
    'make a run of its own',
    `insert into {book}.retention_runs (table_name, as_of, due_before) values ('signals', 'infinity', 'infinity')`,
  ],
  ['change a run', `update {book}.retention_runs set due_before = 'infinity'`],
])('claire_upkeep cannot %s', async (_, statement) => {
  const error = await refusal(upkeep.query(statement.replace('{book}', `"${name}"`)));
  expect(error.code).toBe('right_missing');
  expect(await signals()).toHaveLength(4);
});

test('what it says of the time and of the backup makes no row older', async () => {
  const far = `timestamp '2999-01-01'`;
  const [begun] = await upkeep.query<{ run: number }>(
    `select "${name}".begin_retention('signals', 'b', ${far}, null, ${far}) as run`,
  );
  await upkeep.query(`select * from "${name}".retain($1, 1000, 0)`, [begun!.run]);
  expect(await signals()).toEqual(['s10', 's29']);
});

test('it does its work with the rights that it has', async () => {
  await ground.book.sql(
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
     values ('due', 'X', 'BUY', 1, 1, 1705072800000, timezone('UTC', now()) - interval '50 days')`,
    name,
  );
  await upkeep.session((session) =>
    runRetention(session, name, {
      ...{ signal: new AbortController().signal, withoutBackup: true, searches: 'always', vacuums: true },
    }),
  );
  expect(await signals()).toEqual(['s10', 's29']);
});

test('no other login may remove anything, and only the operator sets horizons', async () => {
  for (const role of LOGIN_ROLES.filter((role) => role !== 'claire_upkeep')) {
    const login = ground.login(role, name);
    const begin = login.query(`select "${name}".begin_retention('signals', null, null, null)`);
    expect((await refusal(begin)).code, role).toBe('right_missing');
    const set = login.query(`select "${name}".set_horizon('risk_events', 86400, 'r')`);
    if (role === 'claire_operator') await set;
    else expect((await refusal(set)).code, role).toBe('right_missing');
  }
});
