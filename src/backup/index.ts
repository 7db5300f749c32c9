export { coveredUntil, newestOf, newestVerified, type Origin, originOf } from './coverage.js';
export { type CreateOptions, createBackup, describeMoment, type Writing, type Written } from './create.js';
export { checkFiles, openFile, type StoredFile, storeFile } from './files.js';
export { type BackupKey, readKey } from './keys.js';
export { writeLogical } from './logical.js';
export { type Opened, openBackup } from './opened.js';
export { KEEP_MS, pruneBackups } from './prune.js';
export {
  type BackupEvent,
  findBackup,
  type Listed,
  lastEvents,
  listBackups,
  logEvent,
} from './repository.js';
export { hasRows, type Restored, restoreBook, type Target } from './restore.js';
export { isDue, timeOfDay } from './schedule.js';
export { KINDS, type Kind, type SideFile, type TableFacts, type Verified } from './side-file.js';
export { verifyBackup } from './verify.js';
