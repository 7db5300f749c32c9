import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';
import { closed, oldRows, T, type Table, type Values } from '../harness/old-rows.js';

const book = useBook();
const { insert, insertOld, quarantine, printed, brokenChecks } = oldRows(book);

describe('a row in quarantine', () => {
  const metadata = `'{"exact": 0.1000000000000000000000000000001, "nested": [1.50, null, "NaN"]}'`;

  test.each<[string, Table, Values, string]>([
    ['zeros at the end', 'trades', { quantity: '1.50000000', commission: '0.0' }, ',1.50000000,'],
    ['a microsecond', 'signals', { created_at: `'2024-01-12 15:20:00.000001'` }, ':00.000001'],
    ['profit', 'trades', { ...closed, exit_price: '3.0000', commission: 'null' }, ',3.0000,'],
    ['signs of JSON', 'risk_events', { details: metadata, symbol: `'ü"\\,{}'` }, '1.50'],
  ])('comes back as it was, to the last digit: %s', async (_, table, values, part) => {
    const claire = await book.connect();
    const id = await insert(table, values);
    const before = await printed(table, id);
    expect(before).toContain(part);
    const held = await quarantine(table, id);
    expect(await printed(table, id)).toBeUndefined();
    const released = await claire.releaseQuarantined({ id: held, reason: 'nothing was wrong' });
    expect(released).toEqual({ table_name: table, row_id: id, corrected: 0 });
    expect(await printed(table, id)).toBe(before);
  });

  test('comes back as it was where it is no number and no time, once no law hinders it', async () => {
    const old = await book.bookAt();
    const claire = await book.connect({ book: old });
    for (const law of ['price', 'confidence', 'created_at'])
      await book.sql(`alter table signals drop constraint signals_${law}_check`, old);
    for (const [price, confidence] of [
      ['NaN', 'Infinity'],
      ['-Infinity', 'NaN'],
    ] as const) {
      const bad = { price: `'${price}'`, confidence: `'${confidence}'`, created_at: `'infinity'`, metadata };
      const id = await insert('signals', bad, old);
      const before = await printed('signals', id, old);
      expect(before).toContain(`${price},${confidence}`);
      const held = await quarantine('signals', id, ['signals_price_check'], old);
      const [row] = await claire.quarantined({ state: 'held', law: 'signals_price_check' });
      expect(row).toMatchObject({ id: held, row: { price, confidence, created_at: 'infinity' } });
      await claire.releaseQuarantined({ id: held, reason: 'r' });
      expect(await printed('signals', id, old)).toBe(before);
    }
  });

  test('comes back into a table that has gained and lost columns and stands in another order', async () => {
    const old = await book.bookAt();
    const claire = await book.connect({ book: old });
    const id = await insert('risk_events', { symbol: `'X'` }, old);
    const held = await quarantine('risk_events', id, ['some_law'], old);
    await book.sql(
      `drop view unneeded_risk_events;
       alter table risk_events drop column id, drop column symbol;
       alter table risk_events add column severity numeric, add column id bigserial primary key`,
      old,
    );
    const changes = { severity: '2.50' };
    expect(await claire.releaseQuarantined({ id: held, changes, reason: 'r' })).toMatchObject({
      corrected: 1,
    });
    expect(await book.sql('select id::text, reason, severity::text from risk_events', old)).toEqual([
      { id, reason: 'r', severity: '2.50' },
    ]);
  });

  test('has left positions, and returns into them with what was mended', async () => {
    const claire = await book.connect();
    const of = (symbol: string) => claire.positions({ symbol });
    const open = { symbol: `'POS'`, quantity: '2', entry_price: '10' };
    await insert('trades', open);
    const bad = { ...open, side: `'HOLD'` };
    const laws = ['trades_side_check', 'trades_entry_price_check'];
    const held = await quarantine('trades', await insertOld('trades', laws, bad), laws);
    const other = await quarantine('trades', await insert('trades', open), laws);
    expect(await of('POS')).toMatchObject([{ side: 'BUY', total_quantity: '2', num_trades: 1 }]);
    await claire.releaseQuarantined({ id: held, changes: { side: 'SELL', quantity: '5' }, reason: 'r' });
    await claire.releaseQuarantined({ id: other, reason: 'r' });
    expect(await of('POS')).toMatchObject([
      { side: 'BUY', total_quantity: '4', num_trades: 2 },
      { side: 'SELL', total_quantity: '5', total_value_usd: '50' },
    ]);
    for (const law of laws) await book.sql(`alter table trades validate constraint ${law}`);
    expect(await brokenChecks()).toEqual([]);
  });

  test('is recorded with its laws, its reason and its login, and counted', async () => {
    const claire = await book.connect();
    const before = (await claire.summary()).quarantined;
    const id = await insert('orders', { quantity: '0.10' });
    const held = await quarantine('orders', id, ['one', 'two']);
    const [{ version }] = (await book.sql('select schema_version() as version')) as [{ version: string }];
    expect(await claire.quarantined({ law: 'two' })).toMatchObject([
      {
        id: held,
        table_name: 'orders',
        row_id: id,
        laws: ['one', 'two'],
        state: 'held',
        reason: 'no sure meaning',
        actor: 'postgres',
        version,
        decided_reason: null,
        row: { symbol: 'X', status: 'PENDING', quantity: '0.10', id, timestamp: null },
      },
    ]);
    expect((await claire.summary()).quarantined).toBe(before + 1);
    await claire.discardQuarantined({ id: held, reason: 'a test of the desk' });
    expect((await claire.summary()).quarantined).toBe(before);
    expect(await claire.quarantined({ law: 'two', state: 'discarded', table: 'orders' })).toMatchObject([
      { decided_reason: 'a test of the desk', decided_by: 'postgres', row: { symbol: 'X' } },
    ]);
  });
});

