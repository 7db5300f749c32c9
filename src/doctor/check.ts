import type { Queryable } from '../database/index.js';
import type { BookState } from '../schema/index.js';

/** How a check ended. `skipped`: it could not be asked, and `sentence` says what is missing. */
export type Result = 'ok' | 'warn' | 'fail' | 'skipped';

/** One thing that was found, by columns in the field's words with their units: a session, a table, a statement. */
export type Evidence = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/**
 * What to do. `fix`: statements that lose nothing, one after another in one session by `claire doctor --fix CHECK`, each
 * on its own. `command`: to paste. `decide`: what a person must weigh, because no command is right for everybody.
 */
export type Remedy = { fix: readonly string[] } | { command: string } | { decide: string };

export interface Verdict {
  result: Result;
  sentence: string;
  evidence: readonly Evidence[];
  /** Of what is not well; null else. */
  remedy: Remedy | null;
}

/** What is known of the server before any check. */
export interface Facts {
  database: string;
  /** 150018 for 15.18. */
  version_num: number;
  login: string;
  superuser: boolean;
  /** Whether the login sees what sessions of others do: membership in pg_read_all_stats. */
  sees_all: boolean;
  /** Whether it may make a schema in the database. */
  creates: boolean;
  extensions: readonly string[];
}

/** What lies outside of the database. Whoever calls the doctor gives what he can reach; a check without it is skipped. */
export interface Surroundings {
  backups?: (session: Queryable) => Promise<BackupSight>;
  /** Where the data of the server lies, if that is this machine. */
  disk?: () => Promise<{ directory: string; free_bytes: number; total_bytes: number }>;
  /** The clock of the application, Unix milliseconds. */
  now?: () => number;
}

export interface BackupSight {
  directory: string;
  verified: { name: string; taken_ms: number } | null;
  /** The last thing that went wrong since then. */
  failure: { at_ms: number; action: string; error?: string | undefined } | null;
}

/** Where a check looks: one connection, in a transaction that reads only, where no statement and no lock takes long. */
export interface Look {
  session: Queryable;
  /** Name of the book. */
  book: string;
  /** Quoted, ready for SQL. */
  schema: string;
  facts: Facts;
  /** The book as recognised; undefined where the login may not look into it. */
  state: BookState | undefined;
  around: Surroundings;
  /** Unix milliseconds by the application's clock. */
  now: number;
}

/** One question to the record and its server. A check a file. */
export interface Check {
  /** As in `claire doctor --fix NAME`. */
  name: string;
  question: string;
  /** From where on it is not well, and why from there. */
  threshold: string;
  /** `server`: it can be asked where the book is missing or older. Default: it wants the book at its newest version. */
  of?: 'server';
  /** It works in a transaction of its own, which it rolls back. Default: one that reads only. */
  own_transaction?: true;
  examine(look: Look): Promise<Verdict>;
}

export const defineCheck = (check: Check): Check => check;

export const ok = (sentence: string, evidence: readonly Evidence[] = []): Verdict => ({
  result: 'ok',
  sentence,
  evidence,
  remedy: null,
});

export const warn = (sentence: string, evidence: readonly Evidence[], remedy: Remedy): Verdict => ({
  result: 'warn',
  sentence,
  evidence,
  remedy,
});

export const fail = (sentence: string, evidence: readonly Evidence[], remedy: Remedy): Verdict => ({
  result: 'fail',
  sentence,
  evidence,
  remedy,
});

/** `missing`: a sentence on what it takes. */
export const skipped = (missing: string): Verdict => ({
  result: 'skipped',
  sentence: missing,
  evidence: [],
  remedy: null,
});
