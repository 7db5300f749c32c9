import type { Report } from '../../doctor/index.js';
import type { Source } from './collector.js';

/** What is known of the backups of a book. */
export interface BackupFigures {
  verified: { taken_ms: number; bytes: number } | null;
  failure: { at_ms: number } | null;
}

/** What takes longer than a scrape may: asked beside, as long as somebody scrapes. */
export interface BackgroundParts {
  books: () => Promise<readonly string[]>;
  diagnose: (book: string) => Promise<Report>;
  backups: (book: string) => Promise<BackupFigures>;
  databaseBytes: () => Promise<number>;
  /** Undefined where the data lies on another machine. */
  diskFreeBytes: () => Promise<number | undefined>;
  onError: (part: string, error: unknown) => void;
  onSuccess: (part: string) => void;
}

/** How old its answers may become. */
const EVERY_MS = 60_000;

/** One result of each part, and a part whose last run failed has none: no old answer is taken for a new one. */
export class Background {
  readonly #parts: BackgroundParts;
  #begun = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #doctor = new Map<string, Report>();
  #backups = new Map<string, BackupFigures>();
  #databaseBytes: number | undefined;
  #diskFreeBytes: number | undefined;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
  }

  readonly source: Source = (page) => {
    this.#keepGoing();
    for (const [book, { checks, at_ms }] of this.#doctor) {
      for (const { check, result } of checks) page.set('claire_doctor_check', { book, check, result }, 1);
      page.set('claire_doctor_run_timestamp_seconds', { book }, at_ms / 1000);
    }
    for (const [book, { verified, failure }] of this.#backups) {
      page.set('claire_backup_last_verified_timestamp_seconds', { book }, (verified?.taken_ms ?? 0) / 1000);
      page.set('claire_backup_last_failure_timestamp_seconds', { book }, (failure?.at_ms ?? 0) / 1000);
      if (verified) page.set('claire_backup_last_size_bytes', { book }, verified.bytes);
    }
    if (this.#databaseBytes !== undefined) page.set('claire_database_size_bytes', {}, this.#databaseBytes);
    if (this.#diskFreeBytes !== undefined) page.set('claire_disk_free_bytes', {}, this.#diskFreeBytes);
  };

  /** Resolves when nothing is asked any more. */
  async atRest(): Promise<void> {
    await this.#running;
  }

  #keepGoing(): void {
    if (this.#running || performance.now() - this.#begun < EVERY_MS) return;
    this.#begun = performance.now();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { diskFreeBytes, databaseBytes, diagnose, backups } = this.#parts;
    const books = (await this.#tried('books', this.#parts.books)) ?? [];
    this.#diskFreeBytes = await this.#tried('disk', diskFreeBytes);
    this.#databaseBytes = await this.#tried('size', databaseBytes);
    this.#backups = await this.#each('backups', books, backups);
    this.#doctor = await this.#each('doctor', books, diagnose);
  }

  async #each<T>(part: string, books: readonly string[], ask: (book: string) => Promise<T>) {
    const answers = new Map<string, T>();
    for (const book of books) {
      const answer = await this.#tried(part, () => ask(book));
      if (answer !== undefined) answers.set(book, answer);
    }
    return answers;
  }

  async #tried<T>(part: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work();
      this.#parts.onSuccess(part);
      return answer;
    } catch (error) {
      this.#parts.onError(part, error);
      return undefined;
    }
  }
}