describe('a release', () => {
  test('records each column that differs, profit and times that follow included', async () => {
    const claire = await book.connect();
    await book.sql('alter table trades disable trigger trigger_calculate_pnl');
    const old = { status: `'CLOSED'`, commission: '1', pnl: '7' };
    const id = await insertOld('trades', ['trades_closed_check'], old);
    await book.sql('alter table trades enable trigger trigger_calculate_pnl');
    const held = await quarantine('trades', id);
    const changes = { exit_price: '5', exit_timestamp: String(T) };
    const released = claire.releaseQuarantined({ id: held, changes, reason: 'from the report' });
    expect(await released).toMatchObject({ corrected: 5 });
    const recorded = await claire.corrections({ table: 'trades', row: id });
    expect(recorded.map(({ column_name, before, after }) => [column_name, before, after]).sort()).toEqual([
      ['exit_price', null, '5'],
      ['exit_timestamp', null, String(T)],
      ['pnl', '7.00000000', '4.00000000'],
      ['pnl_net', null, '3.00000000'],
      ['pnl_pct', null, '400.0000'],
    ]);
    expect(new Set(recorded.map(({ law, reason }) => `${law} ${reason}`))).toEqual(
      new Set(['null from the report']),
    );
    await book.sql('alter table trades validate constraint trades_closed_check');
    expect(await brokenChecks()).toEqual([]);
  });

  test('cannot change ids, computed profit, nor columns that do not exist', async () => {
    const claire = await book.connect();
    const held = await quarantine('trades', await insert('trades'));
    for (const changes of [
      { id: '1' },
      { trade_id: 'x' },
      { pnl: '1' },
      { created_at: null },
      { prize: '1' },
    ]) {
      const error = await refusal(claire.releaseQuarantined({ id: held, changes, reason: 'r' }));
      expect(error.law).toBe('corrections_columns');
    }
    expect(await claire.quarantined({ state: 'held', table: 'trades' })).toMatchObject([{ id: held }]);
    await claire.discardQuarantined({ id: held, reason: 'r' });
  });

  test('cannot part a chain', async () => {
    const claire = await book.connect();
    await insert('orders', { order_id: `'chain'`, quantity: '2' });
    const named = { order_id: `'chain'` };
    const held = await quarantine('trades', await insert('trades', named));
    const release = (changes: object) =>
      claire.releaseQuarantined({ id: held, changes: { ...changes }, reason: 'r' });
    expect((await refusal(release({ symbol: 'Y' }))).law).toBe('trades_agree_with_orders');
    expect((await refusal(release({ quantity: '3' }))).law).toBe('corrections_lineage');
    await release({ quantity: '2' });
  });

  test('happens once, and so does a discarding, also where two decide at once', async () => {
    const claire = await book.connect();
    const held = await quarantine('signals', await insert('signals'));
    const decisions = await Promise.allSettled([
      claire.releaseQuarantined({ id: held, reason: 'one' }),
      claire.discardQuarantined({ id: held, reason: 'two' }),
      claire.releaseQuarantined({ id: held, reason: 'three' }),
    ]);
    expect(decisions.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const again of [claire.releaseQuarantined, claire.discardQuarantined]) {
      const error = await refusal(again({ id: held, reason: 'again' }));
      expect(error).toMatchObject({ code: 'quarantine_decided', law: 'quarantine_decided' });
    }
  });

  test('needs a reason and something in quarantine; so does a discarding', async () => {
    const claire = await book.connect();
    const held = await quarantine('signals', await insert('signals'));
    for (const decide of [claire.releaseQuarantined, claire.discardQuarantined]) {
      expect((await refusal(decide({ id: held, reason: ' ' }))).code).toBe('reason_missing');
      expect((await refusal(decide({ id: '999999', reason: 'r' }))).code).toBe('not_found');
      expect((await refusal(decide({ id: 'one', reason: 'r' }))).code).toBe('input_invalid');
    }
    const law = async (call: string) => (await refusal(book.sql(`select ${call}`))).law;
    expect(await law(`release_row(999999, '{}', 'r')`)).toBe('quarantine_row');
    await claire.discardQuarantined({ id: held, reason: 'r' });
  });
});

