import { beforeAll, describe, expect, test } from 'vitest';
import { claireOn } from '../../src/claire.js';
import { Database, type Queryable } from '../../src/database/index.js';
import { type Claire, ClaireError } from '../../src/index.js';
import { gather } from '../../src/operations/gather.js';
import { type Context, operations } from '../../src/operations/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
let claire: Claire;

beforeAll(async () => {
  claire = await book.connect();
});

const signal = (signal_id: string, other: object = {}) => ({
  signal_id,
  symbol: 'BTCUSDT',
  side: 'BUY' as const,
  price: '43250.5',
  confidence: '0.85',
  timestamp: 1_705_072_800_000,
  ...other,
});
const many = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, at) => signal(`${prefix}_${at}`));
const all = (signals: ReturnType<typeof signal>[]) =>
  Promise.allSettled(signals.map((each) => claire.recordSignal(each)));
const codeOf = (result: PromiseSettledResult<unknown>) =>
  result.status === 'fulfilled' ? 'recorded' : (result.reason as ClaireError).code;
/** In how many transactions rows were written. */
const transactions = async (prefix: string) => {
  const [row] = await book.sql<{ written: number; transactions: number }>(
    `select count(*) as written, count(distinct xmin::text) as transactions from signals where signal_id like '${prefix}\\_%'`,
  );
  return row!;
};

describe('single calls', () => {
  test('that meet leave together, and each is acknowledged', async () => {
    const results = await Promise.all(many('meet', 500).map((each) => claire.recordSignal(each)));
    expect(results.map(({ outcome }) => outcome)).toEqual(new Array(500).fill('recorded'));
    const { written, transactions: used } = await transactions('meet');
    expect(written).toBe(500);
    expect(used).toBeLessThan(10);
  });

  test('that are awaited one by one are a transaction each', async () => {
    for (const each of many('alone', 5)) await claire.recordSignal(each);
    expect(await transactions('alone')).toEqual({ written: 5, transactions: 5 });
  });

  test('get their own outcome or their own error, whatever becomes of the others', async () => {
    await claire.recordSignal(signal('own_known'));
    const results = await all([
      signal('own_1'),
      signal('own_2', { price: '0' }),
      signal('own_known'),
      signal('own_known', { price: '1' }),
      signal('own_3', { symbol: '' }),
      signal('own_4', { symbol: ' ' }),
      signal('own_5'),
    ]);
    expect(results.map(codeOf)).toEqual([
      ...['recorded', 'price_out_of_range', 'recorded', 'id_conflict', 'input_invalid', 'symbol_unusable'],
      'recorded',
    ]);
    expect(results[2]).toMatchObject({ value: { outcome: 'already_recorded' } });
    expect(await transactions('own')).toMatchObject({ written: 3 });
  });

  test('of one id stay in the order in which they were made', async () => {
    const prices = ['1', '2', '3', '4'];
    const results = await all(prices.map((price) => signal('order_1', { price })));
    expect(results.map(codeOf)).toEqual(['recorded', 'id_conflict', 'id_conflict', 'id_conflict']);
    expect(await claire.signals({ signal_id: 'order_1' })).toMatchObject([{ price: '1' }]);
  });

  test('are refused, and not held, where more wait than memory should be spent on', async () => {
    const results = await all(many('flood', 10_500));
    const codes = results.map(codeOf);
    expect(new Set(codes)).toEqual(new Set(['recorded', 'too_many_calls']));
    expect((await transactions('flood')).written).toBe(codes.filter((code) => code === 'recorded').length);
  });

  test('with much text leave in more statements than one', async () => {
    const metadata = { text: 'x'.repeat(3_000_000) };
    await Promise.all(many('large', 6).map((each) => claire.recordSignal({ ...each, metadata })));
    expect((await transactions('large')).transactions).toBeGreaterThan(4);
  });

  test('that wait when the connection is closed are still written', async () => {
    const own = await book.connect();
    const calls = many('close', 50).map((each) => own.recordSignal(each));
    await own.close();
    expect((await Promise.all(calls)).every(({ outcome }) => outcome === 'recorded')).toBe(true);
    expect((await refusal(own.recordSignal(signal('close_late')))).code).toBe('claire_closed');
    expect((await transactions('close')).written).toBe(50);
  });

  test('of a transaction are its own, and leave with it', async () => {
    const failing = claire.transaction(async (t) => {
      await Promise.all(many('undone', 3).map((each) => t.recordSignal(each)));
      throw new Error('undo it');
    });
    await expect(failing).rejects.toThrow('undo it');
    expect((await transactions('undone')).written).toBe(0);
  });

  test('whose connection dies are written on another one, each once', async () => {
    const own = await book.connect({ service: 'gather-dies' });
    const calls = await book.database.transaction(async (t) => {
      await t.query('lock table main.signals in exclusive mode');
      const all = Promise.all(many('dies', 20).map((each) => own.recordSignal(each)));
      const waiting = `select from pg_locks where relation = 'main.signals'::regclass and not granted`;
      await expect.poll(() => t.query(waiting)).toHaveLength(2);
      await t.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gather-dies'`,
      );
      return { all };
    });
    expect((await calls.all).map(({ outcome }) => outcome)).toEqual(Array(20).fill('recorded'));
    expect((await transactions('dies')).written).toBe(20);
  });

  test('whose connection dies twice are told that it may be recorded, and the next ones go on', async () => {
    const own = await book.connect({ service: 'gather-dies-twice', connections: 1 });
    await book.database.transaction(async (t) => {
      await t.query('lock table main.signals in exclusive mode');
      const calls = Promise.allSettled(many('twice', 5).map((each) => own.recordSignal(each)));
      const kill = `select pid, pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'gather-dies-twice' and wait_event_type = 'Lock'`;
      // One that was told to end may still be there at the next look.
      const killed = new Set<unknown>();
      // Asked outside: a transaction sees the sessions as they were at its first look.
      while (killed.size < 4) {
        for (const { pid } of await book.database.query<{ pid: number }>(kill)) killed.add(pid);
      }
      expect(new Set((await calls).map(codeOf))).toEqual(new Set(['write_unresolved']));
    });
    expect((await own.recordSignal(signal('twice_0'))).outcome).toBe('recorded');
    expect((await transactions('twice')).written).toBe(1);
  });
});

