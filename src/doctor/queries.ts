import type { Queryable } from '../database/index.js';
import { quantileOf } from '../domain/latency.js';

/** How far the samples of a database reach; times are Unix milliseconds. */
export interface Sampled {
  /** When sampling began; null: it never did. */
  since_ms: number | null;
  last_ms: number | null;
  /** Why statements are not sampled, where they are not: as the sampler says it. */
  missing: string | null;
}

/** Calls of the library in a span, as its callers saw them: waiting for a connection is part of them. */
export interface OperationUse {
  operation: string;
  /** Null: of all services together. */
  service: string | null;
  calls: number;
  calls_per_second: number;
  /** How many calls ended with an error, by its code. */
  errors: Record<string, number>;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  mean_ms: number;
  /** Of the time of all calls that are shown, 0 to 1. */
  share: number;
}

/** A statement in a span, as the server counts it. */
export interface StatementUse {
  /** Null where it is no operation's; the first to issue it, where it is that of several. */
  operation: string | null;
  /** Login; null: of the statements that are not among the fifty largest of their minute. */
  role: string | null;
  text: string | null;
  calls: number;
  rows_per_call: number;
  mean_ms: number;
  /** Of the time of all statements, 0 to 1. */
  share: number;
  /** Blocks that were not in the server's memory, a call. */
  misses_per_call: number;
  /** Blocks written to and read from temporary files, a call. */
  temp_blocks_per_call: number;
}

/** One part of a span. */
export interface OperationStep {
  from_ms: number;
  calls: number;
  p95_ms: number | null;
  mean_ms: number | null;
}

/** What comes first: what took most time in all, or what is slow. */
export type UseOrder = 'most_time' | 'slowest';

export interface UseOptions {
  /** Unix milliseconds. */
  since_ms: number;
  order?: UseOrder;
  limit?: number;
}

/** Works without any of it: then nothing was ever sampled. */
export async function sampledOf(database: Queryable): Promise<Sampled> {
  const [there] = await database.query<{ there: boolean }>(
    "select to_regclass('claire_system.sampling') is not null as there",
  );
  if (!there!.there) return { since_ms: null, last_ms: null, missing: null };
  const [sampled] = await database.query<Sampled>(
    'select started_at as since_ms, statements_at as last_ms, missing from claire_system.sampling',
  );
  return sampled!;
}

interface Counted {
  operation: string;
  service: string | null;
  calls: number;
  total_ms: number;
  errors: Record<string, number>;
  buckets: number[];
}

