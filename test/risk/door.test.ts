import { describe, expect, test } from 'vitest';
import { refusal } from '../harness/book.js';
import { T, useDesks } from './ground.js';

const { desk } = useDesks();
const order = (id: string, quantity: number | string, other = '') =>
  `insert into orders (order_id, symbol, side, quantity, price, status${other ? ', timestamp' : ''})
   values ('${id}', 'BTCUSDT', 'BUY', ${quantity}, 100, 'PENDING'${other})`;

describe('an order by plain SQL', () => {
  test('is refused while halted, nothing written, unless it only closes', async () => {
    const { sql, open, claire } = await desk();
    await open('long', 5);
    await claire.halt({ reason: 'stop', at: T });
    await expect(sql(order('o', 1))).rejects.toMatchObject({
      code: 'trading_halted',
      law: 'orders_wait_while_halted',
    });
    expect(await sql('select * from orders')).toEqual([]);
    expect(await sql('select * from decisions')).toEqual([]);
    await sql(order('out', 5).replace('BUY', 'SELL'));
    await expect(sql(order('in', 5).replace('BUY', 'SELL'))).rejects.toMatchObject({
      code: 'trading_halted',
    });
    expect(
      (await refusal(claire.placeOrder({ order_id: 'p', symbol: 'X', side: 'BUY', quantity: 1 }))).code,
    ).toBe('trading_halted');
  });

  test('over a limit is taken and told, as long as limits only warn', async () => {
    const { sql, claire, broken } = await desk({ max_exposure: 5000, max_position: 4000 });
    await sql(order('o', 60, `, ${T}`));
    expect(await claire.riskEvents()).toMatchObject([
      {
        event_type: 'position_limit_exceeded',
        reason: 'Order accepted by plain SQL: Position limit exceeded',
        timestamp: T,
      },
      {
        event_type: 'exposure_limit_exceeded',
        details: { current_exposure: 0, max_exposure: 5000, new_position: 6000, order_id: 'o' },
      },
    ]);
    expect(await claire.decisions({ order_id: 'o' })).toMatchObject([
      { decision: 'direct', broken: ['max_exposure', 'max_position'], notional: '6000' },
    ]);
    expect(await broken()).toEqual([]);
  });

  test('over a limit is refused where limits are enforced, and one within it taken', async () => {
    const { sql, broken } = await desk({ max_exposure: 5000, enforce_limits: 'on' });
    await sql(order('fits', 50));
    await expect(sql(order('more', '0.01'))).rejects.toMatchObject({
      code: 'order_over_limits',
      law: 'orders_within_limits',
    });
    expect(await sql('select order_id from orders')).toEqual([{ order_id: 'fits' }]);
    expect(await sql('select * from risk_events')).toEqual([]);
    expect(await broken()).toEqual([]);
  });

  test('is not looked at where limits are off, but still reserves', async () => {
    const { sql, decide } = await desk({ max_exposure: 5000, enforce_limits: 'off' });
    await sql(order('o', 45));
    expect(await sql('select * from risk_events')).toEqual([]);
    expect(await decide('s', 6)).toMatchObject({ decision: 'rejected', exposure: '4500' });
  });

  test('that was refused or filled when it was recorded is a fact and reserves nothing', async () => {
    const { sql, claire, broken } = await desk({ max_exposure: 1, enforce_limits: 'on' });
    await claire.halt({ reason: 'stop', at: T });
    await sql(order('f', 5).replace('PENDING', 'FILLED'));
    await claire.placeOrder({
      ...{ order_id: 'r', symbol: 'X', side: 'BUY', quantity: 1, status: 'REJECTED', rejection_reason: 'r' },
    });
    expect(await sql('select * from decisions')).toEqual([]);
    expect(await broken()).toEqual([]);
  });

  test('that is there already is ignored without a question', async () => {
    const { sql, claire } = await desk();
    await sql(order('o', 1));
    await claire.halt({ reason: 'stop', at: T });
    await sql(`${order('o', 1)} on conflict do nothing`);
    expect(
      await claire.placeOrder({ order_id: 'o', symbol: 'BTCUSDT', side: 'BUY', quantity: 1, price: 100 }),
    ).toMatchObject({
      outcome: 'already_recorded',
    });
  });

  test('a MARKET order is valued at the last price known of its signal, or of its symbol', async () => {
    const { sql, signal, claire } = await desk({ max_exposure: 5000, enforce_limits: 'on' });
    const market = (id: string, of: string) =>
      `insert into orders (order_id, signal_id, symbol, side, quantity, status) values ('${id}', ${of}, 'BTCUSDT', 'BUY', 10, 'PENDING')`;
    await expect(sql(market('blind', 'null'))).rejects.toMatchObject({ code: 'order_over_limits' });
    await signal('old', { price: '50' });
    await signal('new', { price: '70', timestamp: T + 1 });
    await sql(market('of signal', `'old'`));
    await sql(market('of symbol', 'null'));
    const notional = async (order_id: string) => (await claire.decisions({ order_id }))[0]!.notional;
    expect([await notional('of signal'), await notional('of symbol')]).toEqual(['500', '700']);
  });

  test('cannot be passed off as decided by a login that may insert orders', async () => {
    const { sql } = await desk();
    const rights = await sql<{ table_name: string }>(
      `select c.relname as table_name from pg_class c, unnest(array['risk_manager', 'claire', 'claire_operator', 'signal_engine', 'execution_service']) as login
       where c.relnamespace = 'main'::regnamespace
         and c.relname in ('decisions', 'limits', 'capital', 'halts', 'risk', 'reservation_totals', 'reservation_changes', 'order_history')
         and exists (select from pg_roles where rolname = login)
         and (has_table_privilege(login, c.oid, 'insert, update, delete, truncate'))`,
    );
    expect(rights).toEqual([]);
  });
});

