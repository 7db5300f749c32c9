import { bookName, type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { migrate } from './migrate.js';
import { type BookState, recognise } from './recognise.js';

/** Makes a book: a schema of this name with the newest version of the record. */
export async function createBook(database: Database, name: string): Promise<BookState> {
  const book = bookName(name);
  const state = await recognise(database, book);
  if (state.exists) throw new ClaireError('book_exists', { found: `Schema ${book} is there.` });
  return migrate(database, book);
}

interface Dropped {
  /** The schema went too; false where it holds other objects, which were left alone. */
  schema: boolean;
}

/**
 * Drops Claire's own objects of a book and then the schema where nothing else is in it. Nothing of anybody else is
 * touched: where a foreign table or view depends on ours, nothing is dropped and it is named.
 * @throws ClaireError book_missing, book_not_dropped
 */
export async function dropBook(database: Database, name: string): Promise<Dropped> {
  const book = bookName(name);
  return database.transaction(async (t) => {
    const state = await recognise(t, book);
    if (state.applied.length === 0 && !state.newer) {
      throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
    }
    const schema = identifier(book);
    try {
      for (const statement of await dropStatements(t, book)) await t.query(statement);
    } catch (error) {
      if (error instanceof ClaireError && error.details?.sqlstate === '2BP01') {
        const detail = (error.cause as { detail?: string }).detail ?? '';
        throw new ClaireError('book_not_dropped', { found: detail || error.message, cause: error });
      }
      throw error;
    }
    const [left] = await t.query<{ objects: number }>(
      `select (select count(*) from pg_class where relnamespace = n.oid)
            + (select count(*) from pg_proc where pronamespace = n.oid)
            + (select count(*) from pg_type where typnamespace = n.oid) as objects
       from pg_namespace n where nspname = $1`,
      [book],
    );
    if (book === 'public' || left!.objects > 0) return { schema: false };
    await t.query(`drop schema ${schema}`);
    return { schema: true };
  });
}

/** Ours by name, in an order in which each can go without CASCADE: views, then tables that point to others first. */
const VIEWS = ['exposure', 'positions', 'position_sums'];
const TABLES = [
  'trades',
  'orders',
  'signals',
  'risk_events',
  'position_totals',
  'position_changes',
  'permits',
  'corrections',
  'candles',
  'materialized_view_refreshes',
  'schema_migrations',
];
const FUNCTIONS = [
  'calculate_pnl',
  'has_permit',
  'refuse_change',
  'refuse_removal',
  'guard_order_update',
  'guard_trade_update',
  'seconds_to_milliseconds',
  'trade_seconds_to_milliseconds',
  'append_position_changes',
  'fold_position_changes',
  'refresh_positions_realtime',
  'orders_agree_with_signals',
  'trades_agree_with_orders',
  'correct_record',
];

async function dropStatements(t: Queryable, book: string): Promise<string[]> {
  const schema = identifier(book);
  const functions = await t.query<{ signature: string }>(
    `select p.oid::regprocedure::text as signature
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = $1 and p.proname = any ($2)`,
    [book, FUNCTIONS],
  );
  return [
    `drop materialized view if exists ${schema}.positions_realtime`,
    ...VIEWS.map((view) => `drop view if exists ${schema}.${view}`),
    ...TABLES.map((table) => `drop table if exists ${schema}.${table}`),
    ...functions.map(({ signature }) => `drop function ${signature}`),
  ];
}
