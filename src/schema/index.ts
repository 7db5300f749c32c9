export { createBook, dropBook } from './books.js';
export { type CatalogObject, readCatalog, textOf } from './catalog.js';
export { compareCatalogs, type Difference } from './compare.js';
export { expectedCatalog } from './expected.js';
export {
  LATEST_VERSION,
  type Migration,
  readMigrations,
  sqlDirectory,
  VERSIONS,
  type Version,
} from './files.js';
export { applyGrants } from './grants.js';
export { mendingSql } from './mend.js';
export { type MigrateOptions, migrate, pendingMigrations } from './migrate.js';
export { type AppliedMigration, type BookState, listBooks, recognise } from './recognise.js';
export { snapshotText } from './snapshot.js';
