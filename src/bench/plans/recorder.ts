import { literal, type Queryable, type QueryOptions } from '../../database/index.js';
import { type Explained, explaining } from '../explain.js';
import { judge, type Surroundings, type Verdict } from './verdict.js';

/** A statement as it was issued, and how the server went about it. */
export interface Seen extends Verdict {
  /** What was asked for: the operation and its input. */
  asked: string;
  text: string;
  /** Planning and execution, as the server counts them. */
  server_ms: number;
}

/** Runs of a prepared statement for each of which the server makes a plan. */
const RUNS_OF_ITS_OWN = 6;

/**
 * A place for statements that has each of them explained before it runs. It belongs to one transaction of the caller's:
 * what is explained is run for it, and undone; a statement that fails leaves the transaction whole.
 */
export class Recorder implements Queryable {
  readonly seen: Seen[] = [];
  /** What is asked for at the moment. */
  asked = '';
  readonly #session: Queryable;
  readonly #book: string;
  readonly #surroundings: Surroundings;
  /** Texts with their values: the same statement is not explained twice. */
  readonly #known = new Set<string>();
  /** Texts whose plan was looked at as a pool has it that keeps it. */
  readonly #kept = new Set<string>();

  /** `book` is quoted. */
  constructor(session: Queryable, book: string, surroundings: Surroundings) {
    this.#session = session;
    this.#book = book;
    this.#surroundings = surroundings;
  }

  async query<Row>(
    text: string,
    values: readonly unknown[] = [],
    { prepared = true }: QueryOptions = {},
  ): Promise<Row[]> {
    // It has no plan, and no place in a transaction.
    if (/^\s*vacuum\b/.test(text)) return [];
    return this.#savepoint('claire_statement', async () => {
      const key = JSON.stringify([text, values]);
      if (!this.#known.has(key)) {
        this.#known.add(key);
        await this.#explain(text, values);
        const keeps = prepared && values.length > 0 && !this.#kept.has(text);
        if (keeps) await this.#explainKept(text, values);
      }
      return this.#session.query<Row>(text, values);
    });
  }

  async #explain(text: string, values: readonly unknown[]): Promise<void> {
    await this.#judge(this.asked, text, () => this.#plan(text, values));
  }

  /** From its sixth run a prepared statement may have one plan for all values: the server decides, and so it is asked. */
  async #explainKept(text: string, values: readonly unknown[]): Promise<void> {
    this.#kept.add(text);
    await this.#session.query(`prepare claire_kept as ${text}`);
    const run = `execute claire_kept (${values.map((value) => (value === null ? 'null' : literal(String(value)))).join(', ')})`;
    for (let time = 1; time < RUNS_OF_ITS_OWN; time++) await this.#plan(run);
    await this.#judge(`${this.asked}, prepared`, text, () => this.#plan(run));
    await this.#session.query('deallocate claire_kept');
  }

  async #plan(text: string, values?: readonly unknown[]): Promise<Explained> {
    await this.#session.query('savepoint claire_explain');
    const [row] = await this.#session.query<{ 'QUERY PLAN': Explained[] }>(explaining(text), values);
    await this.#session.query('rollback to savepoint claire_explain');
    return row!['QUERY PLAN'][0]!;
  }

  async #judge(asked: string, text: string, plan: () => Promise<Explained>): Promise<void> {
    const before = await this.#scansSoFar();
    const explained = await plan();
    const verdict = judge(explained.Plan, this.#surroundings);
    const hidden = await this.#hiddenScans(verdict, before);
    this.seen.push({
      ...verdict,
      offences: [...verdict.offences, ...hidden],
      asked,
      text,
      server_ms: explained['Planning Time'] + explained['Execution Time'],
    });
  }

  /** Functions and triggers show no plan: whether they read a table from end to end only the counters tell. */
  async #hiddenScans({ offences }: Verdict, before: ReadonlyMap<string, number>) {
    const shown = new Set(offences.flatMap(({ tables }) => tables));
    return [...(await this.#scansSoFar())]
      .filter(([table, scans]) => scans > (before.get(table) ?? 0) && !shown.has(table))
      .map(([table]) => ({ what: `Seq Scan on ${table} inside of a function or trigger`, tables: [table] }));
  }

  async #scansSoFar(): Promise<Map<string, number>> {
    const rows = await this.#session.query<{ table: string; scans: number }>(
      `select relname::text as table, seq_scan as scans from pg_stat_xact_user_tables
       where relid = any (array(
         select oid from pg_class where relnamespace = $1::regnamespace and relname = any ($2)
       ))`,
      [this.#book, [...this.#surroundings.growing]],
    );
    return new Map(rows.map(({ table, scans }) => [table, scans]));
  }

  async #savepoint<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.#session.query(`savepoint ${name}`);
    try {
      const result = await work();
      await this.#session.query(`release savepoint ${name}`);
      return result;
    } catch (error) {
      await this.#session.query(`rollback to savepoint ${name}`);
      throw error;
    }
  }
}
