import { expect, test } from 'vitest';
import { type Desk, T, useDesks } from './ground.js';

/** The laws of risk, each broken on purpose: what nobody can find is not held. */
const { desk } = useDesks();

/** As somebody who goes past every trigger. */
const tamper = ({ sql }: Desk, statement: string) =>
  sql(`begin; set local session_replication_role = replica; ${statement}; commit`);

test.each([
  ['update reservation_totals set notional = notional - 1', 'reservations_equal_pending_orders'],
  ['delete from reservation_totals', 'reservations_equal_pending_orders'],
  ['update decisions set reserved_quantity = 3', 'reservations_equal_pending_orders'],
  [`update orders set status = 'CANCELLED'`, 'reservations_equal_pending_orders'],
  ['delete from orders', 'decisions_have_their_orders'],
  [`update decisions set decision = 'rejected'`, 'decisions_have_their_orders'],
  ['update risk set day_pnl = 0', 'profit_of_the_day_is_what_trades_say'],
  ['update risk set window_pnl = window_pnl + 1', 'profit_of_the_day_is_what_trades_say'],
])('%s is found', async (statement, law) => {
  const bench = await desk({ max_drawdown: -500 });
  await bench.open('t', 10);
  await bench.decide('a', 1);
  await bench.close('t', '-10', T + 1);
  expect(await bench.broken()).toEqual([]);
  await tamper(bench, statement);
  expect(await bench.broken()).toContain(law);
});

/** Decides with many sessions at once what only 10 orders fit into; how many were accepted. */
async function acceptedOf(bench: Desk): Promise<number> {
  const ids = Array.from({ length: 60 }, (_, at) => `s${at}`);
  for (const id of ids) await bench.signal(id);
  const sessions = await Promise.all(ids.slice(0, 12).map(() => bench.connect({ connections: 1 })));
  const decided = await Promise.all(
    ids.map((signal_id, at) => sessions[at % 12]!.decide({ signal_id, quantity: 1, at: T })),
  );
  return decided.filter(({ decision }) => decision === 'opening').length;
}

/** Lets another session in after each look at what is held; and leaves the lock out, where that is wanted. */
const slowly = (bench: Desk, withLock: boolean) =>
  bench.sql(`
    do $do$
    declare
      decide text := pg_get_functiondef('decide_orders'::regproc);
      lock constant text := 'update risk set decided = risk.decided + 1 returning * into r';
      loop_of constant text := 'foreach d in array candidates loop';
    begin
      execute replace(pg_get_functiondef('judge_orders'::regproc), loop_of, 'perform pg_sleep(0.02); ' || loop_of);
      if not ${withLock} then
        assert decide like '%' || lock || '%';
        execute replace(decide, lock, 'select * into r from risk');
      end if;
    end $do$`);

test('with its lock decide keeps the limit, without it sessions pass it together', async () => {
  const [held, passed] = [await desk({ max_exposure: 1000 }), await desk({ max_exposure: 1000 })];
  await slowly(held, true);
  expect(await acceptedOf(held)).toBe(10);
  await slowly(passed, false);
  expect(await acceptedOf(passed)).toBeGreaterThan(10);
});