/** The operations of a book since a moment, of all services together or each by itself. */
export async function operationUse(
  database: Queryable,
  book: string,
  { since_ms, by_service = false, order, limit }: UseOptions & { by_service?: boolean },
): Promise<OperationUse[]> {
  const counted = await database.query<Counted>(
    `with s as materialized (
       select operation, case when $3 then service end as service, calls, total_ms, errors, buckets
       from claire_system.operation_samples where at >= to_timestamp($1 / 1000.0) and book = $2
     ), bucket as (
       select operation, service, place, sum(n) as n
       from s cross join unnest(buckets) with ordinality as b (n, place) group by 1, 2, 3
     ), error as (
       select operation, service, code, sum(n::numeric) as n
       from s cross join jsonb_each(errors) as e (code, n) where jsonb_typeof(n) = 'number' group by 1, 2, 3
     )
     select operation, service, sum(calls)::float8 as calls, sum(total_ms) as total_ms,
       (select array_agg(n::float8 order by place) from bucket as b
        where (b.operation, b.service) is not distinct from (s.operation, s.service)) as buckets,
       (select coalesce(jsonb_object_agg(code, n::float8), '{}') from error as e
        where (e.operation, e.service) is not distinct from (s.operation, s.service)) as errors
     from s group by 1, 2`,
    [since_ms, book, by_service],
  );
  const all_ms = sum(counted.map(({ total_ms }) => total_ms));
  const [sampled] = await database.query<{ seconds: number }>(
    `select extract(epoch from clock_timestamp() - greatest(to_timestamp($1 / 1000.0), started_at))::float8 as seconds
     from claire_system.sampling`,
    [since_ms],
  );
  const uses = counted.map(({ buckets, total_ms, ...one }) => ({
    ...one,
    calls_per_second: one.calls / Math.max(1, sampled!.seconds),
    ...{ p50_ms: quantileOf(buckets, 0.5), p95_ms: quantileOf(buckets, 0.95) },
    ...{ p99_ms: quantileOf(buckets, 0.99), mean_ms: total_ms / one.calls },
    share: all_ms > 0 ? total_ms / all_ms : 0,
  }));
  const by = (use: OperationUse) => (order === 'slowest' ? (use.p95_ms ?? 0) : use.share);
  return uses.sort((a, b) => by(b) - by(a)).slice(0, limit);
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** The statements of a database since a moment, by all of its books and whoever else uses it; of these logins where given. */
export async function statementUse(
  database: Queryable,
  { since_ms, order = 'most_time', limit = 20, roles }: UseOptions & { roles?: readonly string[] },
): Promise<StatementUse[]> {
  return database.query<StatementUse>(
    `select s.operation, m.role, s.text, m.calls::float8 as calls, m.rows / m.calls::float8 as rows_per_call,
       m.total_ms / m.calls as mean_ms, coalesce(m.total_ms / nullif(sum(m.total_ms) over (), 0), 0) as share,
       m.blocks_read / m.calls::float8 as misses_per_call, m.temp_blocks / m.calls::float8 as temp_blocks_per_call
     from (
       select query_id, role, sum(calls) as calls, sum(total_ms) as total_ms, sum(rows) as rows,
         sum(blocks_read) as blocks_read, sum(temp_blocks) as temp_blocks
       from claire_system.statement_samples
       where at >= to_timestamp($1 / 1000.0) and ($4::text[] is null or role = any ($4)) group by 1, 2
     ) as m
     left join claire_system.statements as s using (query_id, role)
     order by case when $2 = 'slowest' then m.total_ms / m.calls else m.total_ms end desc
     limit $3`,
    [since_ms, order, limit, roles ?? null],
  );
}

const STEPS = 30;

/** An operation over time: equal parts from the first sample of the span to now, thirty at most and none shorter than a minute. */
export async function operationSeries(
  database: Queryable,
  book: string,
  operation: string,
  since_ms: number,
): Promise<OperationStep[]> {
  const rows = await database.query<{
    from_ms: number;
    calls: number | null;
    total_ms: number | null;
    buckets: number[] | null;
  }>(
    `with s as materialized (
       select at, calls, total_ms, buckets from claire_system.operation_samples
       where at >= to_timestamp($1 / 1000.0) and book = $2 and operation = $3
     ), span as (
       select date_trunc('minute', min(at)) as first,
         ceil(greatest(extract(epoch from clock_timestamp() - date_trunc('minute', min(at))), 60) / 60) as minutes
       from s having count(*) > 0
     ), step as (
       select first + n * width as first, width
       from span, lateral (select ceil(minutes / ${STEPS}) * interval '1 minute' as width) as w,
         generate_series(0, ceil(minutes / ceil(minutes / ${STEPS}))::int - 1) as n
     )
     select t.first as from_ms, sum(s.calls)::float8 as calls, sum(s.total_ms) as total_ms,
       (select array_agg(n::float8 order by place) from (
          select place, sum(n) as n from s as b cross join unnest(b.buckets) with ordinality as u (n, place)
          where b.at >= t.first and b.at < t.first + t.width group by 1
        ) as q) as buckets
     from step as t left join s on s.at >= t.first and s.at < t.first + t.width
     group by t.first, t.width order by 1`,
    [since_ms, book, operation],
  );
  return rows.map(({ from_ms, calls, total_ms, buckets }) => ({
    from_ms,
    calls: calls ?? 0,
    p95_ms: quantileOf(buckets ?? [], 0.95),
    mean_ms: calls === null ? null : total_ms! / calls,
  }));
}
