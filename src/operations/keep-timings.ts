import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/index.js';
import { quantileOf } from '../domain/latency.js';
import { changeBetween, type Timings } from './timings.js';

export interface KeepOptions {
  book: string;
  /** Whose calls they are. */
  service: string;
  /** How often they are written. */
  every_ms?: number;
}

const MINUTE_MS = 60_000;
/** Who ends waits no longer for his statistics, also where the server is away. */
const LAST_MS = 1000;

/** Whether somebody samples this database, and takes timings of this login: without a question that fails in the server's log. */
const IS_TAKEN = `
  select from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'claire_system' and p.proname = 'record_operations'
    and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')`;

/**
 * Writes each minute's timings to where `claire queries` finds them, on a connection that is idle. Best effort: what
 * cannot be written is left out, and nobody is told. Gives what ends it: a minute that was begun is written then, unless
 * it was the first.
 */
export function keepTimings(
  database: Database,
  timings: Timings,
  { book, service, every_ms = MINUTE_MS }: KeepOptions,
): () => Promise<void> {
  let written = timings.snapshot().operations;
  let isOld = false;
  const flush = async (): Promise<void> => {
    // What comes while every connection works waits for the next minute.
    if (!database.hasIdle) return;
    const now = timings.snapshot().operations;
    const change = Object.entries(changeBetween(written, now)).map(([operation, counted]) => ({
      ...{ operation, ...counted },
      p95_ms: quantileOf(counted.buckets, 0.95),
    }));
    written = now;
    if (change.length === 0) return;
    try {
      const taken = await database.query(IS_TAKEN);
      if (taken.length === 0) return;
      await database.query('select claire_system.record_operations($1::jsonb)', [
        JSON.stringify({ book, service, operations: change }),
      ]);
    } catch {
      // Statistics: whoever looks at them finds a minute that is missing, whoever trades must notice nothing.
    }
  };
  const timer = setInterval(() => {
    isOld = true;
    void flush();
  }, every_ms);
  timer.unref();
  return async () => {
    clearInterval(timer);
    if (!isOld) return;
    const end = new AbortController();
    await Promise.race([flush(), sleep(LAST_MS, undefined, end).catch(() => {})]);
    end.abort();
  };
}
