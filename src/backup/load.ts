import type { Readable } from 'node:stream';
import { type CopySession, identifier } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { ShapeWithoutFacts } from './shape.js';
import { SET_TRIGGER } from './table/triggers.js';

export interface Load {
  /** Where the rows go: a session in a transaction, as an owner of the book. */
  session: CopySession;
  /** The book whose rows they are; it stands at the version of the shape. */
  book: string;
  shape: ShapeWithoutFacts;
  /** The rows of a table, as COPY writes them, with the columns of the shape. */
  rows(table: string): Readable;
  onTable?: (table: string, at: number) => void;
}

/**
 * Puts rows into the tables of a book in the place of all that stand there, as they were: what triggers did is in them.
 * Keys and laws are asked of every row. Whoever calls it holds the transaction, and decides what it is good for.
 */
export async function loadRows({ session, book, shape, rows, onTable }: Load): Promise<void> {
  const schema = identifier(book);
  const of = (table: string) => `${schema}.${identifier(table)}`;
  const tables = shape.tables.map(({ table }) => of(table));
  const special = await specialTriggers(session, tables);
  for (const table of tables) await session.query(`alter table ${table} disable trigger user`);
  await session.query(`truncate ${tables.join(', ')}`);
  for (const { table, name } of shape.not_valid)
    await session.query(`alter table ${of(table)} drop constraint if exists ${identifier(name)}`);
  for (const [at, { table, columns }] of shape.tables.entries()) {
    onTable?.(table, at);
    await addMissingColumns(session, of(table), columns);
    const names = columns.map(({ name }) => identifier(name)).join(', ');
    await session.copyIn(`copy ${of(table)} (${names}) from stdin`, rows(table));
  }
  for (const { table, name, definition } of shape.not_valid) {
    const text = / not valid$/i.test(definition) ? definition : `${definition} not valid`;
    await session.query(`alter table ${of(table)} add constraint ${identifier(name)} ${text}`);
  }
  // That of a column that somebody added is not there where the column was added again: its numbers are.
  for (const { name, last, called } of shape.sequences)
    await session.query('select setval(to_regclass($1), $2::bigint, $3)', [of(name), last, called]);
  for (const table of tables) await session.query(`alter table ${table} enable trigger user`);
  for (const statement of special) await session.query(statement);
  await refreshView(session, schema);
  await beginLog(session, schema);
}

/** Statements that set triggers again which are off, or on in another way than the usual one. */
async function specialTriggers(session: CopySession, tables: readonly string[]): Promise<string[]> {
  const found = await session.query<{ table: string; name: string; state: string }>(
    `select tgrelid::regclass::text as table, tgname::text as name, tgenabled::text as state from pg_trigger
     where tgrelid = any ($1::regclass[]) and not tgisinternal and tgenabled <> 'O'`,
    [tables],
  );
  return found.map(
    ({ table, name, state }) => `alter table ${table} ${SET_TRIGGER[state]} ${identifier(name)}`,
  );
}

/** A column that somebody added is part of what was recorded. Its type is one of the server's, as the server wrote it. */
async function addMissingColumns(
  session: CopySession,
  table: string,
  columns: readonly { name: string; type: string }[],
): Promise<void> {
  const there = await session.query<{ name: string }>(
    `select attname::text as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  for (const { name, type } of columns.filter((one) => !there.some((other) => other.name === one.name))) {
    if (!/^[a-z][a-z0-9 _(),]*(\[\])?$/i.test(type))
      throw new ClaireError('restore_refused', {
        found: `Column ${name} of ${table} has the type ${JSON.stringify(type)}.`,
      });
    await session.query(`alter table ${table} add column ${identifier(name)} ${type}`);
  }
}

/** Whoever reads the log missed all of this: what the log holds is of the rows before. */
async function beginLog(session: CopySession, schema: string): Promise<void> {
  const [log] = await session.query('select where to_regclass($1) is not null', [`${schema}.record_log`]);
  if (!log) return;
  await session.query(`truncate ${schema}.record_log`);
  await session.query(`insert into ${schema}.record_log (what, action, ids) values ('log', 'restore', '{}')`);
}

async function refreshView(session: CopySession, schema: string): Promise<void> {
  const [view] = await session.query(`select where to_regclass($1) is not null`, [
    `${schema}.positions_realtime`,
  ]);
  if (view) await session.query(`refresh materialized view ${schema}.positions_realtime`);
}
