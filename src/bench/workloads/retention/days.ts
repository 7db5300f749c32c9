import type { Queryable } from '../../../database/index.js';
import { migrate } from '../../../schema/index.js';
import { runRetention } from '../../../upkeep/index.js';
import { ratioBar } from '../../bars.js';
import { spread } from '../../measure.js';
import type { Bar, Figure, WorkloadOptions } from '../../workload.js';

const DATABASE = 'retention_days';
const DAYS = 30;
const DAY_MS = 86_400_000;
const MOST = 1.3;
/** More rows say nothing more of how room is used again, and take an hour. */
const LARGEST = 1_000_000;

/** A day's rows come and a day's rows go, for thirty days: how large the table is beside what it was at first. */
export async function measureDays(
  options: WorkloadOptions,
  rows: number,
): Promise<{ figures: Figure[]; bars: Bar[] }> {
  const { place, signal, onProgress } = options;
  const a_day = Math.max(1, Math.floor(Math.min(rows, LARGEST) / DAYS));
  const pool = place.pool(await place.create(DATABASE), 2);
  await migrate(pool, 'main', { signal });
  const sizes: number[] = [];
  let steady = 0;
  await pool.session(async (session) => {
    // Simulated days lie in the past, the last of them is today: nobody makes a row older than it is.
    await record(session, { from: 2 * DAYS, to: DAYS + 1, a_day });
    await session.query('vacuum (analyze) main.signals');
    steady = await sizeOf(session);
    for (let today = DAYS - 1; today >= 0; today--) {
      signal.throwIfAborted();
      onProgress("a day's rows come, a day's rows go", DAYS - today, DAYS);
      await record(session, { from: today + 1, to: today + 1, a_day });
      await runRetention(session, 'main', {
        ...{ tables: ['signals'], withoutBackup: true, signal, vacuums: true },
        at_ms: Date.now() - today * DAY_MS,
      });
      sizes.push(await sizeOf(session));
    }
  });
  const left = await pool.query<{ count: number }>('select count(*) from main.signals');
  await pool.close();
  await place.drop(DATABASE);
  const what = `signals and their indexes, ${DAYS} days of ${a_day.toLocaleString('en-US')} rows that come and go`;
  return {
    figures: [
      {
        ...{ what, by: 'retention', unit: 'MB', ratios: [], rows: a_day * DAYS },
        ...spread(sizes),
        facts: { 'at first': steady, 'at the end': sizes.at(-1)!, 'rows at the end': left[0]!.count },
      },
    ],
    bars: [
      // A table of a few pages says nothing of how room is used again.
      ratioBar(what, Math.max(...sizes) / steady, { atMost: MOST }, 'the size at first', a_day >= 1000),
    ],
  };
}

interface Days {
  /** Days ago, of the first and the last. */
  from: number;
  to: number;
  a_day: number;
}

/** Signals as they would have been recorded at noon of each day. */
const record = (session: Queryable, { from, to, a_day }: Days) =>
  session.query(
    `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
     select 'day_' || day || '_' || n, 'SYM' || n % 50, 'BUY', 100 + n % 1000, 0.5, 1700000000000 + n,
       timezone('UTC', now()) - (day - 0.5) * interval '1 day'
     from generate_series($1::int, $2::int, -1) as day cross join generate_series(1, $3::int) as n
     order by day desc, n`,
    [from, to, a_day],
  );

const sizeOf = async (session: Queryable): Promise<number> => {
  const [row] = await session.query<{ size: number }>(
    `select pg_total_relation_size('main.signals') / 1e6::float8 as size`,
  );
  return row!.size;
};
