import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import {
  compareCatalogs,
  createBook,
  expectedCatalog,
  LATEST_VERSION,
  mendingSql,
  readCatalog,
} from '../../src/schema/index.js';
import { refusal } from '../harness/book.js';
import { told, useCatalog } from './catalog-ground.js';

const catalog = useCatalog();
const { book, read, differencesOf, freshBook, mend } = catalog;

describe('a book as it was made', () => {
  test.each(['order', 'b_1', 'public', 'nextval'])('%s is as expected', async (name) => {
    if (name === 'public') await book.database.query('drop schema public');
    await createBook(book.database, name);
    expect(await read(name)).toEqual(catalog.expected);
    expect(await differencesOf(name)).toEqual([]);
    expect(mendingSql([], name)).toEqual([]);
  });

  test.each(['1.0', '1.1'] as const)('is as expected at %s too', async (version) => {
    const live = await read(await book.bookAt(version));
    expect(live).toEqual(await expectedCatalog(book.database, version));
    expect(compareCatalogs(catalog.expected, live).some(({ matters }) => matters)).toBe(true);
  });

  test('no definition knows the name of its book, and the history is not part of it', async () => {
    await createBook(book.database, 'nameofthebook');
    const objects = await read('nameofthebook');
    const text = JSON.stringify(objects);
    expect(text).not.toMatch(/nameofthebook/);
    expect(objects.filter(({ name, table }) => [name, table].includes('schema_migrations'))).toEqual([]);
    expect(text).toMatch(/\{book\}/);
  });

  test('reading outside a transaction is refused: the search path would not hold', async () => {
    await expect(readCatalog(book.database, 'main')).rejects.toThrow(/needs a transaction/);
  });

  test('reading what is expected leaves nothing behind', async () => {
    const before = await book.database.query('select nspname from pg_namespace order by 1');
    await expectedCatalog(book.database, '1.1');
    expect(await book.database.query('select nspname from pg_namespace order by 1')).toEqual(before);
  });

  test('a login that may not make a schema is told which right is missing, and where', async () => {
    await book.database.query(
      `do $$ begin create role claire_guest login; exception when duplicate_object or unique_violation then null; end $$`,
    );
    const url = new URL(book.url);
    url.searchParams.set('options', '-c role=claire_guest');
    const guest = new Database({ databaseUrl: url.href, applicationName: 'tests' });
    const error = await refusal(expectedCatalog(guest, LATEST_VERSION));
    await guest.close();
    expect(error.code).toBe('right_missing');
    expect(error.message).toMatch(/claire_guest needs CREATE on database test_\w+/);
  });
});

describe('what does not matter', () => {
  test('what somebody added, be it a law, is listed with nothing that belongs to it', async () => {
    const name = await freshBook();
    await book.sql(
      `create table mine (id bigserial primary key, x text check (x <> ''));
       create index mine_x on mine (x);
       create view "My view" as select * from mine;
       create function mine() returns trigger language plpgsql as 'begin return new; end';
       create aggregate my_sum (numeric) (sfunc = numeric_add, stype = numeric);
       alter table signals add column mine text, add constraint mine_key unique (symbol, mine);
       create trigger mine before insert on signals for each row execute function mine();
       create rule mine as on insert to candles do also select 1`,
      name,
    );
    const differences = await differencesOf(name);
    expect(told(differences)).toEqual([
      'extra table mine',
      'extra column signals.mine',
      'extra constraint signals.mine_key',
      'extra function mine()',
      'extra function my_sum(numeric)',
      'extra view "My view"',
      'extra trigger signals.mine',
      'extra rule candles.mine',
    ]);
    // These can change or swallow rows before a law sees them.
    expect(told(differences.filter(({ matters }) => matters))).toEqual([
      'extra trigger signals.mine',
      'extra rule candles.mine',
    ]);
    expect(await mend(name)).toEqual(
      told(differences).map((one) => one.replace('extra', '-- extra, left alone:')),
    );
  });

  test('the same object under another name is one missing and one extra', async () => {
    const name = await freshBook();
    await book.sql('alter index idx_trades_order_id rename to other', name);
    expect(told(await differencesOf(name))).toEqual([
      'missing index idx_trades_order_id',
      'extra index other',
    ]);
  });

  test('a storage parameter that was tuned does not matter, nor a right that was taken from everybody', async () => {
    const name = await freshBook();
    await book.sql(
      `alter table position_changes set (autovacuum_vacuum_threshold = 500);
       revoke execute on function has_permit(text, text) from public`,
      name,
    );
    const differences = await differencesOf(name);
    expect(told(differences)).toEqual(['different setting position_changes.autovacuum_vacuum_threshold']);
    expect(differences.some(({ matters }) => matters)).toBe(false);
  });

  test('what an extension put into the schema belongs to the extension', async () => {
    const name = await freshBook();
    await book.database.query(`create extension pg_stat_statements schema ${name}`);
    expect(await differencesOf(name)).toEqual([]);
  });
});

const pgDump = '/usr/lib/postgresql/15/bin/pg_dump';
const canDump = existsSync(pgDump) && inject('major') === 15;
if (!canDump)
  process.stderr.write(
    `Not tested: a book that was dumped and restored needs ${pgDump} and a server of 15.\n`,
  );

test.skipIf(!canDump)('a book that was dumped and restored is as it was', async () => {
  const name = await freshBook();
  const dump = execFileSync(pgDump, ['-n', name, book.url], { encoding: 'utf8' });
  await book.database.query(`drop schema ${name} cascade`);
  const options = { input: dump, encoding: 'utf8' } as const;
  execFileSync(pgDump.replace('pg_dump', 'psql'), ['-Xq', '-v', 'ON_ERROR_STOP=1', book.url], options);
  expect(told(await differencesOf(name))).toEqual([]);
});