describe('what an order reserves', () => {
  test('goes with its cancel, and with its trade; a fill without a trade keeps it', async () => {
    const { decide, claire, open, sql, broken } = await desk({ max_exposure: 1000 });
    const reserved = async () => {
      await sql('select fold_reservation_changes()');
      return (await claire.riskState()).reserved;
    };
    await decide('a', 4);
    await decide('b', 6);
    expect(await reserved()).toBe('1000');
    await claire.cancelOrder({ order_id: 'ord-a' });
    expect(await reserved()).toBe('600');
    await claire.fillOrder({ order_id: 'ord-b' });
    expect(await reserved()).toBe('600');
    await open('half', 2, { order_id: 'ord-b' });
    expect(await reserved()).toBe('400');
    await open('rest', 4, { order_id: 'ord-b' });
    expect(await reserved()).toBe('0');
    expect(await decide('c', 5)).toMatchObject({ decision: 'rejected', exposure: '600' });
    expect(await broken()).toEqual([]);
  });

  test('of an order whose trade never comes is released by hand, with a reason', async () => {
    const { decide, claire, broken } = await desk({ max_exposure: 1000 });
    await decide('a', 10);
    const release = () => claire.releaseReservation({ order_id: 'ord-a', reason: 'closed a short' });
    expect((await refusal(release())).code).toBe('reservation_stays');
    await claire.fillOrder({ order_id: 'ord-a' });
    expect(await claire.reservations()).toMatchObject([
      { order_id: 'ord-a', status: 'FILLED', notional: '1000' },
    ]);
    await release();
    expect(await claire.reservations()).toEqual([]);
    expect((await claire.orderHistory({ order_id: 'ord-a' }))[0]).toMatchObject({ reason: 'closed a short' });
    expect((await decide('b', 10)).decision).toBe('opening');
    expect(await broken()).toEqual([]);
  });

  test('comes back where a trade of it is corrected', async () => {
    const { decide, claire, open, broken } = await desk({ max_exposure: 1000 });
    await decide('a', 10);
    await claire.fillOrder({ order_id: 'ord-a' });
    await open('t', 10, { order_id: 'ord-a' });
    await claire.correct({ what: 'trade', id: 't', changes: { quantity: '4' }, reason: 'typed' });
    expect(await claire.riskState()).toMatchObject({ exposure: '400', reserved: '600' });
    expect(await decide('b', 1)).toMatchObject({ decision: 'rejected', exposure: '1000' });
    expect(await broken()).toEqual([]);
  });

  test('follows a corrected quantity', async () => {
    const { decide, claire, broken } = await desk({ max_exposure: 1000 });
    await decide('a', 10);
    await claire.correct({ what: 'order', id: 'ord-a', changes: { quantity: '3' }, reason: 'typed' });
    expect((await decide('b', 7)).decision).toBe('opening');
    expect(await broken()).toEqual([]);
  });
});

describe('a fill', () => {
  test('is never refused; where it breaks a limit, that is an event', async () => {
    const { decide, claire, open, broken } = await desk({ max_exposure: 1000, max_position: 1000 });
    await claire.halt({ reason: 'stop', at: T + 1 });
    await claire.resume({ reason: 'on', at: T + 1 });
    await decide('a', 10);
    await claire.fillOrder({ order_id: 'ord-a' });
    await open('dear', 10, { order_id: 'ord-a', entry_price: '101', entry_timestamp: T });
    const events = await claire.riskEvents({ since: T, until: T + 1 });
    expect(events).toMatchObject([
      { event_type: 'position_limit_exceeded', details: { current_position: 0, new_position: 1010 } },
      {
        event_type: 'exposure_limit_exceeded',
        details: { current_exposure: 0, max_exposure: 1000, new_position: 1010 },
      },
    ]);
    expect(await broken()).toEqual([]);
  });

  test('at the price that was reserved, or within the limits, tells nothing', async () => {
    const { decide, claire, open } = await desk({ max_exposure: 1000 });
    await decide('a', 5);
    await open('t', 5, { order_id: 'ord-a', entry_price: '120' });
    await open('u', 4, { symbol: 'ETH' });
    expect(await claire.riskEvents()).toEqual([]);
  });
});
