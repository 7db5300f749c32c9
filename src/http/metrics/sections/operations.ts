import type { Queryable } from '../../../database/index.js';
import { noCalls } from '../../../domain/latency.js';
import type { Page } from '../board.js';
import type { Section } from '../collector.js';

/** What a service of the library reported of one operation and one minute. */
interface Sample {
  key: string;
  at_ms: number;
  book: string;
  service: string;
  operation: string;
  calls: number;
  errors: Readonly<Record<string, number>>;
  total_ms: number;
  buckets: number[];
}

interface Sum {
  calls: number;
  total_ms: number;
  buckets: number[];
  errors: Map<string, number>;
}

/** A report may be committed this long after the moment that it says. */
const LATE_MS = 120_000;
/** Three services with fifty operations each write 150 a minute. */
const MOST = 20_000;
/** Whoever may log in may report, under any name: what comes beyond so many lines is added up as `other`. */
const MOST_LINES = 1000;
const MOST_CODES = 50;
const OTHER = 'other';

/**
 * Calls of all services, by the reports that they write each minute. Those are removed when they are old, so they are
 * added up here from when this process began: a counter that starts again when the process does, and never goes down.
 */
export function operations(now: () => number = Date.now): Section {
  const sums = new Map<string, { book: string; service: string; operation: string; sum: Sum }>();
  const seen = new Map<string, number>();
  const begun = now();
  return {
    name: 'operations',
    async collect({ session, page }) {
      for (const sample of await samplesSince(session, Math.max(begun, now() - LATE_MS))) {
        if (seen.has(sample.key)) continue;
        seen.set(sample.key, sample.at_ms);
        add(sample);
      }
      for (const [key, at_ms] of seen) if (at_ms < now() - 2 * LATE_MS) seen.delete(key);
      for (const { sum, ...of } of sums.values()) show(page, of, sum);
    },
  };

  function sumOf(book: string, service: string, operation: string): Sum {
    const key = JSON.stringify([book, service, operation]);
    const known = sums.get(key);
    if (known) return known.sum;
    if (sums.size >= MOST_LINES && book !== OTHER) return sumOf(OTHER, OTHER, OTHER);
    const sum: Sum = { calls: 0, total_ms: 0, buckets: noCalls(), errors: new Map() };
    sums.set(key, { book, service, operation, sum });
    return sum;
  }

  function add({ book, service, operation, ...sample }: Sample): void {
    const sum = sumOf(book, service, operation);
    sum.calls += sample.calls;
    sum.total_ms += sample.total_ms;
    for (const at of sum.buckets.keys()) sum.buckets[at]! += sample.buckets[at] ?? 0;
    for (const [given, errors] of Object.entries(sample.errors)) {
      const code = sum.errors.has(given) || sum.errors.size < MOST_CODES ? given : OTHER;
      sum.errors.set(code, (sum.errors.get(code) ?? 0) + errors);
    }
  }
}

async function samplesSince(session: Queryable, since_ms: number): Promise<Sample[]> {
  const [there] = await session.query<{ is: boolean }>(
    `select to_regclass('claire_system.operation_samples') is not null as is`,
  );
  // Nobody samples this database.
  if (!there!.is) return [];
  return session.query<Sample>(
    `select concat_ws(' ', ctid, at, book, service, operation) as key,
       extract(epoch from at)::float8 * 1000 as at_ms,
       book, service, operation, calls::float8 as calls, errors, total_ms::float8 as total_ms,
       buckets::float8[] as buckets
     from claire_system.operation_samples where at >= to_timestamp($1::float8 / 1000)
     order by at limit ${MOST}`,
    [since_ms],
  );
}

function show(
  page: Page,
  of: { book: string; service: string; operation: string },
  { errors, ...sum }: Sum,
): void {
  page.set('claire_operation_calls_total', of, sum.calls);
  page.histogram('claire_operation_duration_seconds', of, sum);
  for (const [code, count] of errors) page.set('claire_operation_errors_total', { ...of, code }, count);
}
