import { afterEach, describe, expect, test } from 'vitest';
import { deadRowsOver } from '../../src/doctor/checks/dead-rows.js';
import { indexBloatOver } from '../../src/doctor/checks/index-bloat.js';
import { tableBloatOver } from '../../src/doctor/checks/table-bloat.js';
import { migrate } from '../../src/schema/index.js';
import { useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { waitFor } from '../harness/wait.js';
import { ask, mend } from './ground.js';

const book = useBook();

const LIMITS = { bytes: 1_000_000, unused: 0.5, unused_bytes: 1_000_000 };
const tables = tableBloatOver(LIMITS);
const indexes = indexBloatOver(LIMITS);

afterEach(async () => {
  await book.sql('drop table if exists notes');
});

/** What a session has changed is counted when it has nothing else to do, unless it is asked to. */
const counted = (text: string) => book.sql(`${text}; select pg_stat_force_next_flush()`);

/** Autovacuum would come between what is planted and what is asked. */
const fill = (rows: number) =>
  counted(`create table notes (id bigint, text text, price numeric) with (autovacuum_enabled = off);
    create index notes_id on notes (id);
    insert into notes select n, 'a note of some length ' || n, n / 7.0 from generate_series(1, ${rows}) n`);

/** Somebody's snapshot, autovacuum's too, may keep dead rows for a moment: then it is done again. */
const soonAfter = <T>(work: () => Promise<unknown>, seen: () => Promise<T>): Promise<T> =>
  waitFor(
    async () => {
      await work();
      return seen();
    },
    { timeout: 20_000 },
  );

describe('room', () => {
  test('a table whose rows are gone is found by the room that it keeps, and a person decides', async () => {
    await fill(50_000);
    await book.sql('vacuum (analyze) notes');
    expect((await ask(book, tables)).result).toBe('ok');
    await book.sql('delete from notes where id % 10 <> 0');
    const found = await soonAfter(
      () => book.sql('vacuum (analyze, truncate false) notes'),
      async () => {
        const asked = await ask(book, tables);
        expect(asked).toMatchObject({ result: 'warn', evidence: [{ table: 'notes' }] });
        return asked;
      },
    );
    expect(found.evidence[0]!.unused_percent).toBeGreaterThan(80);
    expect(found.remedy).toEqual({ decide: expect.stringContaining('`vacuum (full) "main".notes`') });
    await soonAfter(
      () => book.sql('vacuum (full, analyze) notes'),
      async () => expect((await ask(book, tables)).result).toBe('ok'),
    );
  });

  test('an estimate of full pages is near the truth, with nulls and expressions too', async () => {
    await fill(0);
    await book.sql(`insert into notes select n, case when n % 3 > 0 then 'a note of some length ' || n end, n / 7.0
      from generate_series(1, 50000) n; create index notes_text on notes (lower(text), id);
      reindex index notes_id; analyze notes`);
    const close = { bytes: 1_000_000, unused: 0.1, unused_bytes: 100_000 };
    expect(await ask(book, tableBloatOver(close))).toMatchObject({ result: 'ok', evidence: [] });
    expect((await ask(book, indexBloatOver({ ...close, unused: 0.2 }))).result).toBe('ok');
  });

  test('an index whose entries are gone is found, and built again', async () => {
    await fill(50_000);
    await book.sql('vacuum (analyze) notes');
    expect((await ask(book, indexes)).result).toBe('ok');
    await book.sql('delete from notes where id % 10 <> 0');
    const found = await soonAfter(
      () => book.sql('vacuum (analyze) notes'),
      async () => {
        const asked = await ask(book, indexes);
        expect(asked).toMatchObject({ result: 'warn', evidence: [{ name: 'notes_id', table: 'notes' }] });
        return asked;
      },
    );
    await mend(book, found);
    expect((await ask(book, indexes)).result).toBe('ok');
  });

  test('whoever may not see the statistics is told so', async () => {
    await fill(50_000);
    await book.sql('vacuum notes');
    const found = await ask(book, tables);
    expect(found).toMatchObject({ result: 'skipped' });
    expect(found.sentence).toMatch(/^notes: there are no statistics that \w+ may see; it takes SELECT/);
  });
});

describe('dead rows', () => {
  const dead = deadRowsOver({ times: 2, rows: 1000 });

  test('a table that autovacuum does not come to is found, and vacuumed', async () => {
    await fill(20_000);
    await soonAfter(
      () => book.sql('vacuum (analyze) notes'),
      async () => expect((await ask(book, dead)).result).toBe('ok'),
    );
    await counted('delete from notes where id % 2 = 0');
    const found = await waitFor(async () => {
      const asked = await ask(book, dead);
      expect(asked.result).toBe('warn');
      return asked;
    });
    expect(found.evidence).toMatchObject([
      { table: 'notes', dead_rows: 10_000, autovacuum_at_dead_rows: 4050, autovacuum: false },
    ]);
    expect(found.sentence).toMatch(/^notes \(10,000 dead rows, vacuumed 20\S+, autovacuum is off for it\)/);
    await soonAfter(
      () => mend(book, found),
      async () => expect((await ask(book, dead)).result).toBe('ok'),
    );
  });

  test("a table's own settings say when autovacuum comes to it", async () => {
    await fill(20_000);
    await book.sql('vacuum (analyze) notes');
    await book.sql(`alter table notes set (autovacuum_vacuum_threshold = 9000, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_insert_threshold = -1)`);
    await counted('delete from notes where id % 2 = 0');
    await counted(`insert into notes select n from generate_series(1, 50000) n`);
    const standing = async () => {
      const [row] = await book.sql<{ dead: number; inserted: number }>(
        `select n_dead_tup::int as dead, n_ins_since_vacuum::int as inserted from pg_stat_user_tables where relname = 'notes'`,
      );
      return row;
    };
    await waitFor(async () => expect(await standing()).toEqual({ dead: 10_000, inserted: 50_000 }));
    expect((await ask(book, dead)).result).toBe('ok');
    await book.sql('alter table notes reset (autovacuum_vacuum_insert_threshold)');
    const found = await ask(book, dead);
    expect(found).toMatchObject({ result: 'warn', evidence: [{ table: 'notes', inserted_rows: 50_000 }] });
    await soonAfter(
      () => mend(book, found),
      async () => expect((await ask(book, dead)).result).toBe('ok'),
    );
  });

  test('a table of many rows that was never analyzed is found, and analyzed', async () => {
    await fill(5000);
    await book.sql('vacuum notes');
    const found = await waitFor(async () => {
      const asked = await ask(book, dead);
      expect(asked).toMatchObject({ result: 'warn', evidence: [{ table: 'notes', last_analyze: null }] });
      return asked;
    });
    expect(found.remedy).toEqual({ fix: ['analyze "main"."notes"'] });
    await soonAfter(
      () => mend(book, found),
      async () => expect((await ask(book, dead)).result).toBe('ok'),
    );
  });
});

describe('sequences', () => {
  test('a sequence that gives less than its column takes is widened', async () => {
    expect((await ask(book, 'sequences')).result).toBe('ok');
    await book.sql(`alter sequence orders_id_seq as integer; select setval('orders_id_seq', 1200000000)`);
    const found = await ask(book, 'sequences');
    expect(found).toMatchObject({
      result: 'warn',
      evidence: [{ sequence: 'orders_id_seq', column: 'orders.id', largest: 2147483647, used_percent: 55.9 }],
    });
    await book.sql(`select setval('orders_id_seq', 2100000000)`);
    const late = await ask(book, 'sequences');
    expect(late.result).toBe('fail');
    await mend(book, late);
    expect((await ask(book, 'sequences')).result).toBe('ok');
  });

  test('where the column itself is at its end a person decides', async () => {
    await book.sql(`create table notes (id serial); select setval('notes_id_seq', 2000000000)`);
    expect(await ask(book, 'sequences')).toMatchObject({
      result: 'fail',
      evidence: [{ sequence: 'notes_id_seq', column: 'notes.id', type: 'integer' }],
      remedy: { decide: expect.stringContaining('notes.id') },
    });
  });

  test('a book that somebody made by hand gets wider ids by a migration', async () => {
    await book.sql('create schema old');
    for (const statement of byHand('1.0')) await book.sql(statement, 'old');
    await book.sql(`select setval('signals_id_seq', 1500000000)`, 'old');
    const found = await ask(book, 'sequences', { book: 'old' });
    expect(found).toMatchObject({
      result: 'warn',
      evidence: [{ column: 'signals.id', type: 'integer' }],
      remedy: { command: 'claire migrate --book old' },
    });
    await migrate(book.database, 'old');
    expect((await ask(book, 'sequences', { book: 'old' })).result).toBe('ok');
  });
});
