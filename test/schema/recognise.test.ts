import { describe, expect, test } from 'vitest';
import type { Queryable } from '../../src/database/index.js';
import {
  describeState,
  LATEST_VERSION,
  listBooks,
  listHandMade,
  migrate,
  recognise,
} from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand, PIECES_BY_HAND, TABLES_BY_HAND } from '../harness/hand-made.js';
import { useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf } = useSchemas(book);
const see = async (...statements: string[]) => recognise(book.database, await schemaOf(...statements));

describe('without a history', () => {
  test('nothing is nothing, whether the schema is there or not', async () => {
    const nowhere = await recognise(book.database, 'nowhere');
    expect(nowhere).toMatchObject({ exists: false, version: undefined, handMade: false, inTheWay: [] });
    expect(describeState(nowhere)).toBe('There is no schema nowhere.');
    const empty = await see('create table of_the_user (x text)');
    expect(empty).toMatchObject({ exists: true, version: undefined, handMade: false, inTheWay: [] });
    expect(describeState(empty)).toBe(`Schema ${empty.book} holds no book.`);
  });

  test('the four tables are a 1.0; columns, tables and indexes of the user do not matter', async () => {
    const state = await see(
      ...byHand('1.0'),
      'alter table trades add column note text',
      'create table of_the_user (x text)',
      'create index of_the_user_too on trades (symbol)',
    );
    expect(state).toMatchObject({
      version: '1.0',
      handMade: true,
      unfinished: false,
      inTheWay: [],
      applied: [],
    });
    expect(state.pieces).toBeUndefined();
    expect(describeState(state)).toBe(`Schema ${state.book} holds a hand-made 1.0, without a history.`);
  });

  test('all pieces of 1.1 are a 1.1', async () => {
    expect(await see(...byHand('1.1'))).toMatchObject({ version: '1.1', handMade: true, inTheWay: [] });
  });

  test.each(Object.keys(PIECES_BY_HAND))(
    'without %s it is a 1.0 with pieces, and the piece is named',
    async (piece) => {
      const follows: Record<string, string[]> = {
        'calculate_pnl()': ['trigger_calculate_pnl'],
        positions_realtime: ['idx_positions_realtime_symbol_side'],
        materialized_view_refreshes: ['materialized_view_refreshes_pkey'],
      };
      const gone = [piece, ...(follows[piece] ?? [])];
      const state = await see(...byHand('1.1', gone));
      expect(state).toMatchObject({
        version: '1.0',
        handMade: true,
        inTheWay: [],
        pieces: { version: '1.1' },
      });
      expect([...state.pieces!.missing].sort()).toEqual(gone.sort());
      expect(state.pieces!.present).toHaveLength(21 - gone.length);
      expect(describeState(state)).toContain(`1.0 with ${21 - gone.length} of 21 pieces of 1.1; missing: `);
    },
  );

  test('an invalid index is none', async () => {
    const state = await see(
      ...byHand('1.1', ['idx_signals_symbol_timestamp']),
      `insert into signals (signal_id, symbol, side, price, confidence, timestamp) values ('a', 'X', 'BUY', 1, 1, 1)`,
    );
    // Built concurrently over a row on which its expression fails: it stays behind as invalid.
    await refusal(
      book.sql(
        'create index concurrently idx_signals_symbol_timestamp on signals ((1 / (timestamp - 1)))',
        state.book,
      ),
    );
    const after = await recognise(book.database, state.book);
    expect(after.pieces?.missing).toEqual(['idx_signals_symbol_timestamp (invalid)']);
  });

  test('a constraint or trigger of another table is not the piece', async () => {
    const state = await see(
      ...byHand('1.1', ['orders_quantity_check', 'trigger_calculate_pnl']),
      'alter table signals add constraint orders_quantity_check check (price > 0)',
      'create trigger trigger_calculate_pnl before insert on orders for each row execute function calculate_pnl()',
    );
    expect(state.pieces?.missing).toEqual(['orders_quantity_check', 'trigger_calculate_pnl']);
  });

  test('1.2 whose history was lost is a 1.2, and is worked on only when it has one again', async () => {
    const name = await book.bookAt('1.2');
    await book.sql('drop table schema_migrations', name);
    const state = await recognise(book.database, name);
    expect(state).toMatchObject({ version: '1.2', handMade: true, inTheWay: [] });
    expect(await refusal(book.connect({ book: name }))).toMatchObject({
      code: 'schema_without_history',
      message: expect.stringContaining('hand-made 1.2'),
      remedy: expect.stringContaining('claire migrate'),
    });
  });

  test('a part of 1.2 is not taken over: what its steps have done to the rows cannot be seen', async () => {
    const name = await book.bookAt('1.2');
    await book.sql('drop table schema_migrations', name);
    await book.sql('drop table candles', name);
    const state = await recognise(book.database, name);
    expect(state).toMatchObject({ version: '1.1', handMade: true });
    expect(state.inTheWay).toEqual([
      expect.stringMatching(
        /^\d+ pieces of 1\.2 stand here without its history, and are not whole; missing: candles$/,
      ),
    ]);
  });

  test('the indexes of 1.3 are made as those of 1.1 are, whichever of them stand', async () => {
    const name = await book.bookAt('1.3');
    await book.sql('drop table schema_migrations', name);
    await book.sql('drop index idx_trades_exit_timestamp', name);
    const state = await recognise(book.database, name);
    expect(state).toMatchObject({ version: '1.2', handMade: true, inTheWay: [] });
    expect(state.pieces).toMatchObject({ version: '1.3', missing: ['idx_trades_exit_timestamp'] });
    expect(await migrate(book.database, name)).toMatchObject({ version: LATEST_VERSION, handMade: false });
  });

  test('a history without a row is that of a migration killed at its beginning', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await book.sql(
      'create table schema_migrations (number integer, name text, version text, hash text, duration_ms integer)',
      name,
    );
    expect(await recognise(book.database, name)).toMatchObject({
      version: '1.0',
      handMade: true,
      inTheWay: [],
    });
  });
});

