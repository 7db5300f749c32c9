import { describe, expect, test } from 'vitest';
import {
  acting,
  bindOperation,
  type Context,
  hashOf,
  type Once,
  once,
  operations,
} from '../../src/operations/index.js';
import { runUpkeep, tasks } from '../../src/upkeep/index.js';
import { refusal, useBook } from '../harness/book.js';
import { step } from '../harness/step.js';

const book = useBook();
const { sql, database } = book;
const T = Date.UTC(2024, 0, 12, 15, 20);

const signal = (signal_id: string) =>
  ({ signal_id, symbol: 'X', side: 'BUY', price: '1', confidence: '1', timestamp: T }) as const;
const record = (context: Context, signal_id: string) =>
  bindOperation(operations.recordSignal, context)(signal(signal_id));
const request = (key: string, hash = hashOf('POST', '/v1/signals', key)): Once => ({
  key,
  hash,
  caller: 'bot',
});
const recorded = async (signal_id: string) =>
  (await sql<{ n: number }>(`select count(*) as n from signals where signal_id = '${signal_id}'`))[0]!.n;

describe('a key', () => {
  test('brings the very bytes of the answer again, and the work is done once', async () => {
    let times = 0;
    const send = () =>
      once(database, 'main', request('k1'), async (context) => {
        times++;
        await record(context, 'k1');
        return { status: 201, body: '{"value": {"z":0.10000000000000000010, "a":null,"1" :[ ]}}' };
      });
    const first = await send();
    expect(first.repeated).toBe(false);
    expect(await send()).toEqual({ ...first, repeated: true });
    expect(times).toBe(1);
  });

  test('that was used for something else is a conflict, of another caller it is another key', async () => {
    const work = async () => ({ status: 200, body: 'first' });
    await once(database, 'main', request('k2'), work);
    const error = await refusal(once(database, 'main', request('k2', hashOf('other')), work));
    expect(error).toMatchObject({ code: 'idempotency_conflict', status: 409 });
    const other = await once(database, 'main', { ...request('k2', 'x'), caller: 'another' }, work);
    expect(other.repeated).toBe(false);
  });

  test('of two at once lets one work, and the other waits and gets its answer', async () => {
    const begun = step();
    const go = step();
    let times = 0;
    const work = async (context: Context) => {
      times++;
      begun.done();
      await go.reached;
      await record(context, 'k3');
      return { status: 200, body: `${times}` };
    };
    const one = once(database, 'main', request('k3'), work);
    await begun.reached;
    const two = once(database, 'main', request('k3'), work);
    const waits = async () =>
      (
        await sql<{ n: number }>(
          `select count(*) as n from pg_locks where locktype = 'advisory' and not granted`,
        )
      )[0]!.n;
    await expect.poll(waits).toBe(1);
    go.done();
    expect(await one).toEqual({ status: 200, body: '1', repeated: false });
    expect(await two).toEqual({ status: 200, body: '1', repeated: true });
    expect(times).toBe(1);
  });

  test('whose work failed is free, and nothing of the work stands', async () => {
    const failing = once(database, 'main', request('k4'), async (context) => {
      await record(context, 'k4');
      throw new Error('cut off');
    });
    await expect(failing).rejects.toThrow('cut off');
    expect(await recorded('k4')).toBe(0);
    const again = await once(database, 'main', request('k4'), async (context) => {
      await record(context, 'k4');
      return { status: 200, body: 'null' };
    });
    expect(again.repeated).toBe(false);
    expect(await recorded('k4')).toBe(1);
  });

  test('is kept for a day', async () => {
    const work = async () => ({ status: 200, body: '1' });
    await once(database, 'main', request('k5'), work);
    await once(database, 'main', request('k6'), work);
    await sql(
      `update idempotency_keys set created_at = created_at - interval '24 hours 1 minute' where key = 'k5'`,
    );
    const ended = new AbortController();
    const running = runUpkeep(database, 'main', {
      signal: ended.signal,
      onError: (error) => expect.unreachable(String(error)),
      tasks: tasks.filter(({ name }) => name.startsWith('prune')),
    });
    const left = async () =>
      (await sql<{ key: string }>(`select key from idempotency_keys where key in ('k5', 'k6')`)).map(
        ({ key }) => key,
      );
    await expect.poll(left).toEqual(['k6']);
    ended.abort();
    await running;
  });
});

describe('who did it', () => {
  const halt = (context: Context) =>
    bindOperation(operations.halt, context)({ reason: 'r', at: T, until: T + 9 });
  const actors = async (table: string) =>
    (await sql<{ actor: string }>(`select distinct actor from ${table} order by 1`)).map(
      ({ actor }) => actor,
    );

  test('stands beside the login in every table, for the time of the transaction', async () => {
    const named = ['postgres (desk page)'];
    const verbs = async (context: Context) => {
      const run = (name: keyof typeof operations, input: unknown) =>
        bindOperation(operations[name], context)(input);
      await record(context, 'w1');
      await run('setLimits', { changes: { max_open_trades: 5 }, reason: 'r' });
      await run('setCapital', { amount: '1000', reason: 'r' });
      await run('setHorizon', { table: 'candles', keep_seconds: 86_400, reason: 'r' });
      await run('decide', { signal_id: 'w1', order_id: 'w1', quantity: '1', at: T });
      await run('placeOrder', { order_id: 'w2', symbol: 'X', side: 'SELL', quantity: '1', price: '1' });
      await run('fillOrder', { order_id: 'w1' });
      await run('openTrade', {
        ...{ trade_id: 'w1', order_id: 'w1', symbol: 'X', side: 'BUY', quantity: '1' },
        ...{ entry_price: '1', entry_timestamp: T },
      });
      await run('correct', { what: 'trade', id: 'w1', changes: { entry_price: '2' }, reason: 'r' });
      await halt(context);
      await run('createToken', { name: 'w', role: 'claire_reader' });
    };
    const { max } = (await sql<{ max: number }>('select max(id) from record_log'))[0]!;
    await acting(database, 'main', 'desk page', verbs);
    expect(await actors(`(select * from limits where reason = 'r') as t`)).toEqual(named);
    expect(await actors('capital')).toEqual(named);
    expect(await actors(`(select * from retention_horizons where reason = 'r') as t`)).toEqual(named);
    expect(await actors('decisions')).toEqual(named);
    expect(await actors('order_history')).toEqual(named);
    expect(await actors('corrections')).toEqual(named);
    expect(await actors('halts')).toEqual(named);
    expect(await actors(`(select details ->> 'actor' as actor from halts) as t`)).toEqual(named);
    expect(await actors('(select created_by as actor from tokens) as t')).toEqual(named);
    expect(await actors(`(select * from record_log where id > ${max}) as t`)).toEqual(named);
    await record({ ...(await contextOf()) }, 'w3');
    await sql(`update orders set status = 'CANCELLED' where order_id = 'w2'`);
    expect(await actors(`(select * from order_history where to_status = 'CANCELLED') as t`)).toEqual([
      'postgres',
    ]);
  });

  test('says the login whatever it is told to say', async () => {
    const [row] = await database.transaction(async (t) => {
      await t.query(`set local claire.actor = 'x) claire_operator ('`);
      return t.query<{ actor: string }>('select main.actor() as actor');
    });
    expect(row!.actor).toMatch(/^postgres \(/);
  });
});

async function contextOf(): Promise<Context> {
  return { database, book: 'main', inTransaction: false, attempt: (work) => work() };
}
