import { type CopySession, identifier, openCopySession, type Queryable } from '../../database/index.js';
import { expiredSql } from './expired.js';
import type { Compared } from './pairs.js';
import { type RestorableTable, restorable } from './tables.js';

/** Where one table is, twice: in the live book, and as it was in the backup. */
export interface TableSource {
  /** Connection string of the live database, with a login that may act as the book's owner. */
  liveUrl: string;
  /** Connection string of the database where the backup's book stands, at the newest schema. */
  backupUrl: string;
  book: string;
  table: string;
  /** Name of the backup, for what is recorded of it. */
  backup: string;
  /** Everything recorded before this moment is in the backup: of its side file, in Unix milliseconds. */
  completeUntil_ms: number;
  /** Rows that retention has removed are missing like any other. Default: they are told apart, and stay away. */
  withExpired?: boolean;
  /** How many rows are shown of each kind. Default 5. */
  examples?: number;
  signal?: AbortSignal;
  onProgress?: (rows: number) => void;
}

/** The table of the backup beside the live one, in one session of the live server. */
export interface Staged extends Compared {
  session: CopySession;
  backup: CopySession;
  source: TableSource;
  /** Rows of the backup. */
  rows: number;
}

/** Temporary tables of the session. */
export const ROWS = 'pg_temp.claire_backup';
export const FOUND = 'pg_temp.claire_found';
export const EXTRA = 'pg_temp.claire_extra';
export const CHOSEN = 'pg_temp.claire_chosen';

/** SQL: rows in the order in which they were recorded, or of their key. */
export const orderOf = ({ table }: Compared, row: string): string =>
  (table.isNumbered ? ['id'] : table.key).map((column) => `${row}.${column}`).join(', ');

/** SQL: whether the live row `l` is the one of the found row `f` and the backup's row `b`. */
export const isLiveRow = ({ table }: Compared): string =>
  table.isNumbered
    ? 'l.id = f.live_id'
    : table.key.map((column) => `l.${column} = b.${column}`).join(' and ');

/** Brings the backup's rows to the live server, where nobody sees them, for the time of the work. */
export async function withStaged<T>(source: TableSource, work: (staged: Staged) => Promise<T>): Promise<T> {
  const table = restorable(source.table);
  const session = await openCopySession(source.liveUrl, 'claire restore');
  const stop = await cancelOnAbort(session, source);
  try {
    const backup = await openCopySession(source.backupUrl, 'claire restore');
    try {
      return await work(await stage(session, backup, source, table));
    } finally {
      await backup.close();
    }
  } finally {
    stop();
    await session.close();
  }
}

async function stage(
  session: CopySession,
  backup: CopySession,
  source: TableSource,
  table: RestorableTable,
): Promise<Staged> {
  const schema = identifier(source.book);
  const live = `${schema}.${identifier(table.name)}`;
  const [here, there] = [await columnsOf(session, live), await columnsOf(backup, live)];
  // A column that somebody added to his table is not in every kind of backup.
  const columns = here.filter((column) => there.includes(column));
  const expired = source.withExpired ? undefined : await expiredSql(session, schema, table);
  const rows = await bring(session, backup, {
    ...{ from: live, to: ROWS, columns, onProgress: source.onProgress },
    statement: `copy (select ${listOf(columns, 't.')}, ${expired ?? 'false'} from ${live} as t) to stdout`,
    isMarked: true,
  });
  return { session, backup, source, table, columns, live, schema, rows };
}

/** SQL: a row of the backup as JSON, without what was added here. */
export const asJson = (row: string): string => `to_jsonb(${row}) - array['claire_row', 'claire_expired']`;

/** Columns as SQL. */
export const listOf = (columns: readonly string[], row = ''): string =>
  columns.map((column) => `${row}${identifier(column)}`).join(', ');

export async function columnsOf(session: Queryable, table: string): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select attname::text as name from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [table],
  );
  return rows.map(({ name }) => name);
}

/**
 * Copies rows of the backup into a temporary table with the types of a live one and none of its laws. A table that takes
 * what the record has refused would hide it; this one only shows it.
 */
export async function bring(
  session: CopySession,
  backup: CopySession,
  wanted: {
    from: string;
    to: string;
    columns: readonly string[];
    statement: string;
    /** Each row is followed by whether retention may have removed it. */
    isMarked?: boolean;
    onProgress?: ((rows: number) => void) | undefined;
  },
): Promise<number> {
  const columns = listOf(wanted.columns);
  await session.query(
    `create temporary table ${wanted.to.replace('pg_temp.', '')} as select ${columns} from ${wanted.from} with no data`,
  );
  await session.query(`alter table ${wanted.to} add column claire_row bigint generated always as identity`);
  if (wanted.isMarked) await session.query(`alter table ${wanted.to} add column claire_expired boolean`);
  const rows = await session.copyIn(
    `copy ${wanted.to} (${columns}${wanted.isMarked ? ', claire_expired' : ''}) from stdin`,
    backup.copyOut(wanted.statement),
  );
  wanted.onProgress?.(rows);
  // Without it the server takes the table for a small one, and compares each row with each.
  await session.query(`analyze ${wanted.to}`);
  return rows;
}

/** Ids of the backup are kept, so the next one must be above them. `rows`: as SQL, those with the ids. */
export async function advanceSequence(session: Queryable, table: string, rows: string): Promise<void> {
  const [row] = await session.query<{ sequence: string }>(
    `select pg_get_serial_sequence($1, 'id') as sequence`,
    [table],
  );
  // As far as the sequence itself, too: the first number may not have been given out yet.
  const ahead = `from (select max(id) as id from ${rows}) as m where m.id >= (select last_value from ${row!.sequence})`;
  const [found] = await session.query(`select m.id ${ahead}`);
  if (!found) return;
  // Whoever draws a number meanwhile does so to insert, and waits for the table: else it could be set back.
  await session.query(`lock table ${table} in share row exclusive mode`);
  await session.query(`select setval($1::regclass, m.id) ${ahead}`, [row!.sequence]);
}

/** Ends the statement under way when the signal is aborted; gives what ends the listening. */
async function cancelOnAbort(session: CopySession, { liveUrl, signal }: TableSource): Promise<() => void> {
  const [row] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const cancel = async () => {
    const other = await openCopySession(liveUrl, 'claire restore');
    await other.query('select pg_cancel_backend($1)', [row!.pid]).finally(() => other.close());
  };
  const listener = () => void cancel().catch(() => {});
  if (signal?.aborted) listener();
  signal?.addEventListener('abort', listener, { once: true });
  return () => signal?.removeEventListener('abort', listener);
}
