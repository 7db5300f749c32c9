import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type LogEvent, type LogPage, readLog } from '../../src/operations/index.js';
import { useBook } from '../harness/book.js';
import { holdOpen } from '../harness/hold.js';

const book = useBook();
const { sql, database } = book;
const T = Date.UTC(2024, 0, 12, 15, 20);

const read = (after?: string, limit = 500): Promise<LogPage> =>
  readLog(database, 'main', { ...(after === undefined ? {} : { after }), limit });

/** Waits for transactions that began before, of other test files too: the log is held back by each of the server. */
async function settled(): Promise<void> {
  const bounds = async () =>
    (
      await sql<{ xmin: string; xmax: string }>(
        `select pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax from pg_current_snapshot() as s`,
      )
    )[0]!;
  const { xmax } = await bounds();
  await expect
    .poll(async () => BigInt((await bounds()).xmin) >= BigInt(xmax), { timeout: 30_000, interval: 5 })
    .toBe(true);
}

/** Where the log ends now; what is told after it is the test's own. */
let begin: string;
beforeEach(async () => {
  await settled();
  begin = (await read()).cursor;
});

/** Everything from a place on, page by page. */
async function readAll(after = begin, limit = 500): Promise<LogEvent[]> {
  await settled();
  const page = await read(after, limit);
  expect(page.gap).toBe(false);
  if (page.events.length === 0) return [];
  return [...page.events, ...(await readAll(page.cursor, limit))];
}

const told = (events: readonly LogEvent[]) =>
  events.map(({ what, action, row }) => `${what} ${action} ${row.order_id ?? row.trade_id ?? row.symbol}`);

const insertOrders = (prefix: string, from: number, to: number, symbol = 'X') =>
  `insert into orders (order_id, symbol, side, quantity, price, status)
   select '${prefix}' || n, '${symbol}', 'BUY', 1, 1, 'FILLED' from generate_series(${from}, ${to}) as n`;
const insertTrades = (prefix: string, from: number, to: number, symbol = 'X') =>
  `insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
   select '${prefix}' || n, '${symbol}', 'BUY', 1, 1, ${T}, 'OPEN' from generate_series(${from}, ${to}) as n`;
const closeTrades = (prefix: string) =>
  `update trades set status = 'CLOSED', exit_price = 2, exit_timestamp = ${T + 1} where trade_id like '${prefix}%'`;

describe('what plain SQL writes', () => {
  test('is told in its order, with the rows as the reads give them', async () => {
    const claire = await book.connect();
    await sql(
      `insert into orders (order_id, symbol, side, quantity, price, status) values ('p1', 'X', 'BUY', 2, 3, 'PENDING')`,
    );
    await sql(`update orders set status = 'FILLED' where order_id = 'p1'`);
    await sql(insertTrades('pt', 1, 1, 'PX'));
    await sql(
      `insert into risk_events (event_id, event_type, reason, timestamp) values ('pe', 'signal_rejected', 'r', ${T})`,
    );
    await sql(closeTrades('pt'));
    await sql(`select set_limits('{"max_open_trades": 100000}', 'r')`);
    await sql(`select halt_trading('h', ${T})`);
    await sql(`select resume_trading('r', false, ${T})`);
    const events = await readAll();
    expect(events.map(({ what, action }) => `${what} ${action}`)).toEqual([
      ...[
        'order insert',
        'order update',
        'trade insert',
        'risk_event insert',
        'trade update',
        'position update',
      ],
      ...['limits insert', 'halt insert', 'risk_event insert', 'halt insert'],
    ]);
    expect(events[0]!.row).toEqual((await claire.orders({ order_id: 'p1' }))[0]);
    expect(events[2]!.row).toEqual((await claire.trades({ trade_id: 'pt1' }))[0]);
    expect(events[3]!.row).toEqual((await claire.riskEvents({ event_id: 'pe' }))[0]);
    expect(events[6]!.row).toEqual((await claire.limitsHistory({ limit: 1 }))[0]);
    expect(events.at(-1)!.row).toEqual((await claire.halts({ limit: 1 }))[0]);
    expect(new Set(events.map(({ actor }) => actor))).toEqual(new Set(['postgres']));
    expect(events[5]!.row).toMatchObject({ symbol: 'PX', side: 'BUY', total_quantity: '0', num_trades: 0 });
  });

  test('costs a row of the log a statement, and none where nothing changes', async () => {
    const rows = async () => (await sql<{ n: number }>('select count(*) as n from record_log'))[0]!.n;
    const before = await rows();
    await sql(insertOrders('one', 1, 100));
    expect(await rows()).toBe(before + 1);
    await sql(`update orders set status = 'FILLED' where order_id like 'one%'`);
    await sql(`insert into orders select * from orders where false`);
    expect(await rows()).toBe(before + 1);
    await expect(sql(`${insertOrders('lost', 1, 1)}; ${insertOrders('one', 1, 1)}`)).rejects.toThrow();
    expect(await rows()).toBe(before + 1);
  });

  test('is not told of a copy that a restore makes', async () => {
    await sql(`begin; set local session_replication_role = replica; ${insertOrders('copy', 1, 3)}; commit`);
    expect(await readAll()).toEqual([]);
  });

  test('comes whole of a batch of 10,000, page by page', async () => {
    await sql(insertOrders('many', 1, 10_000));
    await sql(insertTrades('manyt', 1, 700, 'MANY'));
    const events = await readAll();
    const names = told(events.filter(({ what }) => what !== 'position'));
    expect(names).toEqual([
      ...Array.from({ length: 10_000 }, (_, n) => `order insert many${n + 1}`),
      ...Array.from({ length: 700 }, (_, n) => `trade insert manyt${n + 1}`),
    ]);
    const positions = events.filter(({ what }) => what === 'position');
    expect(positions.length).toBeLessThan(4);
    expect(positions.at(-1)!.row).toMatchObject({ symbol: 'MANY', total_quantity: '700' });
  });
});

