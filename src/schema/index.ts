export type { StepProgress } from './application.js';
export { createBook, dropBook, emptyBook } from './books.js';
export {
  LATEST_VERSION,
  type Migration,
  readMigrations,
  sqlDirectory,
  VERSIONS,
  type Version,
} from './files.js';
export { applyGrants } from './grants.js';
export { type Migrated, type MigrateOptions, migrate, pendingMigrations } from './migrate.js';
export { type AppliedMigration, type BookState, describeState, listBooks, listHandMade, recognise } from './recognise.js';
export { type BrokenLaw, openLaws } from './settle.js';
