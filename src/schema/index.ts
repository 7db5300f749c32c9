export type { StepProgress } from './application.js';
export { createBook, dropBook, emptyBook } from './books.js';
export { type CatalogObject, readCatalog, textOf } from './catalog.js';
export { compareCatalogs, type Difference } from './compare.js';
export type { Dependent } from './dependents.js';
export { describeState } from './describe.js';
export { differencesFrom } from './differences.js';
export { expectedCatalog, expectedCatalogHere } from './expected.js';
export {
  isOurs,
  LATEST_VERSION,
  type Migration,
  readMigrations,
  sqlDirectory,
  VERSIONS,
  type Version,
} from './files.js';
export { BOUNDED, growingTables } from './growing.js';
export type { Pieces } from './hand-made.js';
export { mendingSql } from './mend.js';
export { type Migrated, type MigrateOptions, migrate, pendingMigrations, requireOurs } from './migrate.js';
export { lockBook, migratorsOf } from './migrators.js';
export { PASSING, recordTables } from './objects.js';
export { zoneOnItsWay } from './on-its-way.js';
export { type Plan, type PlannedFile, type PlannedStep, planMigration } from './plan.js';
export { completePositions } from './positions.js';
export { examine, type Preflight, type PreflightOptions, preflight, rowsIn } from './preflight.js';
export {
  type AppliedMigration,
  type BookState,
  listBooks,
  listHandMade,
  recognise,
} from './recognise.js';
export { type ReleasedIndex, releasedIndexes } from './released-indexes.js';
export {
  type ApplyRolesOptions,
  applyGrants,
  applyRoles,
  beginRotation,
  type DroppedRoles,
  dropRoles,
  dropSeconds,
  endRotation,
  protectionMissing,
  purposeOf,
  RIGHTS,
  type Right,
  type Rights,
  type RolePasswords,
  type RoleState,
  type RolesState,
  type Rotation,
  rolesOf,
  rotationOf,
} from './roles/index.js';
export { type BrokenLaw, openLaws } from './settle.js';
export { snapshotText } from './snapshot.js';
