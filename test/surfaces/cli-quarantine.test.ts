import { beforeAll, describe, expect, test } from 'vitest';
import { createBook } from '../../src/schema/index.js';
import { ask, claire, json, useServer } from './cli-run.js';

const desk = useServer();
const on = (...args: string[]) => [...desk.there, '--book', 'old', ...args];
const T = 1705072800000;

/** A closed trade without an exit, as 1.0 let it in, moved into quarantine; its number there. */
async function held(trade_id: string): Promise<string> {
  await desk.database.query(`alter table old.trades drop constraint trades_closed_check`);
  await desk.database.query(
    `insert into old.trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
     values ('${trade_id}', 'BTCUSDT', 'BUY', 0.50, 42000.10, ${T}, 'CLOSED')`,
  );
  const [row] = await desk.database.query<{ id: string }>(
    `select old.quarantine_row('trades', id, '{trades_closed_check}', 'CLOSED without exit price')::text as id
     from old.trades where trade_id = '${trade_id}'`,
  );
  await desk.database.query(
    `alter table old.trades add constraint trades_closed_check check (
       case status when 'CLOSED' then exit_price is not null and exit_timestamp is not null
       else exit_price is null and exit_timestamp is null end)`,
  );
  return row!.id;
}

beforeAll(async () => {
  await createBook(desk.database, 'old');
  await createBook(desk.database, 'clean');
});

describe('quarantine', () => {
  test('with nothing in it is said so in a sentence, for programs in an empty array', async () => {
    const clean = [...desk.there, '--book', 'clean'];
    const { code, stdout } = await ask(...clean, 'quarantine', 'list');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'There are no such rows in quarantine in book clean.\n',
    });
    expect((await ask(...clean, 'quarantine', 'list', '--json')).stdout).toBe('[]\n');
    expect((await ask(...clean, 'status')).stdout).not.toContain('quarantine');
  });

  test('is listed with laws, reason and the row itself, as text, JSON and CSV', async () => {
    const id = await held('listed');
    const list = ['quarantine', 'list', '--state', 'held', '--table', 'trades'];
    const { code, stdout } = await claire(...on(...list));
    expect(code).toBe(0);
    const [head, row, end] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^id {2}table_name {2}row_id {2}laws +state +reason +decided_reason {2}row$/);
    expect(row).toMatch(
      / trades_closed_check +held +CLOSED without exit price .*"quantity":"0\.50".*"trade_id":"listed"/,
    );
    expect(end).toBe('1 row');
    const [document] = await json<Record<string, unknown>[]>(...on(...list));
    expect(document).toMatchObject({ id, laws: ['trades_closed_check'], row: { exit_price: null } });
    expect(Object.keys(document!).join()).toBe(
      'id,table_name,row_id,laws,state,reason,actor,version,decided_reason,decided_by,decided_at,created_at,row',
    );
    const lines = (await ask(...on(...list, '--csv'))).stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(Object.keys(document!).join());
    expect(lines).toHaveLength(2);
    expect((await ask(...on('status'))).stdout).toMatch(/in quarantine +1 \(see `claire quarantine list/);
    expect(await json(...on('status'))).toMatchObject({ summary: { quarantined: 1 } });
  });

  test('a release with what was missing puts the row back, and records what is new', async () => {
    const id = await held('released');
    const release = ['quarantine', 'release', id, '--reason', "from the exchange's report"];
    const asItWas = await claire(...on(...release));
    expect(asItWas.code).toBe(4);
    expect(asItWas.stderr).toMatch(/CLOSED if and only if/);
    const { code, stdout } = await claire(...on(...release, 'exit_price=43000.10', `exit_timestamp=${T}`));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Row \d+ of trades is in its table again; \d columns corrected\.\n$/);
    expect(await json(...on('trades', '--trade-id', 'released'))).toMatchObject([
      { status: 'CLOSED', exit_price: '43000.1', pnl: '500' },
    ]);
    expect((await ask(...on('verify'))).code).toBe(0);
    const again = await ask(...on(...release));
    expect(again.code).toBe(4);
    expect(again.stderr).toMatch(/was released by .*from the exchange's report/);
  });

  test('what was discarded stays to be read', async () => {
    const id = await held('discarded');
    const discard = ['quarantine', 'discard', id, '--reason', 'a test of the desk'];
    expect((await claire(...on(...discard))).stdout).toMatch(/^Row \d+ of trades is discarded/);
    expect(await json(...on('quarantine', 'list', '--state', 'discarded'))).toMatchObject([
      { id, decided_reason: 'a test of the desk', row: { trade_id: 'discarded' } },
    ]);
    expect(await json(...on('trades', '--trade-id', 'discarded'))).toEqual([]);
  });

  test.each([
    ['something that is not there', ['release', '4711'], 4, /There is no row 4711 in quarantine/],
    ['what is no number', ['discard', 'T-17'], 2, /id: the number of a row is wanted/],
    ['what is no change', ['release', '1', 'exit_price'], 2, /exit_price is not COLUMN=VALUE/],
  ])('%s is refused', async (_, given, code, found) => {
    const ended = await ask(...on('quarantine', ...given, '--reason', 'test'));
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(found);
  });

  test('a decision wants a reason', async () => {
    const { code, stderr } = await ask(...on('quarantine', 'discard', '1'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/--reason/);
  });
});

describe('corrections', () => {
  test('are printed for people, for programs and for a spreadsheet', async () => {
    const event = ['--event-id', 'e'];
    await desk.database.query(
      `insert into old.risk_events (event_id, event_type, reason, timestamp) values ('e', 'signal_rejected', 'r', ${T})`,
    );
    expect(await json(...on('risk-events', ...event))).toHaveLength(1);
    await ask(
      ...on('correct', 'risk-event', 'e', 'details={"balance": 9000.5}', '--reason', 'wrong, "account"'),
    );
    const of = ['corrections', '--table', 'risk_events', '--column', 'details'];
    const { stdout } = await ask(...on(...of));
    expect(stdout).toMatch(/^table_name +row_id +column_name +before +after +law +reason/);
    expect(stdout).toMatch(/\{"balance": 9000\.5\}.* wrong, "account"/);
    expect(await json(...on(...of))).toMatchObject([{ before: null, after: '{"balance": 9000.5}' }]);
    expect((await ask(...on(...of, '--csv'))).stdout).toContain(
      `,"{""balance"": 9000.5}",,"wrong, ""account""",`,
    );
    expect((await ask(...on(...of, '--law', 'some_law'))).stdout).toBe(
      'There are no such corrections in book old.\n',
    );
  });
});
