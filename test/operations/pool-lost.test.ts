import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { usePools } from './pool-ground.js';

const { book, pool } = usePools();

describe('where the connection is lost under it', () => {
  /** Ends the connection of a pool as soon as it waits in its statement. */
  async function killAsleep({ name }: { name: string }) {
    // Waits until it is gone: a second call must not meet the same one again.
    const asleep = `select pg_terminate_backend(pid, 5000) as killed from pg_stat_activity
      where application_name = $1 and wait_event = 'PgSleep'`;
    await expect.poll(() => book.database.query(asleep, [name])).toEqual([{ killed: true }]);
  }

  test('a read is run once more, and a second loss is told', async () => {
    const own = pool({ connections: 2 });
    const read = own.database.repeating('read').query(`select 7 as seven, pg_sleep(2)`);
    await killAsleep(own);
    expect(await read).toMatchObject([{ seven: 7 }]);
    const twice = refusal(own.database.repeating('read').query(`select pg_sleep(5)`));
    await killAsleep(own);
    await killAsleep(own);
    expect((await twice).code).toBe('database_unreachable');
  });

  test('a statement that may not be run twice is not', async () => {
    const own = pool();
    await book.sql('create table once (n int)');
    const write = refusal(
      own.database.query(`with i as (insert into main.once values (1)) select pg_sleep(2)`),
    );
    await killAsleep(own);
    expect((await write).code).toBe('database_unreachable');
    expect(await book.sql('select * from once')).toEqual([]);
  });

  test('a transaction is run again as a whole, since nothing of it stands', async () => {
    const own = pool({ connections: 2 });
    await book.sql('create table whole (n int)');
    let runs = 0;
    const work = own.database.transaction(async (t) => {
      runs++;
      await t.query(`insert into main.whole values (1)`);
      await t.query(`select pg_sleep(2)`);
      return runs;
    });
    await killAsleep(own);
    expect(await work).toBe(2);
    expect(await book.sql('select * from whole')).toEqual([{ n: 1 }]);
  });

  test.each([
    ['was cut before it was carried out: the transaction is run again', 'before', 2],
    ['was carried out: the transaction is not run again', 'after', 1],
  ] as const)('a COMMIT that %s', async (_, when, expected) => {
    const own = pool({ connections: 2 });
    await book.sql(`drop table if exists commits; create table commits (n int primary key)`);
    // A deferred trigger is where a COMMIT can be met on its way.
    await book.sql(
      `create or replace function slow() returns trigger language plpgsql as $$
         begin perform pg_sleep(case when new.n = 1 then 0.4 else 0 end); return null; end $$;
       create constraint trigger slow after insert on commits deferrable initially deferred
         for each row execute function slow()`,
    );
    let runs = 0;
    const work = own.database.transaction(async (t) => {
      runs++;
      await t.query('insert into main.commits values ($1)', [when === 'before' && runs === 1 ? 1 : runs + 1]);
      if (when === 'after') loseAnswer(t);
    });
    if (when === 'before') await killAsleep(own);
    await work;
    expect(runs).toBe(expected);
    expect(await book.sql('select count(*)::int as rows from commits')).toEqual([{ rows: 1 }]);
  });

  /** Cuts the client's side when the server says that it has committed. */
  function loseAnswer(t: unknown): void {
    const link = (t as { link: { connection: NodeJS.EventEmitter & { stream: { destroy(): void } } } }).link;
    const { connection } = link;
    const emit = connection.emit.bind(connection);
    let isCut = false;
    connection.emit = (event: string, ...rest: unknown[]) => {
      const [message] = rest as [{ text?: string }];
      if (event === 'commandComplete' && message?.text === 'COMMIT') {
        isCut = true;
        connection.stream.destroy();
      }
      return isCut && event !== 'end' && event !== 'error' ? true : emit(event, ...rest);
    };
  }

  test('a transaction that only read is not run again', async () => {
    const own = pool({ connections: 2 });
    let runs = 0;
    const work = own.database.transaction(async (t) => {
      runs++;
      const rows = await t.query('select 1 as one');
      loseAnswer(t);
      return rows;
    });
    expect(await work).toEqual([{ one: 1 }]);
    expect(runs).toBe(1);
  });

  test('halting, which has no id of its own, is done once', async () => {
    const claire = await book.connect({ service: 'halts-once' });
    await book.database
      .transaction(async (t) => {
        await t.query('select from main.halt_gate for update');
        const halted = claire.halt({ reason: 'a test' });
        const kill = `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'halts-once' and wait_event_type = 'Lock'`;
        await expect.poll(() => t.query(kill)).toHaveLength(1);
        return { halted };
      })
      .then(({ halted }) => halted);
    expect(await claire.halts()).toHaveLength(1);
    await claire.resume({ reason: 'done' });
  });
});
