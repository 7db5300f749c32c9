import { describe, expect, test } from 'vitest';
import { randomIntegers } from '../../src/services/market.js';
import { DAY, type Desk, deadlocks, T, useDesks } from './ground.js';

const { desk } = useDesks();

describe('many sessions', () => {
  // `node bench/decide-races.js` runs a hundred seeds with 500 decisions a session.
  test.each([
    [1, 1],
    [2, 1],
    [3, 8],
    [4, 8],
  ])(
    'seed %i, %i symbols: exactly as many orders as fit, none of them over the limit',
    async (seed, symbols) => {
      const fits = 37;
      const bench = await desk(symbols === 1 ? { max_position: fits * 100 } : { max_exposure: fits * 100 });
      const { claire, broken } = bench;
      const sessions = 20;
      const each = 12;
      const random = randomIntegers(seed);
      const signals = Array.from({ length: sessions * each }, (_, at) => ({
        ...{ signal_id: `s${at}`, symbol: `SYM${random(symbols)}`, side: 'BUY' as const },
        ...{ price: 100, confidence: 1, timestamp: T - DAY },
      }));
      await claire.recordSignals(signals);
      const connections = await Promise.all(
        Array.from({ length: sessions }, () => bench.connect({ connections: 1 })),
      );
      const decided = await Promise.all(
        connections.map(async (connection, session) => {
          const mine = signals.slice(session * each, (session + 1) * each);
          const found: (string | undefined)[] = [];
          while (mine.length > 0) {
            const batch = mine
              .splice(0, 1 + random(3))
              .map(({ signal_id }) => ({ signal_id, quantity: 1, at: T }));
            const outcomes =
              batch.length === 1 ? [await connection.decide(batch[0]!)] : await connection.decideAll(batch);
            found.push(...outcomes.map((one) => ('decision' in one ? one.decision : undefined)));
          }
          return found;
        }),
      );
      const counts = decided.flat();
      await Promise.all(connections.map((connection) => connection.close()));
      expect(counts.filter((decision) => decision === 'opening')).toHaveLength(fits);
      expect(counts.filter((decision) => decision === 'rejected')).toHaveLength(sessions * each - fits);
      expect((await claire.riskState()).reserved).toBe(String(fits * 100));
      expect(await deadlocks(bench)).toBe(0);
      expect(await broken()).toEqual([]);
    },
  );
});

/** Decides with many sessions at once what only 10 orders fit into; how many were accepted. */
async function acceptedOf(bench: Desk): Promise<number> {
  const ids = Array.from({ length: 60 }, (_, at) => `s${at}`);
  for (const id of ids) await bench.signal(id);
  const sessions = await Promise.all(ids.slice(0, 12).map(() => bench.connect({ connections: 1 })));
  const decided = await Promise.all(
    ids.map((signal_id, at) => sessions[at % 12]!.decide({ signal_id, quantity: 1, at: T })),
  );
  await Promise.all(sessions.map((session) => session.close()));
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
  const [held, passed] = [
    await desk({ max_exposure: 1000 }, { own: true }),
    await desk({ max_exposure: 1000 }, { own: true }),
  ];
  await slowly(held, true);
  expect(await acceptedOf(held)).toBe(10);
  await slowly(passed, false);
  expect(await acceptedOf(passed)).toBeGreaterThan(10);
});