/** Single calls on a context that tells how many ids each statement has, and whose first statement waits. */
function watchedCalls() {
  const sizes: number[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const watched: Queryable = {
    async query(text, values) {
      if (sizes.push((values![0] as string).split(',').length) === 1) await released;
      return book.database.query(text, values);
    },
  };
  const context: Context = {
    database: watched,
    book: 'main',
    inTransaction: false,
    attempt: (work) => work(),
  };
  const { gathered, input } = operations.recordSignal;
  const record = gathered!(context);
  const call = (id: string, other?: object) => record(input.parse(signal(id, other)));
  return { sizes, release, call };
}

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
};

test('a call that meets no other leaves at once, and those that meet it with the next statement', async () => {
  const { sizes, release, call } = watchedCalls();
  const calls = [call('turn_1')];
  expect(sizes).toEqual([1]);
  calls.push(...['turn_2', 'turn_3', 'turn_4'].map((id) => call(id)));
  expect(sizes).toEqual([1]);
  await turns();
  expect(sizes).toEqual([1, 3]);
  calls.push(call('turn_5'), call('turn_6'));
  release();
  await Promise.all(calls);
  expect(sizes).toEqual([1, 3, 2]);
});

test('a second call for an id does not overtake the first', async () => {
  const { sizes, release, call } = watchedCalls();
  const calls = [call('twice'), call('twice', { price: '2' })];
  await turns();
  expect(sizes).toEqual([1]);
  release();
  const results = await Promise.allSettled(calls);
  expect(results.map(codeOf)).toEqual(['recorded', 'id_conflict']);
});

