import type { Book } from '../book.js';
import { SYMBOLS } from '../data.js';
import { inTurn } from '../measure.js';
import type { Bar, Figure, WorkloadOptions } from '../workload.js';
import { openTrade } from './positions-trades.js';

const WHAT = 'refresh of positions_realtime';
/** The issue's own; a machine of two cores is meant, so this one bar is in milliseconds. */
const LIMIT = { ms: 25, from: 1_000_000 };
/** The longest that rows of the seed's view go without a refresh. */
const EVERY_MS = 5000;
const OF_SEED = 'refresh materialized view concurrently positions_realtime';
const BY = { changed: 'newest, positions changed', unchanged: 'newest, nothing changed', seed: '1.1' };

/** What refreshing costs on the newest, where something changed and where nothing did, and on 1.1. */
export async function measureRefresh(options: WorkloadOptions, newest: Book, seed: Book, open: number) {
  options.onProgress(`${WHAT}, ${open} open trades`);
  const answers = { changed: [] as boolean[], unchanged: [] as boolean[] };
  const refresh = (answer: keyof typeof answers) => async () => {
    const { rows } = await newest.bare.query('select refresh_positions_realtime() as refreshed');
    answers[answer].push(rows[0].refreshed);
  };
  const change = async () => {
    await openTrade(newest.bare, SYMBOLS);
    await newest.bare.query('select fold_position_changes()');
  };
  const subjects = [
    { name: 'changed', before: change, run: refresh('changed') },
    { name: 'unchanged', run: refresh('unchanged') },
    // Nothing of its trades changes between two refreshes: it costs the same sum all the same.
    { name: 'seed', run: () => seed.bare.query(OF_SEED) },
  ] as const;
  const measured = await inTurn(subjects, options.runs, options.signal);
  const refreshed = (values: boolean[]) => `${values.filter(Boolean).length} of ${values.length} calls`;
  const figure = (name: keyof typeof BY, facts: Figure['facts']): Figure => ({
    ...measured[name],
    what: WHAT,
    by: BY[name],
    unit: 'ms',
    rows: open,
    ratios: name === 'seed' ? [] : [{ to: BY.seed, ratio: measured[name].median / measured.seed.median }],
    facts,
  });
  await change();
  const wal = {
    changed: await walOf(newest, refresh('changed')),
    unchanged: await walOf(newest, refresh('unchanged')),
    seed: await walOf(seed, () => seed.bare.query(OF_SEED)),
  };
  const figures = [
    figure('changed', { refreshed: refreshed(answers.changed), wal_bytes: wal.changed }),
    figure('unchanged', { refreshed: refreshed(answers.unchanged), wal_bytes: wal.unchanged }),
    figure('seed', {
      wal_bytes: wal.seed,
      oldest_row_computed_ms: Math.round(EVERY_MS + measured.seed.median),
    }),
  ];
  const bars: Bar[] = [
    {
      what: `${WHAT}, ${open} open trades, positions changed`,
      bar: `≤ ${LIMIT.ms} ms`,
      measured: `${measured.changed.median.toFixed(1)} ms`,
      ...(open >= LIMIT.from ? { kept: measured.changed.median <= LIMIT.ms } : {}),
    },
    {
      what: `${WHAT}, ${open} open trades, nothing changed`,
      bar: 'no refresh',
      measured: refreshed(answers.unchanged),
      kept: !answers.unchanged.includes(true),
      isLaw: true,
    },
  ];
  return { figures, bars };
}

async function walOf({ bare }: Book, work: () => Promise<unknown>): Promise<number> {
  const at = async () => (await bare.query('select pg_current_wal_insert_lsn() as at')).rows[0].at as string;
  const begun = await at();
  await work();
  const { rows } = await bare.query('select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::int as bytes', [
    begun,
  ]);
  return rows[0].bytes;
}
