/**
 * Tables with a horizon, in the order in which they are gone through: an order that goes takes its signal along, so that
 * a signal is not looked at twice.
 */
export const RETAINED = ['orders', 'signals', 'risk_events', 'candles'] as const;
export type Retained = (typeof RETAINED)[number];

/** What a verified backup holds. */
export interface Coverage {
  /** Name of the backup, for the record of the run. */
  name: string;
  /** Everything that was recorded before this moment is in it, in Unix milliseconds. */
  until_ms: number;
  /**
   * How far the ids of each table were when it was taken. A row above is not in it, whatever its `created_at` says: a
   * client may name any. Where a table is left out, its `created_at` alone counts.
   */
  last_ids?: { readonly [Table in Retained]?: string };
  /**
   * The oldest transaction that was still open: what it and later ones wrote is not in it, whatever id and `created_at`
   * their rows have. Where it is left out, these alone count.
   */
  open_from?: string | undefined;
}

/** What may go: of which tables, by which moment, and by which backup. */
export interface Scope {
  /** All of them by default. */
  tables?: readonly Retained[] | undefined;
  /** Nothing goes that is not in it. */
  coverage?: Coverage | undefined;
  /** Nobody is asked for a backup. */
  withoutBackup?: boolean;
  /** Ages count from here, Unix milliseconds; from now by default, and never from later. */
  at_ms?: number | undefined;
}

/** What of a backup rows are held against one by one, as the functions of retention take it. */
export const boundsOf = (coverage: Coverage | undefined): string | null =>
  coverage && (coverage.last_ids || coverage.open_from !== undefined)
    ? JSON.stringify({ ...coverage.last_ids, transaction: coverage.open_from })
    : null;

/** The moment that $n says in milliseconds, as `created_at` has it. */
export const momentOf = (parameter: string): string =>
  `timestamp 'epoch' + ${parameter}::bigint * interval '1 millisecond'`;
