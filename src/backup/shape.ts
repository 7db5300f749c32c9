import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type BookState, recognise, recordTables, requireOurs, zoneOnItsWay } from '../schema/index.js';
import type { BookShape } from './side-file.js';

export type ShapeWithoutFacts = Omit<BookShape, 'facts'>;

/**
 * What a book is made of at this moment: tables with their columns, sequences, laws that do not hold for old rows.
 * @throws ClaireError book_missing, schema_unrecognised
 */
export async function shapeOf(session: Queryable, book: string): Promise<ShapeWithoutFacts> {
  const state = await recognise(session, book);
  requireOurs(state);
  if (!state.version) throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  const found = await session.query<{ table: string; columns: { name: string; type: string }[] }>(
    `select c.relname::text as table, jsonb_agg(jsonb_build_object('name', a.attname,
       'type', case when y.typnamespace = 'pg_catalog'::regnamespace and y.typname <> 'char'
         then format_type(a.atttypid, a.atttypmod) else 'text' end) order by a.attnum) as columns
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       join pg_type as y on y.oid = a.atttypid
     where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p') and not c.relispartition
       and a.attgenerated = ''
     group by c.oid`,
    // The values of a type that somebody made are text where that type is not: a scratch server, another place.
    [identifier(book)],
  );
  const ours = recordTables();
  const tables = ours.flatMap((name) => found.filter(({ table }) => table === name));
  return {
    book,
    schema_version: state.version,
    ...(state.unfinished ? await interruptionOf(session, state) : {}),
    tables,
    sequences: await sequencesOf(session, book, ours),
    not_valid: await session.query(
      `select c.relname::text as table, k.conname::text as name, pg_get_constraintdef(k.oid) as definition
       from pg_constraint as k join pg_class as c on c.oid = k.conrelid
       where c.relnamespace = to_regnamespace($1) and not k.convalidated and c.relname = any ($2)`,
      [identifier(book), ours],
    ),
    foreign_tables: found.map(({ table }) => table).filter((table) => !recordTables('all').includes(table)),
  };
}

/** How far a migration had come, and what it was told. */
async function interruptionOf(
  session: Queryable,
  state: BookState,
): Promise<Pick<BookShape, 'migrations' | 'recorded_in'>> {
  const zone = await zoneOnItsWay(session, state, undefined);
  return { migrations: state.applied.length, ...(zone === undefined ? {} : { recorded_in: zone }) };
}

/** Each goes with a column of a table, so it is known by these and not by its own name. */
async function sequencesOf(
  session: Queryable,
  book: string,
  tables: readonly string[],
): Promise<BookShape['sequences']> {
  const names = await session.query<{ name: string }>(
    `select s.relname::text as name from pg_class as s
     join pg_depend as d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
     join pg_class as t on t.oid = d.refobjid
     where s.relnamespace = to_regnamespace($1) and s.relkind = 'S' and t.relname = any ($2) order by s.relname`,
    [identifier(book), tables],
  );
  const found: BookShape['sequences'] = [];
  for (const { name } of names) {
    const [row] = await session.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${identifier(book)}.${identifier(name)}`,
    );
    found.push({ name, ...row! });
  }
  return found;
}
