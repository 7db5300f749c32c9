import { identifier } from '../../database/index.js';
import { LATEST_VERSION } from '../../schema/index.js';
import { ratioBar } from '../bars.js';
import { makeBook } from '../book.js';
import { loadBook } from '../data.js';
import { rotated, spread } from '../measure.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { DAYS, liveAWeek, type Week } from './churn/week.js';

/** Weeks of each, one after the other, so that neither has the quieter half of the machine. */
const ROUNDS = 3;
const FULL_RUNS = 20;

const LOADED = 'churn_loaded';

const BY = ['as released', 'settings of the server'] as const;
type By = (typeof BY)[number];

export const churn: Workload = {
  name: 'churn',
  summary: `A desk's week in seconds, with retention each night: tables, vacuum and waits with our settings and the server's.`,
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  await vacuumOften(options);
  for (const rows of options.rows) {
    const book = await makeBook(options, LOADED, LATEST_VERSION, (client, withIds, onProgress) =>
      loadBook(client, rows, withIds, onProgress),
    );
    await book.bare.query('vacuum (analyze)');
    await book.close();
    const weeks = await liveThem(options, rows);
    for (const part of [waits(weeks, rows), tables(weeks, rows)]) figures.push(...part);
    bars.push(...barsOf(weeks, options.runs >= FULL_RUNS));
    await options.place.drop(LOADED);
  }
  return {
    workload: 'churn',
    figures,
    bars,
    notes: [
      `A week after ninety days that were loaded: each day a ninetieth of the rows comes and one goes. The same week each way, in turn, ${ROUNDS} times.`,
      'Autovacuum looks once a second (autovacuum_naptime), which is once in some hours of such a week; else the server is as `claire up` starts it.',
      'What autovacuum does within a real week is done within seconds here: how long calls wait beside it is the worst that can be.',
    ],
  };
}

/** A week in seconds with a look a minute would be one without autovacuum. Of a server of others it is not ours to set. */
async function vacuumOften({ place }: WorkloadOptions): Promise<void> {
  if (!place.server) return;
  await place.admin.query("alter system set autovacuum_naptime = '1s'");
  await place.admin.query('select pg_reload_conf()');
  place.undo.add(async () => {
    await place.admin.query('alter system reset autovacuum_naptime');
  });
}

async function liveThem(options: WorkloadOptions, rows: number): Promise<Record<By, Week[]>> {
  const weeks: Record<By, Week[]> = { 'as released': [], 'settings of the server': [] };
  const rounds = options.runs >= FULL_RUNS ? ROUNDS : 1;
  for (let round = 0; round < rounds; round++) {
    for (const by of rotated(BY, round)) weeks[by].push(await oneWeek(options, rows, by));
  }
  return weeks;
}

async function oneWeek({ place, signal, onProgress }: WorkloadOptions, rows: number, by: By): Promise<Week> {
  const name = 'churn';
  const pool = place.pool(await place.create(name, LOADED), 4);
  if (by === 'settings of the server') {
    const tuned = await pool.query<{ table: string; names: string[] }>(
      `select relname::text as table, array(select split_part(o, '=', 1) from unnest(reloptions) as o) as names
       from pg_class where relnamespace = 'main'::regnamespace and relkind in ('r', 'm') and reloptions is not null`,
    );
    for (const { table, names } of tuned)
      await pool.query(`alter table main.${identifier(table)} reset (${names.join(', ')})`);
  }
  const week = await liveAWeek(pool, rows, {
    signal,
    onStep: (done, total) => onProgress(`a week, ${by}`, done, total),
  });
  await pool.close();
  await place.drop(name);
  return week;
}

function waits(weeks: Record<By, Week[]>, rows: number): Figure[] {
  return [...weeks['as released'][0]!.calls.keys()].flatMap((what) => {
    const of = (by: By) => spread(weeks[by].flatMap(({ calls }) => calls.get(what) ?? []));
    const theirs = of('settings of the server');
    return BY.map((by): Figure => {
      const own = of(by);
      const ratios = by === 'as released' ? [{ to: BY[1], ratio: own.median / theirs.median }] : [];
      const facts: Figure['facts'] = by === 'as released' ? { 'p99 over theirs': own.p99 / theirs.p99 } : {};
      return { what, by, unit: 'ms', rows, ratios, facts, ...own };
    });
  });
}

/** Of each table the middle one of the weeks. */
function tables(weeks: Record<By, Week[]>, rows: number): Figure[] {
  const names = new Set(
    BY.flatMap((by) => weeks[by].flatMap((week) => week.tables.map(({ table }) => table))),
  );
  return [...names].flatMap((table) =>
    BY.flatMap((by): Figure[] => {
      const found = weeks[by].flatMap((week) => week.tables.filter((one) => one.table === table));
      if (found.length === 0) return [];
      const middle = (value: (one: (typeof found)[number]) => number) => spread(found.map(value)).median;
      return [
        {
          ...{ what: `${table} and its indexes after a week`, by, unit: 'MB', rows, ratios: [] },
          ...spread(found.map((one) => one.table_mb + one.indexes_mb)),
          facts: {
            'table MB': middle((one) => one.table_mb),
            'indexes MB': middle((one) => one.indexes_mb),
            'dead rows': middle((one) => one.dead_rows),
            'updates within a page': middle((one) => one.hot),
            autovacuums: middle((one) => one.autovacuums),
            analyzes: middle((one) => one.autoanalyzes),
            ...(found[0]!.vacuum_ms === null ? {} : { 'vacuum ms': middle((one) => one.vacuum_ms!) }),
          },
        },
      ];
    }),
  );
}

function barsOf(weeks: Record<By, Week[]>, says: boolean): Bar[] {
  const largest = (by: By) => spread(weeks[by].map(({ largest_mb }) => largest_mb)).median;
  return [
    ratioBar(`largest size within ${DAYS} days`, largest(BY[0]) / largest(BY[1]), { atMost: 1 }, BY[1], says),
  ];
}
