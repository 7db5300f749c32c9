import { identifier, type Queryable } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { type Clock, systemClock } from '../clock.js';
import { tableState, vacuum } from '../vacuum.js';
import { HELD_MS, Pace } from './pace.js';
import { boundsOf, momentOf, RETAINED, type Retained, type Scope } from './tables.js';

export interface RetentionOptions extends Scope {
  /** Ends it after the batch that is under way; the next run goes on from there. */
  signal: AbortSignal;
  clock?: Clock;
  /** Told after each batch. */
  onProgress?: (run: Readonly<RunOfTable>) => void;
  /**
   * Whether the whole table is searched for rows that are older than their neighbours, as imported ones may be. Else
   * `now_and_then`: each time while it is small, once a day when it is large.
   */
  searches?: 'always' | 'now_and_then';
  /** Rows that a batch looks at; by default as many as it takes a short while for. */
  batchSize?: number;
  /** Whether tables are vacuumed afterwards, where the login may. Autovacuum does it else. */
  vacuums?: boolean;
}

/** What a run did to one table. */
export interface RunOfTable {
  table: Retained;
  /** Number in `retention_runs`; null where the table's rows are kept for ever, and nothing was done. */
  run: number | null;
  looked: number;
  removed: number;
  outcome: 'done' | 'stopped';
}

/** A table of fewer rows is searched in less than a second. */
const SMALL = 1_000_000;
const SEARCH_HOURS = 24;
/** How often a batch may meet a lock before the run gives up. */
const ATTEMPTS = 30;

/**
 * Removes what is past its horizon, in batches that are short transactions, and pauses between them; kill it when you
 * like. Of several at once each removes a part. `session` is one connection, for as long as this takes.
 * @throws ClaireError retention_without_backup; what `retain` throws
 */
export async function runRetention(
  session: Queryable,
  book: string,
  options: RetentionOptions,
): Promise<RunOfTable[]> {
  if (!options.coverage && !options.withoutBackup) throw new ClaireError('retention_without_backup');
  const runs: RunOfTable[] = [];
  for (const table of RETAINED) {
    if (options.signal.aborted) break;
    if (options.tables && !options.tables.includes(table)) continue;
    runs.push(await new TableRun(session, identifier(book), table, options).toTheEnd());
  }
  if (options.vacuums) await vacuumAfter(session, book, runs);
  return runs;
}

interface Batch {
  looked: number;
  looked_to: string | null;
  removed: number;
  is_last: boolean;
}

/** One table of a run. */
class TableRun {
  readonly #done: RunOfTable;
  readonly #pace = new Pace();
  readonly #clock: Clock;
  readonly session: Queryable;
  /** Quoted. */
  readonly book: string;
  readonly table: Retained;
  readonly options: RetentionOptions;

  constructor(session: Queryable, book: string, table: Retained, options: RetentionOptions) {
    this.session = session;
    this.book = book;
    this.table = table;
    this.options = options;
    this.#done = { table, run: null, looked: 0, removed: 0, outcome: 'done' };
    this.#clock = options.clock ?? systemClock;
  }

  async toTheEnd(): Promise<RunOfTable> {
    await this.#begin();
    if (this.#done.run === null) return this.#done;
    let searched = false;
    try {
      if (this.table !== 'candles') await this.#goOn(null, true);
      const last = await this.#goOn(null, false);
      if (this.table !== 'candles' && (await this.#mustSearch())) searched = await this.#search(last);
    } catch (error) {
      // Where the connection is gone this is not written: the next run finds that it was cut off.
      await this.#end('failed', false).catch(() => {});
      throw error;
    }
    if (this.options.signal.aborted) this.#done.outcome = 'stopped';
    await this.#end(this.#done.outcome, searched && !this.options.signal.aborted);
    return this.#done;
  }

  async #begin(): Promise<void> {
    const { coverage, at_ms } = this.options;
    const [row] = await this.session.query<{ run: number | null }>(
      `select ${this.book}.begin_retention($1, $2, ${momentOf('$3')}, $4, ${momentOf('$5')}) as run`,
      [this.table, coverage?.name ?? null, coverage?.until_ms ?? null, boundsOf(coverage), at_ms ?? null],
    );
    this.#done.run = row!.run;
  }

  async #end(how: RunOfTable['outcome'] | 'failed', searched: boolean): Promise<void> {
    await this.session.query(`select ${this.book}.end_retention($1, $2, $3)`, [
      this.#done.run,
      how,
      searched,
    ]);
  }

  /** Batch after batch, from an id (null: from the watermark) or of what waits; how far it came. */
  async #goOn(from: string | null, waiting: boolean): Promise<string | null> {
    let after = from;
    while (!this.options.signal.aborted) {
      const batch = await this.#batch(after, waiting);
      after = batch.looked_to ?? after;
      if (batch.is_last) break;
    }
    return after;
  }

