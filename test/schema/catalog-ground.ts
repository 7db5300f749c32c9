import { beforeAll } from 'vitest';
import {
  type CatalogObject,
  compareCatalogs,
  createBook,
  type Difference,
  expectedCatalog,
  LATEST_VERSION,
  mendingSql,
  readCatalog,
} from '../../src/schema/index.js';
import { useBook } from '../harness/book.js';

export const told = (differences: readonly Difference[]) =>
  differences.map(({ state, kind, name }) => `${state} ${kind} ${name}`);

/** Books to be damaged, and what is expected of them. */
export function useCatalog() {
  const book = useBook();
  let expected: CatalogObject[];
  let made = 0;
  beforeAll(async () => {
    expected = await expectedCatalog(book.database, LATEST_VERSION);
  });
  const read = (name: string) =>
    book.database.transaction((t) => readCatalog(t, name), { isolation: 'repeatable read', readOnly: true });
  const differencesOf = async (name: string) => compareCatalogs(expected, await read(name));
  return {
    book,
    read,
    differencesOf,
    get expected() {
      return expected;
    },
    async freshBook(): Promise<string> {
      const name = `c_${++made}`;
      await createBook(book.database, name);
      return name;
    },
    /** As somebody who pipes it into psql: one statement after another, none in a transaction that is not its own. */
    async mend(name: string): Promise<string[]> {
      const statements = mendingSql(await differencesOf(name), name);
      await book.database.session(async (session) => {
        for (const statement of statements) if (!statement.startsWith('--')) await session.query(statement);
        await session.query('reset search_path');
      });
      return statements;
    },
  };
}