describe('what goes into quarantine', () => {
  const law = async (statement: string) => (await refusal(book.sql(statement))).law;

  test('is a row that is there, of one of the four tables, with laws and a reason', async () => {
    const id = await insert('signals');
    expect(await law(`select quarantine_row('corrections', 1, '{x}', 'r')`)).toBe('corrections_table');
    expect(await law(`select quarantine_row('signals', 999999, '{x}', 'r')`)).toBe('corrections_row');
    expect(await law(`select quarantine_row('signals', ${id}, '{}', 'r')`)).toBe('quarantine_laws_check');
    expect(await law(`select quarantine_row('signals', ${id}, '{x}', ' ')`)).toBe('quarantine_reason_check');
    expect(await printed('signals', id)).toBeDefined();
  });

  test('is not named by another row, and the refusal says which', async () => {
    await insert('signals', { signal_id: `'first'` });
    const chain = {
      signals: `(select id from signals where signal_id = 'first')`,
      orders: await insert('orders', { order_id: `'second'`, signal_id: `'first'` }),
      trades: await insert('trades', { trade_id: `'third'`, order_id: `'second'` }),
    };
    const text = (table: keyof typeof chain) =>
      `select quarantine_row('${table}', ${chain[table]}, '{x}', 'r')`;
    for (const [table, named] of [
      ['signals', /is named by order second/],
      ['orders', /is named by trade third/],
    ] as const) {
      const error = await refusal(book.sql(text(table)));
      expect(error).toMatchObject({ code: 'row_is_named', law: 'quarantine_lineage' });
      expect(error.message).toMatch(named);
    }
    await book.sql(`create table of_the_user (signal_id varchar references signals (signal_id))`);
    for (const table of ['trades', 'orders'] as const) await book.sql(text(table));
    await book.sql(`insert into of_the_user values ('first')`);
    expect((await refusal(book.sql(text('signals')))).message).toContain('table "of_the_user"');
    await book.sql('drop table of_the_user');
    await book.sql(text('signals'));
  });

  test('takes no permit with it beyond its own row', async () => {
    const id = await insert('trades');
    const both = book.database.transaction(async (t) => {
      await t.query('set local search_path to main');
      await t.query(`select quarantine_row('trades', ${id}, '{x}', 'r')`);
      await t.query('delete from trades');
    });
    expect((await refusal(both)).law).toBe('removal_needs_a_permit');
  });

  test('stays there, and changes by decisions only', async () => {
    const held = await quarantine('risk_events', await insert('risk_events'));
    const set = (changes: string) => law(`update quarantine set ${changes} where id = ${held}`);
    expect(await set(`row = '{}'`)).toBe('recorded_rows_are_final');
    expect(await set(`state = 'released'`)).toBe('recorded_rows_are_final');
    expect(await law('delete from quarantine')).toBe('removal_needs_a_permit');
    expect(await law('truncate quarantine')).toBe('removal_needs_a_permit');
    // Also with a permit no decision is half made.
    const permitted = (changes: string) =>
      law(`begin; insert into permits (table_name, action, reason) values ('quarantine', 'correct', 'r');
           update quarantine set ${changes} where id = ${held}`);
    expect(await permitted(`state = 'released'`)).toBe('quarantine_decision_check');
    expect(await permitted(`decided_reason = 'r'`)).toBe('quarantine_decision_check');
    expect(
      await permitted(`state = 'gone', decided_reason = 'r', decided_by = 'x', decided_at = now()`),
    ).toBe('quarantine_state_check');
    expect(await permitted(`table_name = 'permits'`)).toBe('quarantine_table_name_check');
  });
});
