import { readFile } from 'node:fs/promises';
import { identifier } from '../database/index.js';
import { sqlDirectory } from './files.js';

/** An index of the newest version that belongs to no constraint. */
export interface ReleasedIndex {
  name: string;
  table: string;
  /** Makes it in a book, beside its writers. */
  statement(book: string): string;
}

/** As the snapshot of the schema has them, which a test holds to the catalog: no scratch book must be made to know them. */
export async function releasedIndexes(): Promise<ReleasedIndex[]> {
  const text = await readFile(`${sqlDirectory('migrations')}/../schema.snapshot.sql`, 'utf8');
  return [...text.matchAll(/^CREATE (UNIQUE )?INDEX (\w+) ON (\w+) (.*);$/gm)].map(
    ([, unique = '', name, table, rest]) => ({
      name: name!,
      table: table!,
      statement: (book) =>
        `create ${unique.toLowerCase()}index concurrently ${name} on ${identifier(book)}.${table} ${rest}`,
    }),
  );
}