test('a second call for an id lets others pass that come after it', async () => {
  const { sizes, release, call } = watchedCalls();
  const calls = [call('held'), call('held'), call('free_1'), call('free_2')];
  await Promise.all(calls.slice(2));
  expect(sizes).toEqual([1, 2]);
  release();
  expect((await Promise.all(calls)).map(({ outcome }) => outcome)).toEqual([
    ...['recorded', 'already_recorded', 'recorded', 'recorded'],
  ]);
});

test('a law that somebody added refuses its call, and none of the others', async () => {
  await book.sql('alter table signals add constraint desk_check check (price < 900000)');
  await Promise.all([claire.recordSignal(signal('law_0'))]);
  const prices = ['1', '2', '950000', '3', '4'];
  const results = await all(prices.map((price, at) => signal(`law_${at + 1}`, { price })));
  expect(results.map(codeOf)).toEqual(['recorded', 'recorded', 'database_error', 'recorded', 'recorded']);
  const outcomes = await claire.recordSignals([signal('law_6', { price: '950000' }), signal('law_7')]);
  expect(outcomes).toMatchObject([
    { outcome: 'refused', code: 'database_error', message: expect.stringContaining('desk_check') },
    { outcome: 'recorded' },
  ]);
  await book.sql('alter table signals drop constraint desk_check');
});

test('an error in the middle is that of the calls it met; what was recorded before is told so', async () => {
  const databaseUrl = `${book.url}?options=-c%20lock_timeout%3D300ms`;
  const impatient = claireOn(new Database({ databaseUrl, applicationName: 'tests', connections: 1 }), 'main');
  const results = await book.database.transaction(async (t) => {
    await t.query(
      `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp)
       values ('middle_locked', 'X', 'BUY', 1, 1, 1705072800000)`,
    );
    const rest = [signal('middle_bad', { price: '0' }), signal('middle_2'), signal('middle_locked')];
    return Promise.allSettled(
      [signal('middle_0'), signal('middle_1'), ...rest].map((each) => impatient.recordSignal(each)),
    );
  });
  expect(results.map(codeOf)).toEqual([
    ...['recorded', 'recorded', 'price_out_of_range', 'lock_timed_out', 'lock_timed_out'],
  ]);
  expect(await claire.signals({ symbol: 'BTCUSDT', signal_id: 'middle_1' })).toHaveLength(1);
  expect(await claire.signals({ signal_id: 'middle_2' })).toHaveLength(0);
  await impatient.close();
});

test('a call with more text than may wait is written where none waits', async () => {
  const text = 'x'.repeat(65_000_000);
  expect((await claire.recordSignal(signal('huge', { metadata: { text } }))).outcome).toBe('recorded');
});

test('old batches leave one refused INSERT behind, whatever others send meanwhile', async () => {
  let refused = 0;
  const context = (database: Queryable): Context => ({
    database: {
      query: (text, values) =>
        database.query<never>(text, values).catch((error) => {
          refused++;
          throw error;
        }),
    },
    ...{ book: 'main', inTransaction: false, attempt: (work) => work() },
  });
  const [old, live] = [context(book.database), context(book.database)];
  const { recordSignals, recordSignal } = operations;
  const batch = many('aged', 5);
  await recordSignals.run(old, batch);
  for (let round = 0; round < 20; round++) {
    await recordSignals.run(old, batch);
    await recordSignals.run(live, many(`new${round}`, 2));
    await recordSignal.run(old, recordSignal.input.parse(signal(`lone_${round}`)));
  }
  expect(refused).toBe(1);
});

test('a statement that fails as a whole fails each of its calls', async () => {
  const context = {
    database: claire as never,
    book: 'main',
    inTransaction: false,
    attempt: <T>(work: () => Promise<T>) => work(),
  };
  const broken = gather<{ id: string }>(context, {
    what: 'thing',
    ids: ['id'],
    idOf: ({ id }) => id,
    statement: () => Promise.reject(new ClaireError('database_unreachable')),
  });
  const results = await Promise.allSettled([broken({ id: 'a' }), broken({ id: 'b' }), broken({ id: 'c' })]);
  expect(results.map(codeOf)).toEqual(new Array(3).fill('database_unreachable'));
});