describe('in the way', () => {
  test.each<[string, string[], RegExp]>([
    [
      'a foreign signals',
      ['create table signals (id int, note text)'],
      /^table signals has no columns signal_id, symbol.*; there is no table orders/,
    ],
    ['three of four', TABLES_BY_HAND.slice(0, 3), /^there is no table risk_events$/],
    [
      'a missing column',
      [...TABLES_BY_HAND, 'alter table signals drop column confidence'],
      /^table signals has no column confidence$/,
    ],
    [
      'a float',
      [...TABLES_BY_HAND, 'alter table signals alter price type float'],
      /^signals\.price is double precision, not numeric\(20,8\) or numeric$/,
    ],
    [
      'times with zone',
      [...TABLES_BY_HAND, 'alter table orders alter created_at type timestamptz'],
      /^orders\.created_at is timestamp with time zone, not timestamp without time zone$/,
    ],
    [
      'missing not null',
      [...TABLES_BY_HAND, 'alter table trades alter quantity drop not null'],
      /^trades\.quantity may be null and must not$/,
    ],
    [
      'an identity',
      [
        ...TABLES_BY_HAND.slice(0, 3),
        TABLES_BY_HAND[3]!.replace('serial', 'integer generated always as identity'),
      ],
      /^risk_events\.id is an identity column, not integer or bigint$/,
    ],
    [
      'no sequence',
      [...TABLES_BY_HAND, 'alter table trades alter id drop default', 'drop sequence trades_id_seq'],
      /^trades\.id does not own a sequence trades_id_seq/,
    ],
    [
      'no primary key',
      [...TABLES_BY_HAND, 'alter table trades drop constraint trades_pkey'],
      /^table trades has no constraint trades_pkey$/,
    ],
    [
      'a view',
      [
        ...TABLES_BY_HAND,
        'alter table risk_events rename to elsewhere',
        'create view risk_events as select * from elsewhere',
      ],
      /^risk_events is a view, not an ordinary table$/,
    ],
    [
      'partitions',
      [
        ...TABLES_BY_HAND.slice(0, 3),
        'create table risk_events (id serial, at date) partition by range (at)',
      ],
      /^risk_events is a partitioned table, not an ordinary table$/,
    ],
    [
      'a child',
      [...TABLES_BY_HAND, 'create table more () inherits (signals)'],
      /^signals is a table with inheritance, not an ordinary table$/,
    ],
    [
      'an unlogged table',
      [...TABLES_BY_HAND, 'alter table risk_events set unlogged'],
      /^risk_events is an unlogged table/,
    ],
  ])('%s is named with what is expected', async (_, statements, sentence) => {
    const state = await see(...statements);
    expect(state).toMatchObject({ version: undefined, handMade: false, pieces: undefined });
    expect(state.inTheWay.join('; ')).toMatch(sentence);
    expect(describeState(state)).toContain('In the way: ');
    expect((await refusal(migrate(book.database, state.book))).code).toBe('schema_unrecognised');
  });

  test.each<[string, string, string]>([
    [
      'a table of a later name',
      'create table candles (mine text)',
      'candles is a name of 1.2, and whose it is cannot be told',
    ],
    ['a table for a view', 'create table positions (mine text)', 'positions is a table, not a view'],
    [
      'a view for a materialized one',
      'create view positions_realtime as select 1 as x',
      'positions_realtime is a view, not a materialized view',
    ],
    [
      'other columns',
      'create table materialized_view_refreshes (view_name text primary key)',
      'table materialized_view_refreshes has no column last_refresh',
    ],
    [
      'an index of that name on another table',
      'create index idx_orders_status_created on trades (status)',
      'idx_orders_status_created is an index of another table, not an index on orders',
    ],
    [
      'a column of a later name',
      'alter table trades add column trade_id uuid',
      'trades.trade_id is a name of 1.2, and whose it is cannot be told',
    ],
    [
      'a function',
      `create function has_permit(text, text) returns int language sql as 'select 1'`,
      'has_permit(text, text) is a name of 1.2, and whose it is cannot be told',
    ],
    [
      'a history of others',
      'create table schema_migrations (version text)',
      "schema_migrations is not Claire's history",
    ],
  ])('on a hand-made book: %s', async (_, statement, sentence) => {
    const state = await see(...TABLES_BY_HAND, statement);
    expect(state).toMatchObject({ version: '1.0', handMade: true, inTheWay: [sentence] });
  });

  test('without any of the four tables the names alone', async () => {
    const state = await see(
      'create table candles (mine text)',
      `create function has_permit(text, text) returns int language sql as 'select 1'`,
    );
    expect(state).toMatchObject({ handMade: false, inTheWay: ['candles', 'has_permit(text, text)'] });
  });
});

