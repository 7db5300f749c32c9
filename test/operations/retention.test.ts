import { beforeEach, describe, expect, test } from 'vitest';
import { atOneMoment } from '../../src/backup/create.js';
import { Database } from '../../src/database/index.js';
import { runRetention } from '../../src/upkeep/index.js';
import { emptyBook, refusal, useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';
import { waitFor } from '../harness/wait.js';
import { ago, DAY, retentionGround, T } from './retention-ground.js';

const book = useBook();
const ground = retentionGround(book);
const { sql, signal, order, trade, event, candle, run, due, left, horizon } = ground;
const inBackup = (days: number) => ({ coverage: { name: 'b', until_ms: Date.now() - days * DAY } });

beforeEach(() => emptyBook(book));

const broken = async () => {
  const claire = await book.connect({ connections: 1 });
  const laws = (await claire.verify()).filter((law) => law.broken > 0).map(({ check }) => check);
  await claire.close();
  return laws;
};

describe('lineage comes before age', () => {
  test('the chain of a trade stays for ever, and what led to nothing leaves on its day', async () => {
    for (const id of ['traded', 'ordered', 'alone', 'young']) await signal(id, id === 'young' ? 29 : 400);
    await order('of_trade', 400, { signal: 'traded' });
    await order('of_nothing', 89, { signal: 'ordered' });
    await trade('t', 'of_trade', 400);
    await run();
    expect(await left()).toMatchObject({
      signals: ['ordered', 'traded', 'young'],
      orders: ['of_nothing', 'of_trade'],
      trades: ['t'],
    });
    expect(await broken()).toEqual([]);
  });

  test('an order that goes takes its signal, its decision and its states along', async () => {
    await signal('s', 91);
    await order('o', 91, { signal: 's', status: 'PENDING' });
    await sql(
      `update orders set status = 'CANCELLED' where order_id = 'o'; select fold_reservation_changes()`,
    );
    await run({ tables: ['orders'] });
    expect(await ground.ids()).toMatchObject({ signals: [], orders: [], decisions: [], order_history: [] });
  });

  test('a signal of two orders stays as long as one of them does', async () => {
    await signal('s', 200);
    await order('old', 100, { signal: 's' });
    await order('young', 80, { signal: 's' });
    await run();
    expect(await left()).toMatchObject({ signals: ['s'], orders: ['young'] });
    await horizon('orders', 70);
    await run();
    expect(await left()).toMatchObject({ signals: [], orders: [] });
  });

  test('what a row in quarantine names stays, so that it can be released', async () => {
    for (const id of ['of_order', 'of_trade', 'alone']) await signal(id, 400);
    await order('held', 400, { signal: 'of_order' });
    await order('traded', 400, { signal: 'of_trade' });
    await trade('t', 'traded', 400);
    const [t] = await sql<{ id: string }>(
      `select quarantine_row('trades', (select id from trades), '{x}', 'r')::text as id`,
    );
    const [o] = await sql<{ id: string }>(
      `select quarantine_row('orders', (select id from orders where order_id = 'held'), '{x}', 'r')::text as id`,
    );
    const foretold = await due();
    await run();
    expect(foretold.find(({ table }) => table === 'signals')!.rows).toBe(1);
    expect(await left()).toMatchObject({ signals: ['of_order', 'of_trade'], orders: ['traded'] });
    for (const { id } of [t!, o!]) await sql(`select release_row(${id}, '{}', 'it was right')`);
    expect(await left()).toMatchObject({ orders: ['held', 'traded'], trades: ['t'] });
  });

  test('without it a check finds the trade whose order is gone', async () => {
    await order('o', 400);
    await trade('t', 'o');
    await sql(`begin; set local session_replication_role = replica; delete from orders; commit`);
    expect(await broken()).toContain('lineage_is_whole');
    await sql(`begin; set local session_replication_role = replica; delete from trades;
      delete from position_changes; delete from reservation_changes; commit`);
  });

  test('an order that is PENDING or reserves is never removed: it waits, and goes once it is decided', async () => {
    await order('pending', 100, { status: 'PENDING' });
    await order('unclaimed', 100, { status: 'PENDING' });
    await sql(
      `update orders set status = 'FILLED' where order_id = 'unclaimed'; select fold_reservation_changes()`,
    );
    for (const _ of [1, 2]) {
      await run();
      expect((await left()).orders).toEqual(['pending', 'unclaimed']);
      expect(await sql('select * from retention_waiting')).toHaveLength(2);
    }
    await sql(`update orders set status = 'CANCELLED' where order_id = 'pending';
      select release_reservation('unclaimed', 'never came'); select fold_reservation_changes()`);
    await run();
    expect((await left()).orders).toEqual([]);
    expect(await sql('select * from retention_waiting')).toEqual([]);
    expect(await broken()).toEqual([]);
  });

  test('risk events leave on their day whatever they name, and keep no signal', async () => {
    await signal('s', 40);
    await event('young', 40, 's');
    await event('old', 91, 's');
    await run();
    expect(await left()).toMatchObject({ signals: [], events: ['young'] });
  });
});

describe('age', () => {
  test('counts from when a row was recorded, whatever its market time', async () => {
    await sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp)
      values ('replayed', 'X', 'BUY', 1, 1, ${Date.UTC(2000, 0, 3)})`);
    await candle(0, 0);
    await run();
    expect((await left()).signals).toEqual(['replayed']);
    expect(await sql('select * from candles')).toHaveLength(1);
  });

  test('a row that is older than its neighbours is found among them', async () => {
    for (const id of ['a', 'b', 'c']) await signal(id, 1);
    await signal('imported', 60);
    for (const id of ['d', 'e']) await signal(id, 1);
    await run({ batchSize: 2 });
    expect((await left()).signals).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('an old row that was being imported is found when it is there', async () => {
    await signal('a', 60);
    const commit = await holdOpen(book.database, [
      `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
       values ('imported', 'X', 'BUY', 1, 1, ${T}, ${ago(60)})`,
    ]);
    await signal('young', 0);
    await run();
    await commit();
    await run();
    expect((await left()).signals).toEqual(['young']);
  });

  test('a row recorded in a year to come stops nobody', async () => {
    await signal('clock', -400);
    await signal('old', 60);
    await run({ batchSize: 1, searches: 'now_and_then' });
    expect((await left()).signals).toEqual(['clock']);
  });

  test('nobody makes a row older than it is', async () => {
    await signal('young', 29);
    await run({ at_ms: Date.now() + 10 * DAY });
    expect((await left()).signals).toEqual(['young']);
  });
});

describe('a horizon', () => {
  test('is a version with who and why, as limits are', async () => {
    const claire = await book.connect({ connections: 1 });
    const { version } = await claire.setHorizon({
      table: 'signals',
      keep_seconds: 5 * 86_400,
      reason: 'less',
    });
    expect(await claire.setHorizon({ table: 'signals', keep_seconds: 5 * 86_400, reason: 'again' })).toEqual({
      version,
    });
    expect(await claire.horizons({ table: 'signals' })).toMatchObject([
      { version, keep_seconds: 432_000, reason: 'less', actor: 'postgres' },
    ]);
    for (const text of ['update retention_horizons set keep_seconds = 1', 'delete from retention_horizons'])
      expect((await refusal(sql(text))).code).toMatch(/record_final|removal_refused/);
  });

  test('of trades cannot be set, and of nothing else than there is', async () => {
    expect((await refusal(horizon('trades', 30))).code).toBe('retention_of_trades');
    expect((await refusal(horizon('corrections', 30))).code).toBe('retention_horizon_impossible');
    expect((await refusal(horizon('signals', 0))).code).toBe('retention_horizon_impossible');
  });

  test('lengthened keeps what a shorter one would have removed, and shortened removes it', async () => {
    // The oldest first: the watermark passes those that are named.
    for (const days of [70, 40, 25]) {
      await signal(`alone${days}`, days);
      await signal(`named${days}`, days);
      await order(`o${days}`, days, { signal: `named${days}` });
    }
    await run();
    expect((await left()).signals).toEqual(['alone25', 'named25', 'named40', 'named70']);
    await horizon('signals', 60);
    await horizon('orders', 30);
    // The signal of the order of 40 days is left behind, too young now: it must be looked at again.
    await run();
    expect(await left()).toMatchObject({ signals: ['alone25', 'named25', 'named40'], orders: ['o25'] });
    await horizon('signals', 20);
    await run();
    expect((await left()).signals).toEqual(['named25']);
  });

  test('for ever keeps everything, also from a run that is under way', async () => {
    for (const id of ['a', 'b', 'c']) await signal(id, 60);
    let batches = 0;
    await run({
      ...{ tables: ['signals'], batchSize: 1 },
      clock: {
        now: () => 0,
        sleep: async () => {
          if (++batches === 2) await horizon('signals', null);
        },
      },
    });
    expect((await left()).signals).toEqual(['c']);
    expect(await run({ tables: ['signals'] })).toMatchObject([{ run: null, removed: 0 }]);
  });
});

describe('nothing goes that is in no verified backup', () => {
  test('where none is named, a run is refused', async () => {
    await signal('s', 60);
    expect((await refusal(run({ withoutBackup: false }))).code).toBe('retention_without_backup');
    expect((await left()).signals).toEqual(['s']);
  });

  test('what was recorded after it stays, and so does what only says that it was recorded before', async () => {
    await signal('held', 60);
    await signal('later', 40);
    await signal('says_so', 60);
    const last_ids = { signals: '2' };
    await run({ coverage: { ...inBackup(50).coverage, last_ids } });
    expect((await left()).signals).toEqual(['later', 'says_so']);
    await run({ coverage: { ...inBackup(0).coverage, last_ids: { signals: '3' } } });
    expect((await left()).signals).toEqual([]);
  });

  // Of the whole server, as a moment sees them: other files of tests have databases of their own on it.
  const olderHaveEnded = () =>
    waitFor(async () => {
      const [row] = await book.database.query<{ settled: boolean }>(
        `select pg_snapshot_xmin(pg_current_snapshot()) > max(xmin::text::xid8) as settled from main.signals`,
      );
      expect(row!.settled).toBe(true);
    }, 30_000);

  const momentNow = () =>
    book.database.session((session) => atOneMoment(session, ['main'], async (moment) => moment));

  test('what a transaction wrote that was open then stays, whatever its id and its day', async () => {
    await signal('in_it', 60);
    await olderHaveEnded();
    const commit = await holdOpen(book.database, [
      `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
       values ('open', 'X', 'BUY', 1, 1, ${T}, ${ago(60)})`,
      `insert into main.candles (symbol, timestamp, open, high, low, close, volume, created_at)
       values ('X', ${T}, 1, 1, 1, 1, 1, ${ago(500)})`,
    ]);
    const { complete_until_ms: until_ms, open_from } = await momentNow();
    await commit();
    await olderHaveEnded();
    const coverage = { name: 'b', until_ms, last_ids: { signals: '9' }, open_from };
    const foretold = await due({ coverage });
    await run({ coverage });
    expect(foretold.filter(({ rows }) => rows > 0).map(({ table, rows }) => [table, rows])).toEqual([
      ['signals', 1],
    ]);
    expect((await left()).signals).toEqual(['open']);
    const next = await momentNow();
    await run({ coverage: { ...coverage, open_from: next.open_from } });
    expect(await ground.ids()).toMatchObject({ signals: [], candles: [] });
  });

  test('what has changed since stays until the next one', async () => {
    await signal('corrected', 60);
    await order('cancelled', 100, { status: 'PENDING' });
    await sql(`update orders set status = 'CANCELLED' where order_id = 'cancelled'; select fold_reservation_changes();
      select correct_record('signals', (select min(id) from signals), '{"price": 2}', 'a slip')`);
    await run(inBackup(1));
    expect(await left()).toMatchObject({ signals: ['corrected'], orders: ['cancelled'] });
    await run({ coverage: { name: 'b', until_ms: Date.now() + 1000 } });
    expect(await left()).toMatchObject({ signals: [], orders: [] });
  });

  test('which backup it was stands in the record of the run', async () => {
    await signal('s', 60);
    await run(inBackup(1));
    const claire = await book.connect({ connections: 1 });
    expect(await claire.retentionRuns({ table: 'signals' })).toMatchObject([
      { backup: 'b', outcome: 'done', looked: 1, removed: 1, actor: 'postgres' },
    ]);
    await claire.close();
  });
});

describe('a run', () => {
  test('looks at what stays only once', async () => {
    for (let n = 0; n < 10; n++) {
      await signal(`s${n}`, 60);
      await order(`o${n}`, 10, { signal: `s${n}` });
    }
    await signal('young', 1);
    const looked = async () => (await run({ tables: ['signals'], batchSize: 3 }))[0]!.looked;
    expect(await looked()).toBeGreaterThanOrEqual(10);
    expect(await looked()).toBe(1);
  });

  test('that was killed in the middle has removed whole chains, and the next one goes on', async () => {
    for (let n = 0; n < 20; n++) {
      await signal(`s${n}`, 100);
      await order(`o${n}`, 100, { signal: `s${n}` });
    }
    const name = 'killed';
    const own = new Database({ databaseUrl: book.url, applicationName: name, connections: 1 });
    let batches = 0;
    const clock = {
      now: () => 0,
      sleep: async () => {
        if (++batches === 3)
          await sql(
            `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`,
          );
      },
    };
    const options = { signal: new AbortController().signal, withoutBackup: true, clock, batchSize: 3 };
    const killed = own.session((session) => runRetention(session, 'main', options));
    expect((await refusal(killed)).code).toBe('database_unreachable');
    await own.close();
    const between = await left();
    expect(between.orders).toHaveLength(11);
    expect(between.signals).toHaveLength(11);
    expect(await broken()).toEqual([]);
    await run();
    expect(await left()).toMatchObject({ signals: [], orders: [] });
    await sql(`update retention_runs set ended_at = ended_at - interval '1 hour' where outcome = 'running'`);
    await run();
    expect(await sql(`select outcome, removed from retention_runs order by id limit 1`)).toEqual([
      { outcome: 'cut_off', removed: 9 },
    ]);
  });

  test('stops after its batch when it is told to', async () => {
    for (const id of ['a', 'b', 'c']) await signal(id, 60);
    const end = new AbortController();
    const clock = { now: () => 0, sleep: async () => end.abort() };
    const runs = await run({ signal: end.signal, clock, batchSize: 1, tables: ['signals', 'risk_events'] });
    expect(runs).toMatchObject([{ table: 'signals', removed: 1, outcome: 'stopped' }]);
    expect((await left()).signals).toEqual(['b', 'c']);
  });

  test('beside another removes nothing twice and misses nothing', async () => {
    await sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
      select 's' || n, 'X', 'BUY', 1, 1, 1705072800000, timezone('UTC', now()) - interval '60 days' from generate_series(1, 300) as n`);
    const both = await Promise.all([1, 2, 3].map(() => run({ batchSize: 7 })));
    const removed = both
      .flat()
      .filter(({ table }) => table === 'signals')
      .map((one) => one.removed);
    expect(removed.reduce((sum, one) => sum + one)).toBe(300);
    expect((await left()).signals).toEqual([]);
    expect(await book.deadlocks()).toBe(0);
  });

  test('waits for nobody who is about to name a row, and comes back for it', async () => {
    await signal('wanted', 60);
    await signal('free', 60);
    const rollback = await holdOpen(
      book.database,
      [
        `insert into main.orders (order_id, signal_id, symbol, side, quantity, status)
         values ('o', 'wanted', 'X', 'BUY', 1, 'FILLED')`,
      ],
      { end: 'rollback' },
    );
    await run();
    expect((await left()).signals).toEqual(['wanted']);
    await rollback();
    await run();
    expect((await left()).signals).toEqual([]);
  });

  test('that has ended removes nothing more', async () => {
    const [one] = await run({ tables: ['signals'] });
    expect((await refusal(sql(`select * from retain(${one!.run}, 10)`))).code).toBe('retention_run_ended');
  });

  test('frees what it removed for the next rows, where the login may vacuum', async () => {
    await sql(`insert into signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
      select 's' || n, 'X', 'BUY', 1, 1, 1705072800000, timezone('UTC', now()) - interval '60 days' from generate_series(1, 2000) as n`);
    await run({ vacuums: true, tables: ['signals'] });
    await expect
      .poll(
        async () =>
          (
            await sql<{ n: number }>(
              `select vacuum_count as n from pg_stat_user_tables where relname = 'signals' and schemaname = 'main'`,
            )
          )[0]!.n,
      )
      .toBeGreaterThan(0);
  });
});

