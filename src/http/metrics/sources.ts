import type { PoolStats } from '../../database/index.js';
import { noCalls } from '../../domain/latency.js';
import type { TaskRun } from '../../upkeep/index.js';
import type { Counted } from './board.js';
import type { Source } from './collector.js';

/** The pools of this process, added up by the name that the server shows. */
export const poolSource =
  (pools: () => readonly PoolStats[]): Source =>
  (page) => {
    const all = pools();
    for (const service of new Set(all.map((one) => one.service))) {
      const stats = all.filter((one) => one.service === service);
      const sum = (of: (one: PoolStats) => number) => stats.reduce((total, one) => total + of(one), 0);
      const labels = { service };
      page.set(
        'claire_pool_connections',
        { service, state: 'in_use' },
        sum(({ in_use }) => in_use),
      );
      page.set(
        'claire_pool_connections',
        { service, state: 'idle' },
        sum(({ idle }) => idle),
      );
      page.set(
        'claire_pool_largest',
        labels,
        sum(({ largest }) => largest),
      );
      page.set(
        'claire_pool_waiting',
        labels,
        sum(({ waiting }) => waiting),
      );
      page.set(
        'claire_pool_failed_checkouts_total',
        labels,
        sum((one) => one.failed_checkouts),
      );
      page.set(
        'claire_pool_leaks_total',
        labels,
        sum(({ leaks }) => leaks),
      );
      page.set(
        'claire_pool_lost_connections_total',
        labels,
        sum(({ lost }) => lost),
      );
      page.histogram('claire_pool_checkout_duration_seconds', labels, {
        calls: sum(({ checkouts }) => checkouts.calls),
        total_ms: sum(({ checkouts }) => checkouts.total_ms),
        buckets: noCalls().map((_, at) => sum(({ checkouts }) => checkouts.buckets[at]!)),
      } satisfies Counted);
    }
  };

/** Runs of the upkeep, as this process led them. */
export class UpkeepRuns {
  readonly #tasks = new Map<string, { last: TaskRun; ok: number; failed: number; succeeded_ms?: number }>();

  readonly add = (run: TaskRun): void => {
    const key = `${run.book} ${run.task}`;
    const before = this.#tasks.get(key) ?? { ok: 0, failed: 0 };
    const counted = { ...before, last: run };
    counted[run.ok ? 'ok' : 'failed']++;
    this.#tasks.set(key, run.ok ? { ...counted, succeeded_ms: Date.now() } : counted);
  };

  readonly source: Source = (page) => {
    for (const { last, ok, failed, succeeded_ms } of this.#tasks.values()) {
      const labels = { book: last.book, task: last.task };
      page.set('claire_upkeep_runs_total', { ...labels, result: 'ok' }, ok);
      page.set('claire_upkeep_runs_total', { ...labels, result: 'failed' }, failed);
      page.set('claire_upkeep_last_run_duration_seconds', labels, last.took_ms / 1000);
      page.set('claire_upkeep_lag_seconds', labels, last.late_ms / 1000);
      if (succeeded_ms !== undefined)
        page.set('claire_upkeep_last_success_timestamp_seconds', labels, succeeded_ms / 1000);
    }
  };
}

/** Requests that were answered. */
export class Requests {
  readonly #counts = new Map<string, { method: string; route: string; status: string; requests: number }>();

  add(of: { method: string; route: string; status: string }): void {
    const key = `${of.method} ${of.route} ${of.status}`;
    const counted = this.#counts.get(key) ?? { ...of, requests: 0 };
    counted.requests++;
    this.#counts.set(key, counted);
  }

  readonly source: Source = (page) => {
    for (const { requests, ...labels } of this.#counts.values())
      page.set('claire_http_requests_total', labels, requests);
  };
}
