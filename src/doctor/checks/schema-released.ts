import { counted } from '../../domain/words.js';
import {
  type CatalogObject,
  compareCatalogs,
  type Difference,
  expectedCatalogHere,
  LATEST_VERSION,
  mendingSql,
  readCatalog,
} from '../../schema/index.js';
import { defineCheck, fail, type Look, ok, type Remedy, skipped } from '../check.js';
import { beyond, commandFor, named, shown } from './words.js';

/**
 * By server version. A scratch book takes some 300 ms and leaves dead rows in the system catalogs: a doctor that looks
 * again and again makes it once.
 */
const expected = new Map<number, readonly CatalogObject[]>();

export const schemaReleased = defineCheck({
  name: 'schema_released',
  question: `Is the schema of the book what ${LATEST_VERSION} says?`,
  threshold: 'One object: a law, a trigger or an index that is missing or another is a promise not kept.',
  own_transaction: true,
  async examine(look) {
    const { session, book, facts } = look;
    if (!facts.creates) {
      return skipped(
        `What is expected is read from a scratch schema, which is rolled back: ${facts.login} lacks CREATE on database ${facts.database}.`,
      );
    }
    const live = await readCatalog(session, book);
    const differences = compareCatalogs(await expectedOf(look), live);
    // What is there and not valid yet has checks of its own.
    const found = differences.filter(({ matters, state, kind }) => matters && !isElsewhere(state, kind));
    if (found.length === 0) return ok(`The schema of book ${book} is what ${LATEST_VERSION} says.`);
    const objects = found.map(({ state, kind, name }) => `${kind} ${name} (${state})`);
    return fail(
      `${counted(found.length, 'object')} of book ${book} ${found.length === 1 ? 'is' : 'are'} not what ${LATEST_VERSION} says: ` +
        `${named(objects)}${beyond(found, 'object')}.`,
      shown(found.map(({ state, kind, name, table }) => ({ object: name, kind, table, state }))),
      remedyFor(found, book),
    );
  },
});

async function expectedOf({ session, facts }: Look): Promise<readonly CatalogObject[]> {
  const known = expected.get(facts.version_num) ?? (await expectedCatalogHere(session, LATEST_VERSION));
  expected.set(facts.version_num, known);
  return known;
}

const isElsewhere = (state: Difference['state'], kind: Difference['kind']): boolean =>
  state === 'invalid' && kind !== 'materialized view';

/** What the statements have set for themselves. */
const RESETS = ['reset search_path', 'reset check_function_bodies'];

/** Statements that change these may touch what stands in rows. */
const WITH_ROWS: readonly Difference['kind'][] = ['table', 'column', 'sequence'];

function remedyFor(found: readonly Difference[], book: string): Remedy {
  const statements = mendingSql(found, book);
  const isSafe = found.every(({ state, kind }) => state !== 'extra' && !WITH_ROWS.includes(kind));
  // A line for people means that the statements alone do not do it.
  if (isSafe && !statements.some((statement) => statement.startsWith('--')))
    return { fix: [...whole(statements), ...RESETS] };
  return {
    decide:
      `whether what differs is wanted: it is not mended without a look at what it does to rows and rights. ` +
      `\`${commandFor(book, 'schema diff')}\` prints the SQL; read it, give it to psql, then run \`${commandFor(book, 'migrate')}\`.`,
  };
}

/** What is one transaction becomes one statement to send. */
function whole(statements: readonly string[]): string[] {
  const begun = statements.indexOf('begin');
  if (begun < 0) return [...statements];
  const ended = statements.indexOf('commit', begun);
  return [
    ...statements.slice(0, begun),
    statements.slice(begun, ended + 1).join(';\n'),
    ...whole(statements.slice(ended + 1)),
  ];
}
