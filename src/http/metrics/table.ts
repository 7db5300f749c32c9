import { LATENCY_BUCKETS_MS } from '../../domain/latency.js';

/** How the dashboard shows a metric. `expression` where it is not the metric itself. */
export interface Panel {
  row: 'Trading' | 'Operations' | 'Pools' | 'Upkeep and backups' | 'Server' | 'Doctor';
  title: string;
  expression?: string;
  /** What a line is called: Grafana's form, with labels in `{{ }}`. */
  legend: string;
  /** Grafana's name of the unit. */
  unit: 's' | 'bytes' | 'short' | 'reqps' | 'bool';
}

export interface MetricEntry {
  type: 'gauge' | 'counter' | 'histogram';
  /** Base unit, which the name ends with; null for counts and for what has none. */
  unit: 'seconds' | 'bytes' | null;
  labels: readonly string[];
  help: string;
  panel?: Panel;
  /** The rule of docs/operating/alerts.yml that looks at it. */
  alert?: string;
}

const MONEY = 'In the money of the book, as a float: for display, not for books.';
const OPERATION = ['book', 'service', 'operation'] as const;
const OF_SAMPLES = 'as services of the library report once a minute, since this process began';
const rate = (name: string, by: string) => `sum by (${by}) (rate(${name}[5m]))`;
const p95 = (name: string, by: string) =>
  `histogram_quantile(0.95, sum by (le, ${by}) (rate(${name}_bucket[5m])))`;

const server = {
  claire_info: {
    ...{ type: 'gauge', unit: null, labels: ['version'] },
    help: 'Always 1; the version of Claire that answers.',
    alert: 'ClaireGone',
  },
  claire_database_up: {
    ...{ type: 'gauge', unit: null, labels: [] },
    help: 'Whether the database answered this scrape: 1 or 0.',
    panel: { row: 'Server', title: 'Database answers', legend: 'up', unit: 'bool' },
    alert: 'ClaireDatabaseDown',
  },
  claire_scrape_errors: {
    ...{ type: 'gauge', unit: null, labels: ['section'] },
    help: 'Whether a part of the last collection failed or came too late (1), so that its metrics are missing.',
    alert: 'ClaireMetricsMissing',
  },
  claire_scrape_duration_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: [] },
    help: 'How long the last collection from the database took.',
  },
  claire_connections: {
    ...{ type: 'gauge', unit: null, labels: ['role'] },
    help: 'Sessions of clients in this database, by role.',
    panel: {
      ...{ row: 'Server', title: 'Connections, of a budget of 30', legend: '{{role}}', unit: 'short' },
    },
    alert: 'ClaireConnectionsNearBudget',
  },
  claire_connections_budget: {
    ...{ type: 'gauge', unit: null, labels: [] },
    help: 'How many sessions of clients there should be at most.',
    alert: 'ClaireConnectionsNearBudget',
  },
  claire_database_size_bytes: {
    ...{ type: 'gauge', unit: 'bytes', labels: [] },
    help: 'Size of the database on disk, looked at once a minute.',
    panel: { row: 'Server', title: 'Size of the database', legend: 'size', unit: 'bytes' },
  },
  claire_disk_free_bytes: {
    ...{ type: 'gauge', unit: 'bytes', labels: [] },
    help: "Free space where the embedded server's data lies.",
    panel: { row: 'Server', title: 'Free space', legend: 'free', unit: 'bytes' },
    alert: 'ClaireDiskFull',
  },
  claire_wal_archive_failures_total: {
    ...{ type: 'counter', unit: null, labels: [] },
    help: 'Failures to archive a file of the log, as the server counts them.',
    alert: 'ClaireArchiveFailing',
  },
  claire_wal_last_archived_timestamp_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: [] },
    help: 'When a file of the log was archived last, Unix time.',
    panel: {
      ...{ row: 'Upkeep and backups', title: 'Age of the archive of the log' },
      ...{
        expression: 'time() - claire_wal_last_archived_timestamp_seconds',
        legend: 'age',
        unit: 's',
      },
    },
  },
} as const satisfies Record<string, MetricEntry>;

