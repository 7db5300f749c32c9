import { describe, expect, inject, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import {
  differencesFrom,
  LATEST_VERSION,
  migrate,
  readCatalog,
  readMigrations,
  recognise,
} from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { holdOpen } from '../harness/hold.js';
import { checksums, fillWithOldRows } from '../harness/old-data.js';
import { useSchemas } from './by-hand.js';

const is15 = inject('major') === 15;
if (is15)
  process.stderr.write(
    'Skipped on PostgreSQL 15: a cut after each step, which takes its time and is the same there.\n',
  );

const book = useBook();
const { schemaOf, withLogin } = useSchemas(book);

const catalogOf = (name: string) => book.database.transaction((t) => readCatalog(t, name));
/** What differs from the released schema, as short as it can be read. */
const differences = async (name: string) =>
  (await differencesFrom(book.database, name, LATEST_VERSION)).map(
    ({ state, kind, name: what }) => `${state} ${kind} ${what}`,
  );

async function verified(name: string): Promise<void> {
  const claire = await book.connect({ book: name });
  expect((await claire.verify()).filter(({ broken }) => broken > 0)).toEqual([]);
}

describe('whatever stands there, the same catalog comes of it', () => {
  test.each([
    ['1.0 by hand, large', byHand('1.0'), 12_000],
    ['1.0 by hand, small', byHand('1.0'), 50],
    ['1.1 by hand', byHand('1.1'), 12_000],
    [
      '1.1 by hand without most',
      byHand('1.1', [
        'signals_price_check',
        'positions_realtime',
        'idx_positions_realtime_symbol_side',
        'trigger_calculate_pnl',
        'materialized_view_refreshes',
      ]),
      50,
    ],
    ['1.1 by hand without rows', byHand('1.1'), 0],
  ])('%s', async (_, statements, rows) => {
    const name = await schemaOf(...statements);
    if (rows > 0) await fillWithOldRows(book, name, rows);
    const before = await checksums(book, name);
    expect((await migrate(book.database, name)).broken).toEqual([]);
    expect(await differences(name)).toEqual([]);
    expect(await catalogOf(name)).toEqual(await catalogOf('main'));
    expect(await checksums(book, name)).toEqual(before);
    await verified(name);
    expect(await migrate(book.database, name)).toMatchObject({ validated: [], broken: [] });
  });

  test.each(['1.2', '1.3'] as const)('a %s whose history was lost gets it back', async (version) => {
    const name = await book.bookAt(version);
    await book.sql('drop table schema_migrations', name);
    expect(await recognise(book.database, name)).toMatchObject({ handMade: true, version });
    await migrate(book.database, name);
    expect(await recognise(book.database, name)).toMatchObject({ handMade: false, version: LATEST_VERSION });
    expect(await differences(name)).toEqual([]);
  });

  test('a large table whose id was widened by hand gets the rest', async () => {
    const name = await schemaOf(...byHand('1.0'), 'alter table signals alter column id type bigint');
    await fillWithOldRows(book, name);
    await migrate(book.database, name);
    expect(await differences(name)).toEqual([]);
  });
});

describe('an interruption', () => {
  test.skipIf(is15)('after every sixth step in turn changes neither what comes of it nor a row', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name);
    const before = await checksums(book, name);
    const done = new Set<string>();
    let cuts = 0;
    // Each run is cut after the sixth step that no run before it has done. bench/kill-each-step.js ends a process after
    // each one, on a copy of its own.
    for (;;) {
      let isCut = false;
      const run = migrate(book.database, name, {
        afterStep: ({ statements }) => {
          const step = statements.join(';');
          if (done.has(step)) return;
          done.add(step);
          if (done.size % 6 !== 0) return;
          isCut = true;
          throw new Error('cut');
        },
      });
      await run.catch((error: Error) => expect(error.message).toBe('cut'));
      if (!isCut) break;
      cuts++;
    }
    expect(cuts).toBeGreaterThan(20);
    expect(await differences(name)).toEqual([]);
    expect(await checksums(book, name)).toEqual(before);
    await verified(name);
  });

  test('by a lost connection in the midst of a batch or an index is made good by the next run', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name);
    const before = await checksums(book, name);
    const lost = new Database({ databaseUrl: book.url, applicationName: 'to be lost', connections: 2 });
    const killer = setInterval(() => {
      const kill = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be lost'`;
      book.database.query(kill).catch(() => {});
    }, 150);
    let losses = 0;
    for (; losses < 30; losses++) {
      const ended = await migrate(lost, name).then(
        () => true,
        () => false,
      );
      if (ended) break;
    }
    clearInterval(killer);
    await lost.close();
    expect(losses).toBeGreaterThan(0);
    await migrate(book.database, name);
    expect(await differences(name)).toEqual([]);
    expect(await checksums(book, name)).toEqual(before);
  });

  test('of an index that was built beside writers leaves an invalid one, which is found and built again', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, 50);
    await book.sql('create index idx_signals_symbol_timestamp on signals (symbol, timestamp desc)', name);
    await book.database.query(
      `update pg_index set indisvalid = false where indexrelid = '${name}.idx_signals_symbol_timestamp'::regclass`,
    );
    await migrate(book.database, name);
    expect(await differences(name)).toEqual([]);
  });

  test('ends the statement that it is at', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, 50);
    const ending = new AbortController();
    const held = await hold(`select 1 from ${name}.signals`);
    const run = migrate(book.database, name, {
      signal: ending.signal,
      onNotice: () => ending.abort(),
    });
    await expect(run).rejects.toThrow();
    await held();
    expect((await migrate(book.database, name)).version).toBe(LATEST_VERSION);
  });
});