describe('a dry run', () => {
  test('says what goes and touches nothing', async () => {
    await signal('s', 100);
    await order('o', 100, { signal: 's' });
    await event('e', 100);
    await candle(1, 500);
    const said = await due();
    expect(said.map(({ table, rows }) => [table, rows])).toEqual([
      ...[
        ['orders', 1],
        ['decisions', 0],
        ['order_history', 1],
        ['signals', 1],
        ['risk_events', 1],
        ['candles', 1],
      ],
    ]);
    expect(said.every(({ bytes, rows }) => bytes > 0 === rows > 0)).toBe(true);
    expect(await ground.ids()).toMatchObject({
      signals: said[3]!.ids,
      orders: said[0]!.ids,
      candles: said[5]!.ids,
    });
    expect(await sql('select * from retention_runs')).toEqual([]);
  });
});

test('a plain DELETE is refused before, while and after rows leave', async () => {
  for (const id of ['a', 'b']) await signal(id, 60);
  const refused = async () =>
    expect((await refusal(sql('delete from signals'))).code).toBe('removal_refused');
  await refused();
  await run({ tables: ['signals'], batchSize: 1, clock: { now: () => 0, sleep: refused } });
  await signal('c', 60);
  await refused();
  expect(await sql('select * from permits')).toEqual([]);
});
