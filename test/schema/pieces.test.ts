import { describe, expect, test } from 'vitest';
import { LATEST_VERSION, VERSIONS, type Version } from '../../src/schema/index.js';
import { COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS } from '../../src/schema/objects.js';
import { SEED_COLUMNS } from '../../src/schema/seed-tables.js';
import { useBook } from '../harness/book.js';

const book = useBook();
const at = (version: Version, since: Version) => VERSIONS.indexOf(since) <= VERSIONS.indexOf(version);

describe('the lists of pieces', () => {
  const inBook = (name: string, column: string, table: string, condition = '') =>
    book.sql<{ name: string; on: string }>(
      `select x.${column}::text as name, c.relname::text as on from ${table} as x
       join pg_class c on c.oid = x.${table === 'pg_trigger' ? 'tgrelid' : 'conrelid'}
       where c.relnamespace = current_schema()::regnamespace ${condition} order by 1, 2`,
      name,
    );
  const indexes = (name: string) =>
    book.sql<{ name: string; on: string }>(
      `select i.relname::text as name, c.relname::text as on
       from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
       where c.relnamespace = current_schema()::regnamespace and c.relname <> 'schema_migrations'
         and not exists (select from pg_constraint where conindid = i.oid) order by 1, 2`,
      name,
    );
  const listed = (pieces: readonly { name: string; on: string; since: Version }[], version: Version) =>
    pieces
      .filter(({ since }) => at(version, since))
      .map(({ name, on }) => ({ name, on }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const kinds = [
    [
      'constraints',
      CONSTRAINTS,
      (name: string) =>
        inBook(
          name,
          'conname',
          'pg_constraint',
          `and x.contype in ('c', 'f', 'u', 'p', 'x') and c.relname <> 'schema_migrations'`,
        ),
    ],
    ['indexes', INDEXES, indexes],
    ['triggers', TRIGGERS, (name: string) => inBook(name, 'tgname', 'pg_trigger', 'and not x.tgisinternal')],
  ] as const;

  test.each(['1.0', '1.1'] as const)(
    'at %s are what the catalog holds, no more and no less',
    async (version) => {
      const name = await book.bookAt(version);
      for (const [what, pieces, ofCatalog] of kinds) {
        expect(await ofCatalog(name), what).toEqual(listed(pieces, version));
      }
    },
  );

  test('stand at the newest version too', async () => {
    for (const [what, pieces, ofCatalog] of kinds) {
      expect(await ofCatalog('main'), what).toEqual(expect.arrayContaining(listed(pieces, LATEST_VERSION)));
    }
  });

  test('have the columns of the seed first in their types, at the newest version last', async () => {
    const columns = async (name: string) =>
      book.sql<{ label: string; type: string }>(
        `select c.relname || '.' || a.attname as label, format_type(a.atttypid, a.atttypmod) as type
         from pg_attribute a join pg_class c on c.oid = a.attrelid
         where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and a.attnum > 0
           and c.relname = any ('{${Object.keys(SEED_COLUMNS).join(',')}}') and not a.attisdropped
         order by 1`,
        name,
      );
    const wanted = (which: 0 | -1) =>
      Object.entries(SEED_COLUMNS)
        .flatMap(([table, all]) =>
          Object.entries(all).map(([name, { types }]) => ({
            label: `${table}.${name}`,
            type: types.at(which)!,
          })),
        )
        .sort((a, b) => (a.label < b.label ? -1 : 1));
    expect((await columns(await book.bookAt('1.1'))).sort((a, b) => (a.label < b.label ? -1 : 1))).toEqual(
      wanted(0),
    );
    const newest = await columns('main');
    expect(newest).toEqual(expect.arrayContaining(wanted(-1)));
    const labels = newest.map(({ label }) => label);
    expect(labels).toEqual(expect.arrayContaining(COLUMNS.map(({ name, on }) => `${on}.${name}`)));
  });
});
