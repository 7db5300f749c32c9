import { expect, test } from 'vitest';
import { claireOn } from '../../src/claire.js';
import { Database } from '../../src/database/index.js';
import { StatementNames } from '../../src/database/statement-names.js';
import { LATEST_VERSION } from '../../src/schema/index.js';
import { useBook } from '../harness/book.js';

const book = useBook();

function open(preparedStatements: boolean, connections = 1) {
  const database = new Database({
    databaseUrl: book.url,
    applicationName: 'prepared',
    connections,
    preparedStatements,
  });
  const prepared = async () =>
    (await database.query<{ statement: string }>('select statement from pg_prepared_statements')).map(
      ({ statement }) => statement,
    );
  return { claire: claireOn(database, 'main'), database, prepared };
}

const often = async (work: () => Promise<unknown>) => {
  for (let time = 0; time < 8; time++) await work();
};

test('a statement that is used often is kept prepared by the server, a rare one is not', async () => {
  const { claire, prepared } = open(true);
  await often(() => claire.exposure({ symbol: 'BTCUSDT' }));
  await claire.positions();
  expect(await prepared()).toEqual([expect.stringContaining('exposure')]);
  await claire.close();
});

test('none is where a pooler does not know prepared statements', async () => {
  const { claire, prepared } = open(false);
  await often(() => claire.exposure({ symbol: 'BTCUSDT' }));
  expect(await prepared()).toEqual([]);
  await claire.close();
});

test('a change of the schema under a prepared statement goes unnoticed, in a transaction too', async () => {
  const { claire, prepared } = open(true);
  await often(() => claire.candles({ symbol: 'BTCUSDT' }));
  expect(await prepared()).toHaveLength(1);
  await book.sql('alter table candles alter column symbol type text');
  expect(await claire.candles({ symbol: 'BTCUSDT' })).toEqual([]);
  await often(() => claire.candles({ symbol: 'BTCUSDT' }));
  await book.sql('alter table candles alter column symbol type varchar(20)');
  let runs = 0;
  await claire.transaction(async (t) => {
    runs++;
    expect(await t.candles({ symbol: 'BTCUSDT' })).toEqual([]);
  });
  expect(runs).toBe(2);
  await claire.close();
});

test('it does so on every connection of a pool, and where the statements were discarded', async () => {
  const { claire, database } = open(true, 10);
  const everywhere = (work: () => Promise<unknown>) => Promise.all(Array.from({ length: 10 }, work));
  const read = () => claire.candles({ symbol: 'BTCUSDT' });
  await often(() => everywhere(read));
  await book.sql('alter table candles alter column symbol type text');
  expect((await everywhere(read)).flat()).toEqual([]);
  await often(() => everywhere(read));
  await book.sql('alter table candles alter column symbol type varchar(20)');
  await claire.transaction(async (t) => expect(await t.candles({ symbol: 'BTCUSDT' })).toEqual([]), {
    attempts: 2,
  });
  await often(() => everywhere(read));
  const held = database.session(async (session) => {
    await session.query('deallocate all');
    return session.query('select 1 as one where $1', [true]);
  });
  expect(await held).toEqual([{ one: 1 }]);
  await everywhere(() => database.query('deallocate all'));
  expect((await everywhere(read)).flat()).toEqual([]);
  await claire.close();
});

test('a rare state is read by its index, however often it is asked for', async () => {
  const name = await book.bookAt(LATEST_VERSION);
  await book.sql(
    `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
     select 'X', 'BUY', 1, 1, 1705072800000 + n, case when n > 3 then 1 end, case when n > 3 then 1705072900000 + n end,
       case when n > 3 then 'CLOSED' else 'OPEN' end
     from generate_series(1, 20000) as n`,
    name,
  );
  await book.sql('vacuum analyze trades', name);
  const { database } = open(true);
  const claire = claireOn(database, name);
  await often(() => often(() => claire.trades({ status: 'OPEN' })));
  const [{ statement }] = (await database.query<{ statement: string }>(
    'select statement from pg_prepared_statements',
  )) as [{ statement: string }];
  await database.query('set plan_cache_mode to force_generic_plan');
  const plan = await database.query(`explain ${statement}`);
  expect(JSON.stringify(plan)).toContain('idx_trades_status_entry');
  await claire.close();
});

test('names are given to what is used often, so many at most, and anew where one is stale', () => {
  const names = new StatementNames();
  const named = (text: string) => Array.from({ length: 5 }, () => names.nameOf(text)).at(-1);
  expect(names.nameOf('rare')).toBeUndefined();
  const all = Array.from({ length: 120 }, (_, at) => named(`statement ${at}`));
  expect(new Set(all.slice(0, 100)).size).toBe(100);
  expect(all.slice(100)).toEqual(new Array(20).fill(undefined));
  const renewed = names.renew('statement 7');
  expect(all).not.toContain(renewed);
  expect(names.nameOf('statement 7')).toBe(renewed);
});
