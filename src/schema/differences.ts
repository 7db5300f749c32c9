import type { Database } from '../database/index.js';
import { readCatalog } from './catalog.js';
import { compareCatalogs, type Difference } from './compare.js';
import { expectedCatalog } from './expected.js';
import type { Version } from './files.js';

/** Holds the catalog of a book against that of a version on the same server. */
export async function differencesFrom(
  database: Database,
  book: string,
  version: Version,
): Promise<Difference[]> {
  const live = await database.transaction((t) => readCatalog(t, book), {
    isolation: 'repeatable read',
    readOnly: true,
  });
  return compareCatalogs(await expectedCatalog(database, version), live);
}
