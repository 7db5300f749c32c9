import { expect, test } from 'vitest';
import { claireOn } from '../../src/claire.js';
import { Database } from '../../src/database/index.js';
import { useBook } from '../harness/book.js';

const book = useBook();

function open(preparedStatements: boolean) {
  const database = new Database({
    databaseUrl: book.url,
    applicationName: 'prepared',
    connections: 1,
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
  await book.sql('alter table candles alter column volume type numeric(38, 12)');
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

test('so does a connection that has lost its prepared statements', async () => {
  const { claire, database, prepared } = open(true);
  await often(() => claire.exposure({ symbol: 'BTCUSDT' }));
  await database.query('deallocate all');
  expect(await claire.exposure({ symbol: 'BTCUSDT' })).toEqual([]);
  expect(await prepared()).toHaveLength(1);
  await claire.close();
});
