import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { BUCKETS_SECONDS, entryOfMetric, type LabelOf, METRICS, type MetricName } from './table.js';

type Labels<Name extends MetricName> = [LabelOf<Name>] extends [never]
  ? Record<string, never>
  : Record<LabelOf<Name>, string>;

interface Value {
  metricName?: string;
  labels: Readonly<Record<string, string | number>>;
  value: number;
}

/** Counts of calls by how long they took, as the library counts them: one class for each bound, and one beyond. */
export interface Counted {
  calls: number;
  total_ms: number;
  buckets: readonly number[];
}

/** What a part of a collection says; nothing of it is shown before all of it is there. */
export class Page {
  readonly #values = new Map<MetricName, Value[]>();

  /** A gauge, or a counter whose count is kept elsewhere. */
  set<Name extends MetricName>(name: Name, labels: Labels<Name>, value: number): void {
    this.#add(name, { labels, value });
  }

  histogram<Name extends MetricName>(name: Name, labels: Labels<Name>, counted: Counted): void {
    let calls = 0;
    for (const [at, bound] of BUCKETS_SECONDS.entries()) {
      calls += counted.buckets[at] ?? 0;
      this.#add(name, { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: calls });
    }
    this.#add(name, {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: '+Inf' },
      value: counted.calls,
    });
    this.#add(name, { metricName: `${name}_sum`, labels, value: counted.total_ms / 1000 });
    this.#add(name, { metricName: `${name}_count`, labels, value: counted.calls });
  }

  of(name: MetricName): readonly Value[] {
    return this.#values.get(name) ?? [];
  }

  #add(name: MetricName, value: Value): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }
}

/**
 * What is shown: the pages of the parts that were collected, those of the process itself beside. The values are put in
 * whole and not counted here, so that what fails is missing instead of old.
 */
export class Board {
  readonly #registry = new Registry();

  constructor(pages: () => readonly Page[]) {
    collectDefaultMetrics({ register: this.#registry });
    for (const name of Object.keys(METRICS) as MetricName[]) {
      const { type, help } = entryOfMetric(name);
      const get = async () => ({ name, help, type, values: pages().flatMap((page) => page.of(name)) });
      // The registry asks of a metric no more than its name and this.
      this.#registry.registerMetric({ name, get } as unknown as Metric);
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
