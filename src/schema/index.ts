export { createBook, dropBook } from './books.js';
export {
  LATEST_VERSION,
  type Migration,
  readMigrations,
  sqlDirectory,
  VERSIONS,
  type Version,
} from './files.js';
export { applyGrants } from './grants.js';
export { type MigrateOptions, migrate, pendingMigrations } from './migrate.js';
export { type AppliedMigration, type BookState, listBooks, recognise } from './recognise.js';
