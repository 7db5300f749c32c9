import { describe, expect, inject, test } from 'vitest';
import { identifier } from '../../src/database/index.js';
import { refusal } from '../harness/book.js';
import { told, useCatalog } from './catalog-ground.js';
import { damages } from './damages.js';

const is15 = inject('major') === 15;
if (is15)
  process.stderr.write(
    'On PostgreSQL 15 a schema is damaged in every way at once only: one by one takes its time.\n',
  );

const catalog = useCatalog();
const { book, read, differencesOf, freshBook, mend } = catalog;

describe('what was damaged is named, and the statements that are printed mend it', () => {
  /** A book that was mended is as it was made, which the last line of each test says: the next one damages it again. */
  let whole: string | undefined;

  test.skipIf(is15).each(damages)('%s', async (_, sql, said) => {
    const name = whole ?? (await freshBook());
    whole = undefined;
    await book.sql(sql, name);
    const differences = await differencesOf(name);
    expect(told(differences)).toEqual(said);
    expect(differences.every(({ matters, state }) => matters === (state !== 'extra'))).toBe(true);
    await mend(name);
    expect(told(await differencesOf(name))).toEqual([]);
    expect(await read(name)).toEqual(catalog.expected);
    whole = name;
  });

  test('everything that can be broken together is mended together', async () => {
    const name = await freshBook();
    for (const [damage, sql] of damages)
      if (!/views|materialized|on which much/.test(damage)) await book.sql(sql, name).catch(() => {});
    expect((await differencesOf(name)).length).toBeGreaterThan(25);
    await mend(name);
    expect(told(await differencesOf(name))).toEqual([]);
  });

  test('out of an empty schema a whole book is made', async () => {
    const name = 'out_of_nothing';
    await book.database.query(`create schema ${identifier(name)}`);
    await mend(name);
    expect(await read(name)).toEqual(catalog.expected);
  });

  test('a column that must not be null waits for its rows to be filled, and is then mended', async () => {
    const name = await freshBook();
    await book.sql(
      `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', 1705072800000);
       alter table risk_events drop column reason`,
      name,
    );
    await refusal(mend(name));
    await refusal(mend(name));
    await book.sql(
      `alter table risk_events disable trigger user; update risk_events set reason = 'r'; alter table risk_events enable trigger user`,
      name,
    );
    await mend(name);
    expect(await read(name)).toEqual(catalog.expected);
  });

  test('a sequence that was lost begins behind the rows that it numbered', async () => {
    const name = await freshBook();
    const insert = `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', 1705072800000)`;
    for (let row = 0; row < 3; row++) await book.sql(insert, name);
    await book.sql('drop sequence risk_events_id_seq cascade', name);
    await mend(name);
    expect(await book.sql(`${insert} returning id`, name)).toEqual([{ id: 4 }]);
  });

  test('a value that does not fit is refused, not cut', async () => {
    const name = await freshBook();
    await book.sql(
      `alter table risk_events alter column symbol type text;
       insert into risk_events (event_type, reason, symbol, timestamp)
       values ('signal_rejected', 'r', repeat('X', 21), 1705072800000)`,
      name,
    );
    expect((await refusal(mend(name))).code).toBe('value_unusable');
  });
});

const canBeNotValid = inject('major') >= 18;
if (!canBeNotValid)
  process.stderr.write('NOT NULL is never NOT VALID before PostgreSQL 18: nothing to test here.\n');

test.skipIf(!canBeNotValid)('a NOT NULL that is not valid is named and mended', async () => {
  const name = await freshBook();
  await book.sql(
    `alter table signals alter column price drop not null;
     alter table signals add constraint mine not null price not valid`,
    name,
  );
  expect(told(await differencesOf(name))).toEqual(['invalid column signals.price']);
  await mend(name);
  expect(await read(name)).toEqual(catalog.expected);
});
