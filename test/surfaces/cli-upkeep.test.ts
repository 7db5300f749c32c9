import { expect, test } from 'vitest';
import { Database, type Queryable } from '../../src/database/index.js';
import { ClaireError } from '../../src/errors/index.js';
import { createBook } from '../../src/schema/index.js';
import { type Clock, runUpkeep, type Task } from '../../src/upkeep/index.js';
import { useServer } from './cli-run.js';
import { until } from './embedded-ground.js';

const desk = useServer();

/** A clock whose time passes as soon as everybody sleeps. */
function fastClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    async sleep(duration_ms) {
      now += duration_ms;
      await new Promise((done) => setTimeout(done, 1));
    },
  };
}

const none = () => {};
const pool = (applicationName: string) =>
  new Database({ databaseUrl: desk.server.url('postgres', { showSecrets: true }), applicationName });

test('folds every second and refreshes every five', async () => {
  await createBook(desk.database, 'rhythm');
  const end = new AbortController();
  const ran: [string, number][] = [];
  const clock = fastClock();
  const task = (name: string, every_ms: number): Task => ({
    name,
    every_ms,
    run: async () => {
      ran.push([name, clock.now()]);
      if (clock.now() >= 10_000) end.abort();
    },
  });
  const tasks = [task('fold', 1000), task('refresh', 5000)];
  await runUpkeep(desk.database, 'rhythm', { signal: end.signal, onError: none, clock, tasks });
  expect(ran.filter(([name]) => name === 'refresh').map(([, at]) => at)).toEqual([0, 5000]);
  expect(ran.filter(([name]) => name === 'fold').map(([, at]) => at)).toEqual([
    ...[0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000],
  ]);
});

test('brings positions_realtime to what is open, and leaves no change unfolded', async () => {
  await createBook(desk.database, 'real');
  await desk.database.query(
    `insert into "real".trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
     values ('T', 'X', 'BUY', 2, 3, 1705072800000, 'OPEN')`,
  );
  const end = new AbortController();
  const running = runUpkeep(desk.database, 'real', { signal: end.signal, onError: none, clock: fastClock() });
  const rows = () =>
    desk.database.query('select total_quantity, total_value_usd from "real".positions_realtime');
  await until(async () => (await rows()).length > 0);
  expect(await rows()).toEqual([{ total_quantity: '2', total_value_usd: '6' }]);
  end.abort();
  await running;
  expect(await desk.database.query('select * from "real".position_changes')).toEqual([]);
});

test('vacuums what it has folded when that is much: readers would step over it', async () => {
  await createBook(desk.database, 'much');
  const end = new AbortController();
  const running = runUpkeep(desk.database, 'much', { signal: end.signal, onError: none, clock: fastClock() });
  await desk.database.query(`do $$ begin
    for n in 1..1100 loop
      insert into "much".trades (symbol, side, quantity, entry_price, entry_timestamp, status)
      values ('X', 'BUY', 2, 3, 1705072800000, 'OPEN');
    end loop;
  end $$`);
  const vacuumed = `select from pg_stat_user_tables where schemaname = 'much' and relname = 'position_changes' and vacuum_count > 0`;
  await until(async () => (await desk.database.query(vacuumed)).length > 0);
  end.abort();
  await running;
});

test('of two processes one leads, and the other takes over when its connection ends', async () => {
  await createBook(desk.database, 'led');
  const ran: string[] = [];
  const [first, second] = ['first', 'second'].map((name) => {
    const database = pool(name);
    const end = new AbortController();
    const tasks = [
      {
        name,
        every_ms: 1000,
        run: async (session: Queryable) => {
          await session.query('select 1');
          ran.push(name);
        },
      },
    ];
    // Who loses the connection does not come back, so that it is sure who leads next.
    const onError = () => end.abort();
    const start = () =>
      runUpkeep(database, 'led', { signal: end.signal, onError, clock: fastClock(), tasks });
    return { database, end, start };
  }) as [Keeper, Keeper];
  const leading = first.start();
  await until(() => ran.length > 3);
  const standingBy = second.start();
  await until(() => ran.length > 50);
  expect(new Set(ran)).toEqual(new Set(['first']));
  await desk.database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'first'`,
  );
  await leading;
  await until(() => ran.at(-1) === 'second');
  second.end.abort();
  await standingBy;
  await Promise.all([first.database.close(), second.database.close()]);
});

interface Keeper {
  database: Database;
  end: AbortController;
  start: () => Promise<void>;
}

test('an error is reported once a kind, again after a success, and does not end the loop', async () => {
  await createBook(desk.database, 'faulty');
  const end = new AbortController();
  const reported: string[] = [];
  let runs = 0;
  const task: Task = {
    name: 'faulty',
    every_ms: 1000,
    run: async () => {
      runs++;
      if (runs > 20) end.abort();
      if (runs !== 10) throw new ClaireError(runs % 2 ? 'right_missing' : 'schema_outdated');
    },
  };
  await runUpkeep(desk.database, 'faulty', {
    ...{ signal: end.signal, clock: fastClock(), tasks: [task] },
    onError: (error) => reported.push((error as ClaireError).code),
  });
  expect(runs).toBe(21);
  expect(reported).toEqual(['right_missing', 'schema_outdated', 'right_missing', 'schema_outdated']);
});

test('ends only after the work in flight has ended', async () => {
  await createBook(desk.database, 'slow');
  const end = new AbortController();
  let isDone = false;
  const task: Task = {
    name: 'slow',
    every_ms: 1000,
    run: async (session) => {
      end.abort();
      await session.query('select pg_sleep(0.3)');
      isDone = true;
    },
  };
  await runUpkeep(desk.database, 'slow', { signal: end.signal, onError: none, tasks: [task] });
  expect(isDone).toBe(true);
});