const hold = (statement: string, begin = 'begin') =>
  holdOpen(book.database, [statement], { begin, end: 'rollback' });

describe('others in the database', () => {
  test('who holds a table delays the migration, is named, and does not fail it', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, 50);
    const release = await hold(`lock table ${name}.trades in access share mode`);
    const notices: string[] = [];
    const run = migrate(book.database, name, {
      onNotice: (sentence) => {
        notices.push(sentence);
        if (/trades is held by session \d+ of postgres \(tests\) with an open transaction/.test(sentence))
          release();
      },
    });
    expect((await run).version).toBe(LATEST_VERSION);
    expect(notices.join(' ')).toMatch(/trades is held by session \d+ of postgres/);
  });

  test('an old snapshot delays the migration, is named, and does not fail it', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, 50);
    const release = await hold('select 1', 'begin isolation level repeatable read');
    const notices: string[] = [];
    const notes = new Set<string | undefined>();
    const run = migrate(book.database, name, {
      onProgress: ({ note }) => notes.add(note),
      onNotice: (sentence) => {
        notices.push(sentence);
        if (/^Waiting for session/.test(sentence)) release();
      },
    });
    expect((await run).version).toBe(LATEST_VERSION);
    // The phase of the index that waits, and rows of what is done in batches and examined.
    expect([...notes].join('; ')).toMatch(/waiting for .*(writers|snapshots|readers)/);
    expect([...notes]).toEqual(expect.arrayContaining(['rows of trades', 'rows of trades examined']));
    expect(notices).toContainEqual(expect.stringMatching(/^Waiting for session \d+ of postgres \(tests\)/));
  });

  test('who holds a table longer than the migrator waits is named, and the next run goes on', async () => {
    const name = await schemaOf(...byHand('1.0'));
    const release = await hold(`lock table ${name}.orders in access share mode`);
    const blocked = await refusal(migrate(book.database, name, { patience: 300 }));
    expect(blocked).toMatchObject({
      code: 'migration_blocked',
      message: expect.stringMatching(/orders is held by session \d+/),
    });
    await release();
    expect((await migrate(book.database, name)).version).toBe(LATEST_VERSION);
  });

  test('twenty migrators of a book by hand: one works, all succeed, no deadlock', async () => {
    const name = await schemaOf(...byHand('1.1'));
    await fillWithOldRows(book, name);
    const before = await book.deadlocks();
    const runs = Array.from({ length: 20 }, async () => {
      const files: number[] = [];
      await migrate(book.database, name, { onFile: ({ number }) => files.push(number) });
      return files.length;
    });
    const files = await Promise.all(runs);
    expect(files.filter((count) => count > 0)).toEqual([(await readMigrations()).length]);
    expect(await book.deadlocks()).toBe(before);
    expect(await differences(name)).toEqual([]);
  });

  test('writers of a live book lose no row and no position', async () => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name);
    let isDone = false;
    const written = await Promise.all([
      migrate(book.database, name).finally(() => {
        isDone = true;
      }),
      ...[1, 2, 3, 4].map(async (writer) => {
        let at = 0;
        for (; !isDone; at++) {
          const id = `w${writer}-${at}`;
          await book.sql(
            `insert into orders (order_id, symbol, side, quantity, status) values ('${id}', 'W', 'BUY', 1, 'FILLED')`,
            name,
          );
          await book.sql(
            `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
             values ('${id}', 'W', 'BUY', 1, 10, 1705072800000, 'OPEN')`,
            name,
          );
          if (at % 2 === 0) {
            await book.sql(
              `update trades set status = 'CLOSED', exit_price = 11, exit_timestamp = 1705072800001 where order_id = '${id}'`,
              name,
            );
          }
        }
        return at;
      }),
    ]);
    const all = written.slice(1).reduce<number>((sum, count) => sum + (count as number), 0);
    expect(await book.sql(`select count(*) as n from trades where symbol = 'W'`, name)).toEqual([{ n: all }]);
    expect(await differences(name)).toEqual([]);
    await verified(name);
  });
});

describe('rights', () => {
  test('the owner of the objects needs to be no superuser', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.1'));
      await fillWithOldRows(book, name);
      await book.database.query(`alter schema ${name} owner to ${login}`);
      for (const kind of ['signals', 'orders', 'trades', 'risk_events', 'materialized_view_refreshes']) {
        await book.database.query(`alter table ${name}.${kind} owner to ${login}`);
      }
      await book.database.query(`alter materialized view ${name}.positions_realtime owner to ${login}`);
      await book.database.query(`alter function ${name}.calculate_pnl() owner to ${login}`);
      expect((await migrate(database, name)).version).toBe(LATEST_VERSION);
      expect(await differences(name)).toEqual([]);
    });
  });

  test('a right that is missing is named before the first step', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.1'));
      await book.database.query(`grant usage on schema ${name} to ${login}`);
      const refused = await refusal(migrate(database, name));
      expect(refused.code).toBe('right_missing');
      expect(refused.message).toMatch(/no CREATE on schema/);
      expect(refused.message).toMatch(/trades is owned by postgres/);
      expect((await recognise(book.database, name)).applied).toEqual([]);
    });
  });
});
