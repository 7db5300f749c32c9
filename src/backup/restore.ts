import {
  type CopySession,
  type Database,
  identifier,
  openCopySession,
  type Queryable,
} from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import {
  describeState,
  LATEST_VERSION,
  lockBook,
  migrate,
  recognise,
  recordTables,
  requireOurs,
} from '../schema/index.js';
import { copyOutText } from './create.js';
import { differences, factsOf } from './facts.js';
import { loadRows } from './load.js';
import { lawsOf, type Opened } from './opened.js';
import { type ShapeWithoutFacts, shapeOf } from './shape.js';
import type { TableFacts } from './side-file.js';

/** Where a book is restored to. */
export interface Target {
  admin: Database;
  /** Connection string of the administrator. */
  url: string;
  book: string;
}

export interface RestoreOptions {
  /** Puts the rows in the place of those that are there. */
  replace?: boolean;
  /** Run when nobody can write any more and nothing is changed yet: what is there can be saved whole. */
  beforehand?: () => Promise<void>;
  onTable?: (table: string, at: number, of: number) => void;
}

export interface Restored {
  book: string;
  /** Rows by table. */
  rows: Record<string, number>;
}

/** Whether a book has rows that a restore would put others in the place of. @throws ClaireError restore_refused */
export async function hasRows({ admin, book }: Pick<Target, 'admin' | 'book'>): Promise<boolean> {
  const state = await recognise(admin, book);
  requireOurs(state);
  if (!state.version) return false;
  const some = await isFilled(admin, book);
  if (some && (state.version !== LATEST_VERSION || state.unfinished || state.handMade)) {
    const found = `${describeState(state)} Bring it forward with \`claire migrate\`, or put it aside: alter schema ${book} rename to …`;
    throw new ClaireError('restore_refused', { found });
  }
  return some;
}

/** Rows that a book has from the moment it is made on, and those that its upkeep writes without being asked. */
const BORN_WITH: Readonly<Record<string, number>> = {
  ...{ limits: 1, risk: 1, halt_gate: 1, materialized_view_refreshes: 1 },
  ...{ retention_horizons: 4, retention_state: 4, retention_runs: Infinity },
};

async function isFilled(session: Queryable, book: string): Promise<boolean> {
  const there = await session.query<{ name: string }>(
    `select relname::text as name from pg_class
     where relnamespace = to_regnamespace($1) and relkind = 'r' and relname = any ($2)`,
    [identifier(book), recordTables()],
  );
  const [row] = await session.query<{ filled: boolean }>(
    `select ${
      there
        .filter(({ name }) => BORN_WITH[name] !== Infinity)
        .map(({ name }) => {
          const more = BORN_WITH[name] ?? 0;
          return `exists (select from ${identifier(book)}.${identifier(name)} offset ${more})`;
        })
        .join(' or ') || 'false'
    } as filled`,
  );
  return row!.filled;
}

/**
 * Brings a book of an opened backup into a live database, in one transaction: until it commits, everybody sees what was
 * there, and whatever ends it leaves that. Before the commit the rows are counted and summed again where they now are,
 * and held against the laws.
 * @throws ClaireError backup_unverified, restore_not_empty, restore_refused
 */
export async function restoreBook(
  opened: Opened,
  from: string,
  target: Target,
  { replace = false, beforehand, onTable }: RestoreOptions = {},
): Promise<Restored> {
  if (opened.problems.length > 0)
    throw new ClaireError('backup_unverified', { found: opened.problems.join(' ') });
  const { admin, url, book } = target;
  if ((await hasRows(target)) && !replace)
    throw new ClaireError('restore_not_empty', { found: `Book ${book} has rows.` });
  await requireNoDependents(admin, book);
  await migrate(admin, book);
  const [source, session] = await Promise.all([
    openCopySession(opened.url, 'claire restore'),
    openCopySession(url, 'claire restore'),
  ]);
  try {
    await lockBook(session, book, { patience: PATIENCE_MS });
    const shape = await shapeOf(source, from);
    const facts = await factsOf(source, from, shape.tables);
    await session.query('begin');
    await lockTables(session, book, shape);
    if (!replace && (await isFilled(session, book)))
      throw new ClaireError('restore_not_empty', { found: `Book ${book} has got rows meanwhile.` });
    await beforehand?.();
    const rows = (table: string) =>
      source.copyOut(copyOutText(from, table, shape.tables.find((one) => one.table === table)!.columns));
    await loadRows({
      ...{ session, book, shape, rows },
      onTable: (table, at) => onTable?.(table, at, shape.tables.length),
    });
    await requireSame(session, book, { shape, facts, broken: opened.broken.length });
    await session.query('commit');
    for (const { table } of shape.tables)
      await session.query(`analyze ${identifier(book)}.${identifier(table)}`);
    return { book, rows: Object.fromEntries(facts.map((one) => [one.table, one.rows])) };
  } finally {
    // What was not committed goes with the connection.
    await Promise.all([source.close(), session.close()]);
  }
}

/** Rows that others' tables point to cannot be put others in the place of. @throws ClaireError restore_refused */
async function requireNoDependents(session: Queryable, book: string): Promise<void> {
  const [found] = await session.query<{ name: string; from: string; to: string }>(
    `select quote_ident(k.conname) as name, k.conrelid::regclass::text as from, c.relname::text as to
     from pg_constraint as k join pg_class as c on c.oid = k.confrelid join pg_class as f on f.oid = k.conrelid
     where c.relnamespace = to_regnamespace($1) and c.relname = any ($2)
       and not (f.relnamespace = c.relnamespace and f.relname = any ($2))
     limit 1`,
    [identifier(book), recordTables()],
  );
  if (!found) return;
  const { name, from, to } = found;
  throw new ClaireError('restore_refused', {
    found: `Table ${from} points to ${to} by ${name}. Drop that key before and add it after: alter table ${from} drop constraint ${name}`,
  });
}

const PATIENCE_MS = 60_000;
/** Who waits for an exclusive lock makes everybody behind him wait. */
const LOCK_MS = 10_000;

/**
 * All at once and before anything is done: two who restore meet here, and not in the middle. From here on rows can be
 * read, by a backup too, and not be written.
 */
async function lockTables(session: CopySession, book: string, shape: ShapeWithoutFacts): Promise<void> {
  await session.query(`set local lock_timeout to ${LOCK_MS}`);
  const names = shape.tables.map(({ table }) => `${identifier(book)}.${identifier(table)}`).join(', ');
  await session.query(`lock table ${names} in exclusive mode`);
}

async function requireSame(
  session: CopySession,
  book: string,
  { shape, facts, broken }: { shape: ShapeWithoutFacts; facts: readonly TableFacts[]; broken: number },
): Promise<void> {
  const problems = differences(facts, await factsOf(session, book, shape.tables));
  const laws = (await lawsOf(session, book)).filter((law) => law.broken > 0);
  if (laws.length > broken) problems.push(...laws.map(({ law }) => `A law is broken: ${law}`));
  if (problems.length > 0) throw new ClaireError('backup_unverified', { found: problems.join(' ') });
}