const operations = {
  claire_operation_duration_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: OPERATION },
    help: `How long calls of the verbs took, from the call to its result, ${OF_SAMPLES}.`,
    panel: {
      ...{ row: 'Operations', title: 'p95 by operation', legend: '{{book}} {{operation}}', unit: 's' },
      expression: p95('claire_operation_duration_seconds', 'book, operation'),
    },
    alert: 'ClaireOperationsSlow',
  },
  claire_operation_calls_total: {
    ...{ type: 'counter', unit: null, labels: OPERATION },
    help: `Calls of the verbs, ${OF_SAMPLES}.`,
    panel: {
      ...{ row: 'Operations', title: 'Calls', legend: '{{book}} {{operation}}', unit: 'reqps' },
      expression: rate('claire_operation_calls_total', 'book, operation'),
    },
    alert: 'ClaireOperationsFailing',
  },
  claire_operation_errors_total: {
    ...{ type: 'counter', unit: null, labels: [...OPERATION, 'code'] },
    help: `Calls of the verbs that ended with an error, by its code, ${OF_SAMPLES}.`,
    panel: {
      ...{ row: 'Operations', title: 'Errors', legend: '{{book}} {{code}}', unit: 'reqps' },
      expression: rate('claire_operation_errors_total', 'book, code'),
    },
    alert: 'ClaireOperationsFailing',
  },
  claire_http_requests_total: {
    ...{ type: 'counter', unit: null, labels: ['method', 'route', 'status'] },
    help: 'Requests that were answered.',
    panel: {
      ...{ row: 'Operations', title: 'HTTP', legend: '{{route}} {{status}}', unit: 'reqps' },
      expression: rate('claire_http_requests_total', 'route, status'),
    },
  },
} as const satisfies Record<string, MetricEntry>;

const pools = {
  claire_pool_connections: {
    ...{ type: 'gauge', unit: null, labels: ['service', 'state'] },
    help: 'Connections of the pools of this process: in_use or idle.',
    panel: { row: 'Pools', title: 'Connections', legend: '{{service}} {{state}}', unit: 'short' },
  },
  claire_pool_largest: {
    ...{ type: 'gauge', unit: null, labels: ['service'] },
    help: 'How many connections the pools of this process may have.',
  },
  claire_pool_waiting: {
    ...{ type: 'gauge', unit: null, labels: ['service'] },
    help: 'Callers that wait for a connection.',
    panel: { row: 'Pools', title: 'Waiting', legend: '{{service}}', unit: 'short' },
  },
  claire_pool_checkout_duration_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: ['service'] },
    help: 'How long callers waited for a connection.',
    panel: {
      ...{ row: 'Pools', title: 'p95 of the wait for a connection', legend: '{{service}}', unit: 's' },
      expression: p95('claire_pool_checkout_duration_seconds', 'service'),
    },
  },
  claire_pool_failed_checkouts_total: {
    ...{ type: 'counter', unit: null, labels: ['service'] },
    help: 'Callers that got no connection.',
    alert: 'ClairePoolExhausted',
  },
  claire_pool_leaks_total: {
    ...{ type: 'counter', unit: null, labels: ['service'] },
    help: 'Connections that were out for longer than they should be.',
    alert: 'ClairePoolExhausted',
  },
  claire_pool_lost_connections_total: {
    ...{ type: 'counter', unit: null, labels: ['service'] },
    help: 'Connections that the other side ended while nobody had them.',
  },
} as const satisfies Record<string, MetricEntry>;

const upkeep = {
  claire_upkeep_runs_total: {
    ...{ type: 'counter', unit: null, labels: ['book', 'task', 'result'] },
    help: 'Runs of the upkeep that this process leads: ok or failed.',
    alert: 'ClaireUpkeepFailing',
  },
  claire_upkeep_last_success_timestamp_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book', 'task'] },
    help: 'When a task of the upkeep succeeded last, Unix time.',
    panel: {
      ...{ row: 'Upkeep and backups', title: 'Since the last success', legend: '{{book}} {{task}}' },
      ...{ expression: 'time() - claire_upkeep_last_success_timestamp_seconds', unit: 's' },
    },
    alert: 'ClaireUpkeepStopped',
  },
  claire_upkeep_last_run_duration_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book', 'task'] },
    help: 'How long the last run of a task took.',
  },
  claire_upkeep_lag_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book', 'task'] },
    help: 'How long after it was due the last run of a task began.',
    panel: { row: 'Upkeep and backups', title: 'Lag', legend: '{{book}} {{task}}', unit: 's' },
  },
  claire_backup_last_verified_timestamp_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book'] },
    help: 'The moment of the newest backup that was restored and found right, Unix time; 0 where there is none.',
    panel: {
      ...{ row: 'Upkeep and backups', title: 'Age of the last verified backup', legend: '{{book}}' },
      ...{ expression: 'time() - claire_backup_last_verified_timestamp_seconds > 0', unit: 's' },
    },
    alert: 'ClaireBackupTooOld',
  },
  claire_backup_last_size_bytes: {
    ...{ type: 'gauge', unit: 'bytes', labels: ['book'] },
    help: 'Size of that backup on disk.',
  },
  claire_backup_last_failure_timestamp_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book'] },
    help: 'When something of a backup failed after that one, Unix time; 0 where nothing did.',
    alert: 'ClaireBackupFailing',
  },
  claire_backup_failures_total: {
    ...{ type: 'counter', unit: null, labels: [] },
    help: 'Failures of the daily backups and of the archive of the log that this process met.',
    alert: 'ClaireBackupFailing',
  },
} as const satisfies Record<string, MetricEntry>;

