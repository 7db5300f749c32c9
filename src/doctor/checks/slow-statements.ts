import type { Queryable } from '../../database/index.js';
import { defineCheck, type Evidence, ok, skipped, type Verdict, warn } from '../check.js';
import { sampledOf } from '../queries.js';

const FLOOR_MS = 20;
const CALLS = 20;
/** Fewer minutes have no p99 to speak of. */
const HISTORY_MINUTES = 10;
const SHOWN = 20;

interface Slow {
  of: 'operation' | 'statement';
  name: string;
  by: string;
  /** Of an operation p95 as its callers saw it, of a statement the mean. */
  now_ms: number;
  median_before_ms: number;
  p99_before_ms: number;
  calls: number;
  minutes_before: number;
}

export const slowStatements = defineCheck({
  name: 'slow_statements',
  question: 'Is an operation or a statement slower than it was?',
  threshold:
    `The last minute (p95 of an operation, mean of a statement) over the p99 of its own minutes of 24 h, over twice their median, ` +
    `and over ${FLOOR_MS} ms, which nobody notices; of minutes with ${CALLS} calls at least, because fewer are chance.`,
  of: 'server',
  async examine({ session, book }) {
    const [clock] = await session.query<{ now: number }>('select clock_timestamp() as now');
    const { since_ms, last_ms, missing } = await sampledOf(session);
    const unsampled = whyUnsampled(clock!.now, since_ms, last_ms);
    if (unsampled) return unsampled;
    const slow = [...(await slowOperations(session, book)), ...(await slowOnes(session))];
    const statements =
      missing === null ? 'no statement' : 'of statements nothing is sampled (see `claire queries`)';
    if (slow.length === 0)
      return ok(`No operation of book ${book} and ${statements} is slower than in the last 24 h.`);
    const [worst] = slow as [Slow];
    const what = worst.of === 'operation' ? 'p95' : 'mean';
    return warn(
      `${worst.name} of ${worst.by} took ${worst.now_ms} ms (${what}) in its last minute of ${worst.calls} calls, ` +
        `${worst.median_before_ms} ms before${slow.length > 1 ? `; ${slow.length - 1} more are slower too` : ''}.`,
      slow.slice(0, SHOWN).map((one): Evidence => ({ ...one })),
      {
        decide:
          'Whether the machine or the network is busier, others hold locks, there is more to read, or a plan has changed: ' +
          '`claire queries --since 1h --slowest` shows them, `claire queries --operation NAME` since when.',
      },
    );
  },
});

const HOUR_MS = 3_600_000;
const LATE_MS = 180_000;

function whyUnsampled(now: number, since_ms: number | null, last_ms: number | null): Verdict | undefined {
  if (since_ms === null || last_ms === null)
    return skipped('Nothing was sampled yet: it takes `claire up`, which does it once a minute.');
  if (now - last_ms > LATE_MS)
    return skipped(
      `The last sample is ${Math.round((now - last_ms) / 60_000)} min old: it takes \`claire up\`, which samples once a minute.`,
    );
  if (now - since_ms < HOUR_MS)
    return skipped(
      `Samples go back ${Math.round((now - since_ms) / 60_000)} min: it takes 60 to say what is usual.`,
    );
  return undefined;
}

/** What is slow of the rows of `minute (name, by, at, took_ms, calls)`. */
const outliers = (of: Slow['of'], minute: string): string => `
  with minute as materialized (${minute}), newest as (
    select distinct on (name, by) * from minute where at > clock_timestamp() - interval '3 minutes' order by name, by, at desc
  ), slow as (
    select n.*, h.* from newest as n cross join lateral (
      select percentile_cont(0.5) within group (order by took_ms) as median,
        percentile_cont(0.99) within group (order by took_ms) as p99, count(*) as minutes
      from minute as m where (m.name, m.by) = (n.name, n.by) and m.at < n.at
    ) as h
    where n.took_ms > ${FLOOR_MS} and h.minutes >= ${HISTORY_MINUTES} and n.took_ms > h.p99 and n.took_ms > 2 * h.median
  )
  select '${of}' as of, name, by, round(took_ms::numeric, 1)::float8 as now_ms,
    round(median::numeric, 1)::float8 as median_before_ms, round(p99::numeric, 1)::float8 as p99_before_ms,
    calls::float8 as calls, minutes as minutes_before
  from slow order by took_ms / median desc`;

const slowOperations = (session: Queryable, book: string): Promise<Slow[]> =>
  session.query<Slow>(
    outliers(
      'operation',
      `select operation as name, service as by, at, p95_ms as took_ms, calls from claire_system.operation_samples
       where book = $1 and at > clock_timestamp() - interval '24 hours' and calls >= ${CALLS}`,
    ),
    [book],
  );

/** Of those alone that are slow now the history is read: of the others there is most. */
const slowOnes = (session: Queryable): Promise<Slow[]> =>
  session.query<Slow>(
    outliers(
      'statement',
      `select coalesce(s.operation || ': ', '') || s.text as name, m.role as by, m.at, m.total_ms / m.calls as took_ms, m.calls
       from claire_system.statement_samples as m join claire_system.statements as s using (query_id, role)
       where m.at > clock_timestamp() - interval '24 hours' and m.calls >= ${CALLS} and (m.query_id, m.role) in (
         select query_id, role from claire_system.statement_samples
         where at > clock_timestamp() - interval '3 minutes' and calls >= ${CALLS} and total_ms > ${FLOOR_MS} * calls
       )`,
    ),
  );