  async #batch(after: string | null, waiting: boolean): Promise<Batch> {
    for (let attempt = 1; ; attempt++) {
      const begun = performance.now();
      try {
        const [batch] = await this.session.query<Batch>(
          `select looked, looked_to::text, removed, is_last from ${this.book}.retain($1, $2, $3, $4)`,
          [this.#done.run, this.options.batchSize ?? this.#pace.size, after, waiting],
        );
        this.#done.looked += batch!.looked;
        this.#done.removed += batch!.removed;
        this.options.onProgress?.(this.#done);
        const pause = this.#pace.after(batch!, performance.now() - begun);
        // Between two tables nobody needs a rest from a batch that had nothing to do.
        if (!batch!.is_last || batch!.removed > 0) await this.#clock.sleep(pause, this.options.signal);
        return batch!;
      } catch (error) {
        const isHeld = error instanceof ClaireError && error.code === 'lock_timed_out';
        if (!isHeld || attempt >= ATTEMPTS || this.options.signal.aborted) throw error;
        await this.#clock.sleep(HELD_MS, this.options.signal);
      }
    }
  }

  async #mustSearch(): Promise<boolean> {
    if (this.options.searches !== 'now_and_then') return true;
    const [row] = await this.session.query<{ must: boolean }>(
      `select reltuples < $2 or coalesce(searched_at < timezone('UTC', now()) - $3 * interval '1 hour', true) as must
       from pg_class cross join ${this.book}.retention_state
       where oid = to_regclass($1) and table_name = $4`,
      [`${this.book}.${this.table}`, SMALL, SEARCH_HOURS, this.table],
    );
    return row!.must;
  }

  /** Rows far from the watermark whose `created_at` is older than that of rows before them; whether it came to the end. */
  async #search(from: string | null): Promise<boolean> {
    let after = from;
    while (!this.options.signal.aborted) {
      const [next] = await this.session.query<{ before: string }>(
        `select (t.id - 1)::text as before
         from ${this.book}.${this.table} as t cross join ${this.book}.retention_runs as r
         where r.id = $1 and t.created_at < r.due_before
           and t.id > coalesce($2::bigint, (
             select watermark from ${this.book}.retention_state where table_name = r.table_name
           ))
           and t.id <= coalesce((r.covered_ids ->> r.table_name)::bigint, t.id)
         order by t.id limit 1`,
        [this.#done.run, after],
      );
      if (!next) return true;
      after = await this.#goOn(next.before, false);
      // Nothing was looked at: somebody has set the horizon to for ever meanwhile.
      if (after === next.before) return false;
    }
    return false;
  }
}

/** A table of which less was removed has dead rows enough for autovacuum before long, and room for them until then. */
const SHARE = 0.01;

async function vacuumAfter(session: Queryable, book: string, runs: readonly RunOfTable[]): Promise<void> {
  const orders = runs.find(({ table, removed }) => table === 'orders' && removed > 0);
  const beside = orders ? ['decisions', 'order_history', 'signals'] : [];
  const tables = runs.filter(({ removed }) => removed > 0).map(({ table }) => table as string);
  for (const table of new Set([...tables, ...beside])) {
    const removed = runs.find((run) => run.table === table)?.removed ?? 0;
    const { able, rows } = await tableState(session, book, table);
    if (!able || Math.max(removed, orders?.removed ?? 0) < SHARE * rows) continue;
    // As gently as autovacuum: on its own it would take the disk from everybody.
    await session.query("select set_config('vacuum_cost_delay', '2', false)");
    await vacuum(session, book, table).finally(() => session.query('reset vacuum_cost_delay'));
  }
}
