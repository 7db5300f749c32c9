import { identifier, literal, type Queryable } from '../database/index.js';
import { CATALOG_QUERIES } from './catalog-queries.js';

/** In the order in which they can be made. */
export const KINDS = [
  'table',
  'setting',
  'sequence',
  'column',
  'constraint',
  'index',
  'function',
  'view',
  'materialized view',
  'trigger',
  'rule',
] as const;

/** One object of a book, in words that do not tell which book it is. */
export interface CatalogObject {
  kind: (typeof KINDS)[number];
  /** As SQL writes it; where a name is one of its table only, behind it: `trades.trades_side_check`, `calculate_pnl()`. */
  name: string;
  /** The table or materialized view that it belongs to and goes with. */
  table: string | null;
  /** The statement that makes it, or of a column or constraint what follows its name. */
  definition: string;
  /** Statements that hold beside the definition: a trigger is disabled, a right is taken from everybody. */
  also: string[];
  /** False: a constraint that is NOT VALID, an index that is INVALID, a materialized view that was never filled. */
  valid: boolean;
  /** Of a view or trigger: the columns that it reads, as `table.column`. */
  needs: string[];
}

/** Stands in definitions where the name of the book stood. */
const BOOK = '{book}';

/**
 * Reads what stands in the schema of a book, sorted, so that two books of one version on one server give the same.
 * The session must be in a transaction: its search path is the book's meanwhile, so that names come without the schema.
 */
export async function readCatalog(session: Queryable, book: string): Promise<CatalogObject[]> {
  const [before] = await session.query<{ path: string }>(`select current_setting('search_path') as path`);
  await setPath(session, `${identifier(book)}, pg_temp`);
  const [now] = await session.query<{ path: string }>(`select current_setting('search_path') as path`);
  if (now!.path !== `${identifier(book)}, pg_temp`) throw new Error('readCatalog needs a transaction');
  const objects: CatalogObject[] = [];
  for (const query of CATALOG_QUERIES) {
    const rows = await session.query<Partial<CatalogObject> & { definition: string | null }>(query, [book]);
    // What was dropped while we looked has no text any more.
    for (const row of rows)
      if (row.definition !== null) objects.push(tidy({ ...NOTHING, ...row } as CatalogObject, book));
  }
  await setPath(session, before!.path);
  return objects.sort(byKindAndName);
}

const NOTHING = { also: [], valid: true, needs: [] };

const setPath = (session: Queryable, path: string) =>
  session.query(`select set_config('search_path', $1, true)`, [path]);

// By code unit, without quotes: the server's collation differs between servers.
function byKindAndName(a: CatalogObject, b: CatalogObject): number {
  const [left, right] = [a.name.replaceAll('"', ''), b.name.replaceAll('"', '')];
  const order = KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
  return order || (left < right ? -1 : left > right ? 1 : a.name < b.name ? -1 : 1);
}

function tidy(object: CatalogObject, book: string): CatalogObject {
  if (object.kind !== 'function') return { ...object, definition: tidyExpression(object.definition) };
  const [head, ...body] = object.definition.split('\nAS ');
  const anonymous = head!
    .replace(/^(CREATE OR REPLACE \w+ )("(?:[^"]|"")+"|\w+)\./, '$1')
    .replace(/^ SET search_path TO .*$/m, (path) => path.replace(literal(book), BOOK));
  return { ...object, definition: [anonymous, ...body].join('\nAS ') };
}

const VARCHARS = /ARRAY\[((?:'(?:[^']|'')*'::character varying(?:::text)?(?:, )?)+)\](?:::text\[\])?/g;
const QUOTED = /"(?:[^"]|"")*"|(?:\bE)?'(?:[^']|'')*'/g;
const CONTROL: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/**
 * The server writes a list of texts for a varchar column in one way at first, and in another after its own text was
 * read again (by pg_dump, or as a mending statement). Control characters would not survive being printed.
 */
const tidyExpression = (text: string): string =>
  text
    .replace(
      VARCHARS,
      (_, list: string) => `ARRAY[${list.replace(/::character varying(::text)?/g, '::text')}]`,
    )
    .replace(QUOTED, (quoted) => (/^E?'[\s\S]*[\t\n\r]/.test(quoted) ? escaped(quoted) : quoted));

/** The server writes E'' itself where there is a backslash. */
const escaped = (quoted: string): string =>
  `${quoted.startsWith('E') ? '' : 'E'}${quoted.replace(/[\t\n\r]/g, (character) => CONTROL[character]!)}`;

/** The definition of a function as a statement of this book; its body stays as it is. */
export function inBook(definition: string, book: string): string {
  const [head, ...body] = definition.split('\nAS ');
  return [head!.replace(BOOK, literal(book)), ...body].join('\nAS ');
}

/** Everything that tells the object, as text. */
export const textOf = (object: CatalogObject): string =>
  [object.definition, ...object.also].join('\n') +
  (object.valid ? '' : `  -- ${INVALID[object.kind] ?? 'not valid'}`);

const INVALID: Partial<Record<CatalogObject['kind'], string>> = {
  index: 'invalid: a build that did not end',
  'materialized view': 'never filled',
};
