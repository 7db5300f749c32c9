import { setTimeout as wait } from 'node:timers/promises';
import { packageVersion } from '../../config.js';
import type { Database, Queryable } from '../../database/index.js';
import { Board, Page } from './board.js';

/** What a section works with: one connection, on which no statement and no lock takes long. */
export interface Look {
  session: Queryable;
  /** Books at the newest version. */
  books: readonly string[];
  page: Page;
}

/** A part of a collection, which fails alone. */
export interface Section {
  name: string;
  collect(look: Look): Promise<void>;
}

/** Something that is known without asking the database, at once. */
export type Source = (page: Page) => void;

export interface CollectorOptions {
  database: Database;
  books: (session: Queryable) => Promise<readonly string[]>;
  sections: readonly Section[];
  sources: readonly Source[];
  /** Told of each part that failed, when it did not fail before. */
  onError?: ((section: string, error: unknown) => void) | undefined;
  /** How old an answer may be, in milliseconds. */
  cacheMilliseconds?: number;
  /** How long a scrape waits, in milliseconds. */
  waitMilliseconds?: number;
}

/** Several may scrape, and somebody may look with a browser: the database notices one of them. */
const CACHE_MS = 5000;
/** Prometheus gives up after 10 s; whatever is there by now is answered. */
const WAIT_MS = 1000;
const STATEMENT_MS = 300;
/** A scrape never stands in a queue that others then stand in behind it. */
const LOCK_MS = 10;

interface Collection {
  at: number;
  pages: readonly Page[];
}

/** Gathers what is scraped, on one connection, once for all who ask at the same time. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #board: Board;
  #collected: Collection = { at: Number.NEGATIVE_INFINITY, pages: [] };
  #collecting: Promise<void> | undefined;
  readonly #failing = new Set<string>();

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#board = new Board(() => [...this.#collected.pages, this.#own()]);
  }

  get contentType(): string {
    return this.#board.contentType;
  }

  /** Prometheus' text format. Waits for the database no longer than it should. */
  async text(): Promise<string> {
    const { cacheMilliseconds = CACHE_MS } = this.#options;
    if (performance.now() - this.#collected.at >= cacheMilliseconds) {
      this.#collecting ??= this.#collect().finally(() => {
        this.#collecting = undefined;
      });
      await this.#collecting;
    }
    return this.#board.text();
  }

  /** What the process knows itself is never old. */
  #own(): Page {
    const page = new Page();
    page.set('claire_info', { version: packageVersion() }, 1);
    for (const source of this.#options.sources) source(page);
    return page;
  }

  async #collect(): Promise<void> {
    const { sections, waitMilliseconds = WAIT_MS } = this.#options;
    const begun = performance.now();
    const done = new Map<string, Page>();
    const end = new AbortController();
    const work = this.#ask(done, end.signal).catch((error: unknown) => this.#tell('database', error));
    const late = wait(waitMilliseconds, undefined, { signal: end.signal }).catch(() => {});
    await Promise.race([work, late]);
    // What still comes is of no use: the next collection has a page of its own.
    end.abort();
    const about = new Page();
    about.set('claire_database_up', {}, done.size > 0 ? 1 : 0);
    about.set('claire_scrape_duration_seconds', {}, (performance.now() - begun) / 1000);
    for (const { name } of sections)
      about.set('claire_scrape_errors', { section: name }, done.has(name) ? 0 : 1);
    this.#collected = { at: performance.now(), pages: [...done.values(), about] };
  }

  async #ask(done: Map<string, Page>, signal: AbortSignal): Promise<void> {
    const { database, books, sections } = this.#options;
    const work = async (session: Queryable) => {
      await session.query(
        `select set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)`,
        [String(STATEMENT_MS), String(LOCK_MS)],
      );
      const found = await books(session);
      for (const { name, collect } of sections) {
        if (signal.aborted) return;
        const page = new Page();
        try {
          await collect({ session, books: found, page });
          if (!signal.aborted) done.set(name, page);
          this.#failing.delete(name);
        } catch (error) {
          this.#tell(name, error);
        }
      }
      this.#failing.delete('database');
      await session.query('reset statement_timeout');
      await session.query('reset lock_timeout');
    };
    await database.session(work, { bounded: true });
  }

  #tell(section: string, error: unknown): void {
    if (this.#failing.has(section)) return;
    this.#failing.add(section);
    this.#options.onError?.(section, error);
  }
}