describe('positions', () => {
  test('follow the last trade of a page that moved them, closed ones with nothing', async () => {
    await sql(insertTrades('pa', 1, 3, 'PA'));
    await sql(insertTrades('pb', 1, 1, 'PB'));
    expect(told(await readAll())).toEqual([
      ...['trade insert pa1', 'trade insert pa2', 'trade insert pa3', 'position insert PA'],
      ...['trade insert pb1', 'position insert PB'],
    ]);
  });

  test('are told to who was cut off between the trade and its position, and the trade not again', async () => {
    await sql(insertTrades('cut', 1, 2, 'CUT'));
    const events = await readAll();
    expect(told(events)).toEqual(['trade insert cut1', 'trade insert cut2', 'position insert CUT']);
    expect(told(await readAll(events[1]!.cursor))).toEqual(['position insert CUT']);
    expect(told(await readAll(events[0]!.cursor))).toEqual(['trade insert cut2', 'position insert CUT']);
    expect(await readAll(events[2]!.cursor)).toEqual([]);
  });

  test('that a trade left for quarantine, or for another symbol, are told too', async () => {
    await sql(insertTrades('q', 1, 2, 'Q'));
    await settled();
    const { cursor } = await read();
    await sql(`select quarantine_row('trades', (select id from trades where trade_id = 'q1'), '{law}', 'r')`);
    await sql(
      `select correct_record('trades', (select id from trades where trade_id = 'q2'), '{"symbol": "Q 2"}', 'r')`,
    );
    const events = await readAll(cursor);
    expect(told(events)).toEqual(['trade update q2', 'position update Q 2', 'position update Q']);
    expect(events.at(-1)!.row).toMatchObject({ total_quantity: '0' });
    expect(events[1]!.row).toMatchObject({ symbol: 'Q 2', total_quantity: '1' });
  });
});

