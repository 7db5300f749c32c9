import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/database/index.js';
import { fateOf, markCommit } from '../../src/database/lost-commit.js';
import { isOfStatement } from '../../src/errors/index.js';
import { refusal } from '../harness/book.js';
import { step } from '../harness/step.js';
import { usePools } from './pool-ground.js';

const { book, pool } = usePools();

/** Takes a connection until it is told to give it back. */
async function hold(database: Database, statement = 'select 1') {
  const held = step();
  const release = step();
  const work = database.transaction(async (t) => {
    await t.query(statement);
    held.done();
    await release.reached;
  });
  await held.reached;
  return () => {
    release.done();
    return work;
  };
}

/** Connection string of a role of this test's own; made anew. */
async function loginOf(role: string, options: string): Promise<string> {
  await book.database.query(`create role ${role} login ${options} password 'only-for-this-test'`);
  const url = new URL(book.url);
  url.username = role;
  url.password = 'only-for-this-test';
  return url.href;
}

describe('a pool', () => {
  test('goes on after thousands have given up', async () => {
    const { database } = pool({ checkoutTimeout: 200 });
    const release = await hold(database);
    const waiting = Array.from({ length: 5000 }, () => database.query('select 1'));
    expect((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected')).toBe(true);
    await release();
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('asks the server again whether it gives more, though nothing comes back', async () => {
    const databaseUrl = await loginOf('of_one', 'connection limit 1');
    const { database } = pool({ databaseUrl, connections: 5, checkoutTimeout: 10_000 });
    const release = await hold(database);
    const waiting = Promise.all([1, 2, 3].map(() => database.query('select 1 as one')));
    await sleep(300);
    await book.database.query('alter role of_one connection limit 5');
    expect(await waiting).toHaveLength(3);
    await release();
    await database.close();
    await book.database.query('drop role of_one');
  });

  test('loses nothing by a listener that throws', async () => {
    const onNotice = () => {
      throw new Error('of the listener');
    };
    const echo = onNotice;
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const { database } = pool({ leakAfter: 60, onNotice, echo });
    const release = await hold(database);
    await sleep(300);
    await release();
    expect(await warned).toMatchObject({ message: 'of the listener' });
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('tells who holds its connections without a password that stands in a statement', async () => {
    const { database } = pool({ checkoutTimeout: 300 });
    const release = await hold(
      database,
      `do $do$ begin if false then alter role x password 'very-secret'; end if; end $do$`,
    );
    const error = await refusal(database.query('select 1'));
    expect(error.message).toMatch(/password '\*\*\*'/);
    expect(JSON.stringify(error)).not.toContain('very-secret');
    await release();
  });

  test('knows a limit of 0 for none, whatever the role has', async () => {
    const databaseUrl = await loginOf('in_haste', '');
    await book.database.query(`alter role in_haste set statement_timeout = '77ms'`);
    const { database } = pool({ databaseUrl, statementTimeout: 0, idleInTransactionTimeout: 0 });
    expect(await database.query('show statement_timeout')).toEqual([{ statement_timeout: '0' }]);
    await database.close();
    await book.database.query('drop role in_haste');
  });
});

describe('the end of the wait for an answer', () => {
  test('counts from when a statement was sent, not from when it was called', async () => {
    const { database } = pool({ statementTimeout: 500 });
    let runs = 0;
    await database.transaction(async (t) => {
      runs++;
      await Promise.all([1, 2, 3, 4].map(() => t.query('select pg_sleep(0.4)')));
    });
    expect(runs).toBe(1);
  });

  test('is not reached by a program that was busy with itself', async () => {
    const { database } = pool({ statementTimeout: 200 });
    await database.query('select 1');
    const answer = database.query('select 2 as two');
    await new Promise<void>((resolve) =>
      setImmediate(() => {
        const until = performance.now() + 1000;
        while (performance.now() < until);
        resolve();
      }),
    );
    expect(await answer).toEqual([{ two: 2 }]);
  });
});

describe('a lost connection', () => {
  test.each([
    ['sends its next statement', true],
    ['ends', false],
  ])('is learnt by a transaction that did something else, when it %s: it is run again', async (_, asks) => {
    const { database, kill } = pool();
    let runs = 0;
    const work = database.transaction(async (t) => {
      await t.query('select 1');
      if (++runs === 1) {
        await kill();
        await sleep(200);
      }
      if (asks) await t.query('select 2');
      return runs;
    });
    expect(await work).toBe(2);
  });

  test('is known by the codes of the system too', () => {
    expect(isOfStatement({ code: 'EPIPE' })).toBe(false);
    expect(isOfStatement({ code: '23505' })).toBe(true);
  });

  test('does not make a success of a transaction that was rolled back for an error that was swallowed', async () => {
    const { database } = pool();
    const work = database.transaction(async (t) => {
      await t.query('select 1 / 0').catch(() => {});
      await sleep(50);
      // Whatever is sent from here on gets no answer.
      (
        t as unknown as { link: { connection: { stream: { destroy(): void } } } }
      ).link.connection.stream.destroy();
    });
    expect((await refusal(work)).code).toBe('transaction_lost');
  });

  test('of a write, and a second try that tells nothing: nobody knows', async () => {
    const databaseUrl = await loginOf('locked_out', 'superuser');
    const { database, kill } = pool({ databaseUrl });
    const write = refusal(database.repeating('write').query('select pg_sleep(5)'));
    await sleep(200);
    await book.database.query('alter role locked_out nologin');
    await kill();
    expect((await write).code).toBe('write_unresolved');
    await database.close();
    await book.database.query('drop role locked_out');
  });
});

describe('what became of a COMMIT', () => {
  /** The mark of a transaction that writes, and ends as it is told. */
  const marked = async (fails: boolean) => {
    const { database } = pool();
    let mark: Awaited<ReturnType<typeof markCommit>>;
    const work = database.transaction(async (t) => {
      await t.query('select pg_current_xact_id()');
      mark = await markCommit(t);
      if (fails) throw new Error('undo');
    });
    await work.catch(() => {});
    return { database, mark: mark! };
  };
  const soon = () => performance.now() + 1000;

  test('is told by its number within one run and one history of the server', async () => {
    const { database, mark } = await marked(true);
    expect(await fateOf(database, mark, soon())).toBe('aborted');
    expect(await fateOf(database, { ...mark, timeline: '0000000A' }, soon())).toBe('unknown');
  });

  test('is told after a crash only where its number was on the disk by then', async () => {
    const { database, mark } = await marked(false);
    await database.query('checkpoint');
    const crashed = { ...mark, run: '1' };
    expect(await fateOf(database, crashed, soon())).toBe('committed');
    expect(await fateOf(database, { ...crashed, xid: '4000000000' }, soon())).toBe('aborted');
  });
});