const trading = {
  claire_trading_halted: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: 'Whether trading is halted: 1 or 0.',
    panel: { row: 'Trading', title: 'Halted', legend: '{{book}}', unit: 'bool' },
    alert: 'ClaireHalted',
  },
  claire_circuit_breaker_tripped: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: 'Whether the halt in force is that of the circuit breaker: 1 or 0.',
    alert: 'ClaireCircuitBreaker',
  },
  claire_exposure_gross: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: `Gross exposure of the open trades. ${MONEY}`,
    panel: { row: 'Trading', title: 'Gross exposure', legend: '{{book}}', unit: 'short' },
  },
  claire_open_trades: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: 'Open trades.',
    panel: { row: 'Trading', title: 'Open trades', legend: '{{book}}', unit: 'short' },
  },
  claire_realized_profit_today: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: `Profit of the trades closed since the market's day began in the book's time zone, before commission. ${MONEY}`,
    panel: { row: 'Trading', title: 'Realized profit of the day', legend: '{{book}}', unit: 'short' },
  },
  claire_realized_profit_net_today: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: `The same less commission, over the trades whose commission is known. ${MONEY}`,
  },
  claire_risk_events_recent: {
    ...{ type: 'gauge', unit: null, labels: ['book', 'type', 'window'] },
    help: 'Risk events of the last hour (1h) and day (24h) by market time, counted to 10,000.',
    panel: {
      ...{
        row: 'Trading',
        title: 'Risk events of the last hour',
        legend: '{{book}} {{type}}',
        unit: 'short',
      },
      expression: 'claire_risk_events_recent{window="1h"}',
    },
  },
  claire_positions_refresh_age_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book'] },
    help: 'Since when positions_realtime is as it is; missing where it was never refreshed.',
    panel: { row: 'Trading', title: 'Age of positions_realtime', legend: '{{book}}', unit: 's' },
    alert: 'ClairePositionsStale',
  },
  claire_position_changes_unfolded: {
    ...{ type: 'gauge', unit: null, labels: ['book'] },
    help: 'Changes of positions that are not folded yet, counted to 100,000.',
    alert: 'ClairePositionsStale',
  },
} as const satisfies Record<string, MetricEntry>;

const doctor = {
  claire_doctor_check: {
    ...{ type: 'gauge', unit: null, labels: ['book', 'check', 'result'] },
    help: 'Always 1; how a check of `claire doctor` ended: ok, warn, fail or skipped. Asked once a minute while somebody scrapes.',
    panel: {
      ...{ row: 'Doctor', title: 'Checks that are not well', legend: '{{book}} {{check}} {{result}}' },
      ...{ expression: 'claire_doctor_check{result=~"warn|fail"}', unit: 'short' },
    },
    alert: 'ClaireDoctorFailing',
  },
  claire_doctor_run_timestamp_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: ['book'] },
    help: 'When the doctor was asked last, Unix time.',
  },
} as const satisfies Record<string, MetricEntry>;

/**
 * Every metric of Claire's own, once: the registry, the reference, the dashboard and the test of the alerts are made from
 * this.
 */
export const METRICS = { ...trading, ...operations, ...pools, ...upkeep, ...server, ...doctor };

export type MetricName = keyof typeof METRICS;
export type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];

export const entryOfMetric = (name: MetricName): MetricEntry => METRICS[name];

/** Upper bounds of the histograms, in seconds. */
export const BUCKETS_SECONDS: readonly number[] = LATENCY_BUCKETS_MS.map((bound) => bound / 1000);
