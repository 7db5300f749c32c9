import { z } from 'zod';

/** What a backup says of itself, in `backup.json` beside its files. */

export const KINDS = ['logical', 'pg_dump', 'physical'] as const;
export type Kind = (typeof KINDS)[number];

const facts = z.object({
  table: z.string(),
  /** The columns that `hash` and `sums` are of. */
  columns: z.array(z.string()),
  rows: z.number(),
  /** Of each NUMERIC column, as decimal text. */
  sums: z.record(z.string(), z.string()),
  /** Of all rows, in whatever order they stand. */
  hash: z.string(),
  /** Unix milliseconds of the first and the last `created_at`. */
  first_ms: z.number().nullable(),
  last_ms: z.number().nullable(),
});
/** Counts and sums of a table, by which a copy is held against its original. */
export type TableFacts = z.infer<typeof facts>;

const tableShape = z.object({
  table: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
});

const bookShape = z.object({
  book: z.string(),
  schema_version: z.string(),
  /** Migrations that were applied, where an interrupted one left it between two versions. */
  migrations: z.number().optional(),
  /** The zone with which that one was begun. */
  recorded_in: z.string().optional(),
  facts: z.array(facts),
  tables: z.array(tableShape),
  sequences: z.array(z.object({ name: z.string(), last: z.string(), called: z.boolean() })),
  /** Laws that did not hold for old rows. */
  not_valid: z.array(z.object({ table: z.string(), name: z.string(), definition: z.string() })),
  /** Tables of others in the schema, which only pg_dump and physical hold. */
  foreign_tables: z.array(z.string()),
});
/** A book as it was: what is needed to make it again. */
export type BookShape = z.infer<typeof bookShape>;

const stored = z.object({ name: z.string(), bytes: z.number(), sha256: z.string() });

export const sideFile = z.object({
  format: z.literal(1),
  name: z.string(),
  kind: z.enum(KINDS),
  claire: z.string(),
  begun_ms: z.number(),
  /** The moment of what it holds: every row acknowledged before is in it. Of a physical one its end. */
  taken_ms: z.number(),
  ended_ms: z.number(),
  /** Everything recorded (`created_at`) before is in it; a transaction that was open then may have been older. */
  complete_until_ms: z.number(),
  /** The oldest transaction that was open at that moment: what earlier ones wrote is in it, all of it. */
  open_from: z.string(),
  server: z.object({
    version: z.string(),
    major: z.number(),
    /** Tells servers apart: a backup of another one proves nothing for this one. */
    system_identifier: z.string(),
    database: z.string(),
    time_zone: z.string(),
  }),
  books: z.array(bookShape),
  gzip: z.union([z.number(), z.literal(false)]),
  /** What the key is known by; null where nothing is encrypted. */
  key: z.string().nullable(),
  files: z.array(stored),
  /** What is true of one kind only. */
  physical: z
    .object({
      start_lsn: z.string(),
      end_lsn: z.string(),
      timeline: z.number(),
      wal_segment_bytes: z.number(),
      /** Of the cluster's files. */
      bytes: z.number(),
    })
    .optional(),
});
export type SideFile = z.infer<typeof sideFile>;

/** What it takes on disk. */
export const bytesOf = ({ files }: SideFile): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

export const verifiedFile = z.object({
  at_ms: z.number(),
  /** Whether what was restored is what was backed up. */
  ok: z.boolean(),
  /** In what it is not, a sentence each. */
  problems: z.array(z.string()),
  /** Laws of the record that rows break, there as in the book itself. */
  broken: z.array(z.string()),
  duration_ms: z.number(),
  /** Major version of the server that it was restored into. */
  server: z.number(),
  /** Laws of sql/checks that hold in the restored copy. */
  laws: z.number(),
});
/** The last time that a backup was restored to see whether it can be. */
export type Verified = z.infer<typeof verifiedFile>;
