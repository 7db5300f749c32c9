import { describe, expect, test } from 'vitest';
import { examine, LATEST_VERSION, recognise } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf, look } = useSchemas(book);

describe('what others have on columns that change', () => {
  const cases: [string, string[], string, RegExp][] = [
    [
      'a view on id',
      ['create view mine as select id from trades'],
      'view BOOK.mine (trades.id)',
      /^create view f\d+\.mine as\s+select (trades\.)?id/i,
    ],
    [
      'a view on a price',
      ['create view mine as select price from signals'],
      'view BOOK.mine (signals.price)',
      /price/,
    ],
    [
      'a view with options',
      ['create view mine with (security_barrier=true) as select price from orders'],
      'view BOOK.mine (orders.price)',
      /with \(security_barrier=true\) as/,
    ],
    [
      'a materialized view',
      ['create materialized view mine as select sum(pnl) from trades'],
      'materialized view BOOK.mine (trades.pnl)',
      /^create materialized view/,
    ],
    [
      'a view on positions_realtime',
      ['create view mine as select symbol from positions_realtime'],
      'view BOOK.mine (positions_realtime)',
      /positions_realtime/,
    ],
    [
      'an index on positions_realtime',
      ['create index mine on positions_realtime (side)'],
      'index BOOK.mine (positions_realtime)',
      /^CREATE INDEX mine/,
    ],
    [
      'a rule',
      ['create table other (x int)', 'create rule mine as on insert to other do also select id from trades'],
      'rule mine on BOOK.other (trades.id)',
      /^CREATE RULE mine/,
    ],
    [
      'a foreign key',
      ['create table other (trade int references trades)'],
      'foreign key other_trade_fkey on BOOK.other (trades.id)',
      /^alter table f\d+\.other add constraint other_trade_fkey FOREIGN KEY/,
    ],
    [
      'a constraint on id',
      ['alter table orders add constraint mine check (id > 0)'],
      'constraint mine on BOOK.orders (orders.id)',
      /CHECK/,
    ],
    [
      'a unique constraint with id',
      ['alter table orders add constraint mine unique (symbol, id)'],
      'constraint mine on BOOK.orders (orders.id)',
      /UNIQUE/,
    ],
    [
      'an index on id',
      ['create index mine on risk_events (symbol, id)'],
      'index BOOK.mine (risk_events.id)',
      /^CREATE INDEX mine/,
    ],
    [
      'an index that filters by id',
      ['create index mine on risk_events (symbol) where id > 5'],
      'index BOOK.mine (risk_events.id)',
      /WHERE/,
    ],
    [
      'statistics',
      ['create statistics mine on id, symbol from trades'],
      'statistics BOOK.mine (trades.id)',
      /^CREATE STATISTICS/,
    ],
    [
      'a generated column',
      ['alter table trades add column mine numeric generated always as (quantity * entry_price) stored'],
      'generated column BOOK.trades.mine (trades.entry_price, trades.quantity)',
      /generated always as \(\(?quantity \* entry_price\)?\) stored$/,
    ],
    [
      'a trigger of a column',
      [
        'create function mine() returns trigger language plpgsql as $$ begin return new; end; $$',
        'create trigger mine before update of quantity on trades for each row execute function mine()',
      ],
      'trigger mine on BOOK.trades (trades.quantity)',
      /^CREATE TRIGGER mine/,
    ],
    [
      'a policy',
      ['create policy mine on trades as restrictive for select using (id > 3)'],
      'policy mine on BOOK.trades (trades.id)',
      /^create policy mine on f\d+\.trades as restrictive for select to public using \(\(id > 3\)\)$/,
    ],
    [
      'a function of SQL',
      ['create function mine() returns bigint language sql begin atomic select max(id) from trades; end'],
      'function BOOK.mine() (trades.id)',
      /^CREATE OR REPLACE FUNCTION/,
    ],
    [
      'a column of the row type',
      ['create table other (whole trades)'],
      'column of its row type BOOK.other.whole (trades)',
      /add column whole/,
    ],
    [
      'a publication with columns',
      ['create publication mine_columns for table trades (id, symbol)'],
      'publication mine_columns of BOOK.trades (trades.id)',
      /^alter publication mine_columns add table f\d+\.trades \(id, symbol\)$/,
    ],
    [
      'a publication with a filter',
      ['create publication mine_rows for table signals where (price > 5)'],
      'publication mine_rows of BOOK.signals (signals.price)',
      /where \(\(price > \(5\)::numeric\)\)$/,
    ],
  ];

  /** What a migration has to do to a column, in the plainest way. */
  function change(column: string): string {
    const [table, name] = column.split('.');
    if (table === 'positions_realtime') return 'select';
    if (!name) return 'alter table trades alter pnl type numeric(38, 8)';
    return name === 'id'
      ? `alter table ${table} drop column id`
      : `alter table ${table} alter ${name} type numeric`;
  }

  /** Does it, and looks at what has become of the object `mine`; then all is as it was. */
  async function fate(name: string, columns: string[]): Promise<'refused' | 'lost' | 'kept'> {
    return book.database.session(async (session) => {
      await session.query('begin');
      await session.query(`set local search_path to ${name}`);
      try {
        for (const statement of ['drop materialized view positions_realtime', ...columns.map(change)])
          await session.query(statement);
        const [row] = await session.query<{ kept: number }>(
          `select (select count(*) from pg_class where relname = 'mine' and relnamespace = $1::regnamespace)
             + (select count(*) from pg_constraint where conname = 'mine' and connamespace = $1::regnamespace)
             + (select count(*) from pg_statistic_ext where stxname = 'mine' and stxnamespace = $1::regnamespace) as kept`,
          [name],
        );
        return row!.kept > 0 ? 'kept' : 'lost';
      } catch {
        return 'refused';
      } finally {
        await session.query('rollback');
      }
    });
  }

  test.each(cases)('%s is named with its definition', async (_, statements, found, definition) => {
    const name = await schemaOf(...byHand('1.1'), ...statements);
    const error = await refusal(look(name));
    expect(error.code).toBe('schema_depended_on');
    expect(error.message).toContain(`${found.replace('BOOK', name)}.`);
    const { dependents } = await examine(book.database, name, await recognise(book.database, name), {
      to: LATEST_VERSION,
    });
    expect(dependents).toMatchObject([{ stops: true, definition: expect.stringMatching(definition) }]);
    for (const column of dependents[0]!.on) expect(await fate(name, [column]), column).not.toBe('kept');
    for (const publication of ['mine_columns', 'mine_rows'])
      await book.database.query(`drop publication if exists ${publication}`);
  });

  test('a definition makes the object again, and a view on a view comes after it', async () => {
    const name = await schemaOf(
      ...byHand('1.0'),
      'create view inner_view as select id, pnl from trades',
      'create view a_outer as select pnl from inner_view',
    );
    const seen = () =>
      recognise(book.database, name).then((state) =>
        examine(book.database, name, state, { to: LATEST_VERSION }),
      );
    const { dependents } = await seen();
    expect(dependents.map((one) => one.name)).toEqual([`${name}.inner_view`, `${name}.a_outer`]);
    await book.database.query(`drop view ${name}.inner_view cascade`);
    for (const { definition } of dependents) await book.database.query(definition);
    expect((await seen()).dependents).toEqual(dependents);
  });

  const every = ['signals', 'orders', 'trades', 'risk_events'].map((table) => `${table}.id`);
  const prices = ['signals.price', 'orders.price', 'trades.entry_price'];

  test.each([
    [
      'a view on other columns',
      'create view mine as select symbol, side, count(*) from trades group by 1, 2',
    ],
    ['an index on a price', 'create index mine on trades (entry_price)'],
    [
      'a foreign key to order_id',
      'create table other (order_id varchar(50) constraint mine references orders (order_id))',
    ],
    [
      'a foreign key of ours to theirs',
      'alter table trades add column venue int unique, add constraint mine foreign key (venue) references trades (venue)',
    ],
    ['statistics on a price', 'create statistics mine on price, symbol from signals'],
  ])('%s stops nothing and is kept', async (_, statement) => {
    const name = await schemaOf(...byHand('1.1'), statement);
    expect(await look(name)).toMatchObject({ dependents: [] });
    expect(await fate(name, [...every, ...prices])).toBe('kept');
  });

  test('a right on id alone goes with it, and is named', async () => {
    const name = await schemaOf(...byHand('1.1'), 'grant select (id, symbol) on trades to public');
    expect((await refusal(look(name))).message).toContain('right SELECT of public (trades.id).');
    const state = await recognise(book.database, name);
    expect((await examine(book.database, name, state, { to: LATEST_VERSION })).dependents).toMatchObject([
      { definition: `grant SELECT (id) on ${name}.trades to public` },
    ]);
  });

  test('a CHECK on a price is only warned of', async () => {
    const name = await schemaOf(
      ...byHand('1.1'),
      'alter table orders add constraint mine check (price < 5000)',
    );
    const seen = await look(name);
    expect(seen.dependents).toMatchObject([{ name: `mine on ${name}.orders`, stops: false }]);
    expect(seen.warnings.join('\n')).toMatch(
      /Constraint mine on f\d+\.orders names orders\.price: .*NOT VALID/,
    );
  });

  test('nothing of it matters where the tables do not change', async () => {
    const name = await schemaOf(...byHand('1.0'), 'create view mine as select id from trades');
    expect(await look(name, { to: '1.1' })).toMatchObject({ dependents: [] });
    await book.sql('create view of_the_user as select id from trades', 'main');
    expect(await look('main')).toEqual({ zone: 'UTC', warnings: [], dependents: [] });
    await book.sql('drop view of_the_user', 'main');
  });

  test('a book of ours at 1.1 has none: its own objects do not count', async () => {
    expect(await look(await book.bookAt('1.1'))).toEqual({ zone: 'UTC', warnings: [], dependents: [] });
  });
});