describe('the cursor', () => {
  test('holds back what was begun after a transaction that is still open, and then tells all in one order', async () => {
    const end = await holdOpen(database, ['set local search_path to main', insertOrders('open', 1, 1)]);
    await sql(insertOrders('later', 1, 1));
    const page = await read(begin);
    expect(page.events).toEqual([]);
    await end();
    expect(told(await readAll(page.cursor))).toEqual(['order insert open1', 'order insert later1']);
  });

  test('that goes by numbers alone would skip what commits late', async () => {
    const newest = async () => (await sql<{ id: number }>('select max(id) as id from record_log'))[0]!.id;
    const end = await holdOpen(database, ['set local search_path to main', insertOrders('late', 1, 1)]);
    await sql(insertOrders('early', 1, 1));
    const seen = await newest();
    await end();
    expect(await newest()).toBe(seen);
    expect(told(await readAll())).toEqual(['order insert late1', 'order insert early1']);
  });

  test('skips nothing and tells nothing twice, however transactions open, write, read and end', async () => {
    let run = 0;
    const step = fc.record({
      session: fc.nat(3),
      act: fc.constantFrom('write', 'write', 'trade', 'commit', 'rollback', 'read', 'read'),
      rows: fc.integer({ min: 1, max: 7 }),
      limit: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
        const name = `r${++run}_`;
        await settled();
        let { cursor } = await read();
        const seen: string[] = [];
        const committed: string[] = [];
        const take = async (limit: number) => {
          const page = await read(cursor, limit);
          expect(page.gap).toBe(false);
          cursor = page.cursor;
          seen.push(...told(page.events.filter(({ what }) => what !== 'position')));
          return page.events.length;
        };
        const sessions = Array.from({ length: 4 }, () => new Desk());
        let written = 0;
        for (const { session, act, rows, limit } of steps) {
          const desk = sessions[session]!;
          if (act === 'read') await take(limit);
          else if (act === 'commit') committed.push(...(await desk.end('commit')));
          else if (act === 'rollback') await desk.end('rollback');
          else {
            const from = written + 1;
            written += rows;
            await desk.run(
              (act === 'trade' ? insertTrades : insertOrders)(name, from, written),
              Array.from(
                { length: rows },
                (_, n) => `${act === 'trade' ? 'trade' : 'order'} insert ${name}${from + n}`,
              ),
            );
          }
        }
        for (const desk of sessions) committed.push(...(await desk.end('commit')));
        await settled();
        while ((await take(3)) > 0);
        expect([...seen].sort()).toEqual([...committed].sort());
      }),
      { numRuns: 40 },
    );
  });

  test('says of a place that was pruned that something is missing, and of one that was not that nothing is', async () => {
    await sql(insertOrders('old', 1, 1));
    const old = (await readAll())[0]!.cursor;
    await sql(insertOrders('older', 1, 1));
    await settled();
    const last = (await read(old)).cursor;
    await sql(`update record_log set created_at = created_at - interval '25 hours'`);
    await sql(insertOrders('young', 1, 1));
    await sql('select prune_record_log()');
    expect((await read(begin)).gap).toBe(true);
    expect((await read(old)).gap).toBe(true);
    await settled();
    const page = await read(last);
    expect(page).toMatchObject({ gap: false });
    expect(told(page.events)).toEqual(['order insert young1']);
    await sql('select prune_record_log()');
    expect((await read(last)).gap).toBe(false);
  });

  test('of a time that this server has not come to is one of another record', async () => {
    const [row] = await sql<{ next: string; later: string }>(
      `select xmax::text as next, xmax + 1000000 as later
       from (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax) s`,
    );
    expect(await read(`${row!.next}.0.0`)).toMatchObject({ gap: false });
    // Far enough: other books of this server write meanwhile.
    expect(await read(`${row!.later}.1.2`)).toMatchObject({ gap: true, events: [] });
    expect(await read('9000000000000000000.1.2')).toMatchObject({ gap: true });
  });

  test.each(['', 'x', '1.2', '1.2.3.4', '-1.2.3', `1.2.3'`, '99999999999999999999.1.1'])(
    '%j is none',
    async (cursor) => {
      await expect(read(cursor)).rejects.toMatchObject({ code: 'log_cursor_invalid' });
    },
  );
});

/** A client with its own session, whose transaction is open or not. */
class Desk {
  #pending: string[] = [];
  #statements: ((statement: string | undefined) => void) | undefined;
  #done: Promise<void> | undefined;
  #answered: (() => void) | undefined;

  async run(statement: string, names: string[]): Promise<void> {
    if (!this.#done) await this.#open();
    this.#pending.push(...names);
    await this.#say(statement);
  }

  async end(how: 'commit' | 'rollback'): Promise<string[]> {
    if (!this.#done) return [];
    const pending = this.#pending;
    await this.#say(how);
    this.#statements?.(undefined);
    await this.#done;
    this.#done = undefined;
    this.#pending = [];
    return pending;
  }

  async #open(): Promise<void> {
    const ready = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#done = database.session(async (session) => {
      await session.query('begin');
      await session.query('set local search_path to main');
      for (;;) {
        const next = new Promise<string | undefined>((resolve) => {
          this.#statements = resolve;
        });
        this.#answered?.();
        const statement = await next;
        if (statement === undefined) return;
        await session.query(statement);
      }
    });
    await Promise.race([ready, this.#done]);
  }

  async #say(statement: string): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#statements?.(statement);
    await Promise.race([answered, this.#done]);
  }
}
