export { newestOf, newestVerified, type Origin, originOf } from './coverage.js';
export { type CreateOptions, createBackup, LEVELS, type Writing, type Written } from './create.js';
export { checkFiles, openFile, type StoredFile, storeFile } from './files.js';
export { type BackupKey, readKey } from './keys.js';
export { writeLogical } from './logical.js';
export { type Opened, openBackup, readingOf, type Until } from './opened.js';
export { type DumpTools, findDumpTools } from './pg-dump/tools.js';
export { type PgDumpOptions, writePgDump } from './pg-dump/write.js';
export {
  type ArchiveNow,
  archiveNow,
  pruneArchive,
  type Sweeping,
  type Swept,
  sweepArchive,
} from './physical/archive.js';
export { archiveOf } from './physical/log.js';
export { backupBefore, backupLeadingTo } from './physical/moments.js';
export { restoreCluster } from './physical/reader.js';
export { type PhysicalSource, writePhysical } from './physical/write.js';
export { KEEP_MS, pruneBackups } from './prune.js';
export {
  type BackupEvent,
  findBackup,
  type Listed,
  lastEvents,
  listBackups,
  logEvent,
  whole,
} from './repository.js';
export { hasRows, type Restored, restoreBook, type Target } from './restore.js';
export { isDue, timeOfDay } from './schedule.js';
export { bytesOf, KINDS, type Kind, type SideFile, type TableFacts, type Verified } from './side-file.js';
export {
  type Applied,
  type Apply,
  applyTable,
  diffTable,
  RESTORABLE,
  type Row,
  restorable,
  type TableDiff,
  type TableSource,
} from './table/index.js';
export { verifyBackup } from './verify.js';
