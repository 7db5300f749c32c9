import { spread } from '../../src/bench/measure.js';
import type { Report } from '../../src/bench/report.js';
import type { Figure } from '../../src/bench/workload.js';

/** Text that ends what it stands in, wherever it is not escaped. */
export const HOSTILE = `</script><img src=x onerror="alert('a|b')"> & \`x\``;

const figure = (by: string, rows: number, times: number[], more: Partial<Figure> = {}): Figure => ({
  ...{ what: 'last 100 signals of a symbol', by, unit: 'ms', rows, ratios: [], facts: {} },
  ...spread(times),
  ...more,
});

const times = (around: number) =>
  Array.from({ length: 200 }, (_, n) => around * (1 + (n % 20) / 10 + n / 400));

/** A report with two sizes, a bar of each kind, a plan, and hostile text wherever a workload may put text. */
export function sampleReport(): Report {
  const sizes = [100_000, 10_000_000];
  const queries = sizes.flatMap((rows, at) => [
    figure('floor', rows, times(0.21)),
    figure('1.0', rows, times(14 * (1 + 90 * at)), { facts: { plan: 'Limit\n  ->  Seq Scan on signals' } }),
    figure('newest', rows, times(0.22 + at / 50), {
      ratios: [{ to: 'floor', ratio: 1.0512345 }],
      facts: { index: 'idx_signals_symbol_timestamp', 'rows scanned': 100 },
    }),
  ]);
  return {
    version: '0.1.0',
    command: 'claire bench seed-queries --rows 100k,10m --runs 200',
    started_at: '2026-01-01T00:00:00.000Z',
    seconds: 61,
    machine: { cpu: `CPU ${HOSTILE}`, cores: 2, memory_gb: 8, system: 'Linux 6', node: 'v20.19.0' },
    server: {
      version: '18.4',
      embedded: true,
      settings: {
        fsync: 'on',
        synchronous_commit: 'on',
        shared_buffers: '128MB',
        max_wal_size: '1GB',
        wal_level: 'replica',
      },
    },
    rows: sizes,
    runs: 200,
    results: [
      {
        workload: 'seed-queries',
        figures: queries,
        bars: [
          { what: 'query 1', bar: '≤ 1.2 × floor', measured: '1.05 × floor', kept: true },
          { what: 'query 2', bar: '≤ 2 × select 1', measured: '2.5 × select 1', kept: false },
          { what: 'query 3', bar: '≤ 2 × floor', measured: '170 hits need 4m events' },
        ],
        notes: [],
      },
      {
        workload: HOSTILE,
        figures: [{ ...figure(HOSTILE, 1000, times(5)), what: HOSTILE, facts: { [HOSTILE]: HOSTILE } }],
        bars: [{ what: HOSTILE, bar: HOSTILE, measured: HOSTILE }],
        notes: [HOSTILE],
      },
    ],
  };
}