describe('books and schemas', () => {
  test('a book with history costs two questions', async () => {
    let asked = 0;
    const counting: Queryable = {
      query: (text, values) => {
        asked++;
        return book.database.query(text, values);
      },
    };
    expect(await recognise(counting, 'main')).toMatchObject({ version: LATEST_VERSION, handMade: false });
    expect(asked).toBe(2);
  });

  test('made by hand and made by us are listed apart, public too', async () => {
    const name = await schemaOf(...byHand('1.1'));
    for (const statement of TABLES_BY_HAND) await book.sql(statement, 'public');
    const handMade = await listHandMade(book.database);
    expect(handMade.find((state) => state.book === name)).toMatchObject({ version: '1.1', handMade: true });
    expect(handMade.find((state) => state.book === 'public')).toMatchObject({ version: '1.0' });
    expect(handMade.map((state) => state.book)).not.toContain('main');
    expect((await listBooks(book.database)).map((state) => state.book)).not.toContain(name);
    await book.database.query('drop table public.signals, public.orders, public.trades, public.risk_events');
  });

  test('what stands in a book of ours is said in words', async () => {
    expect(describeState(await recognise(book.database, 'main'))).toBe(
      `Book main stands at ${LATEST_VERSION}.`,
    );
    const name = await book.bookAt('1.1');
    const row = (number: number, version: string) =>
      `insert into schema_migrations (number, name, version, hash, duration_ms) values (${number}, 'x', '${version}', '', 0)`;
    await book.sql(row(98, '1.2'), name);
    expect(describeState(await recognise(book.database, name))).toMatch(
      /stands at 1\.1; 1\.2 was begun and not/,
    );
    await book.sql(row(99, '9.9'), name);
    expect(describeState(await recognise(book.database, name))).toMatch(/stands at 9\.9; this program knows/);
  });
});
