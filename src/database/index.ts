export { type BareClient, type BarePool, barePool, connectBare, copyIn } from './bare.js';
export { type BaseBackup, type BaseBackupOptions, type BasePart, baseBackup } from './base-backup.js';
export { parseJson, parseJsonByDigits, parseJsonExactly, toArrayText, toJson } from './codecs.js';
export { forPrograms, parseDatabaseUrl, redact, withDatabase } from './connection-string.js';
export { type CopySession, openCopySession } from './copy-session.js';
export {
  Database,
  type DatabaseOptions,
  type Queryable,
  type QueryOptions,
  type Repeatable,
  type TransactionOptions,
} from './database.js';
export { Deadline } from './deadline.js';
export type { Holder, Notice } from './holders.js';
export { bookName, identifier, literal } from './identifiers.js';
export { changePassfile, type PassfileLine, readPassfile } from './passfile.js';
export type { PoolStats } from './pool-stats.js';
export { isPooled } from './pooler.js';
export { BESIDE, BUDGET, BUDGETED, MOST_CONNECTIONS, type Profile, profileOf } from './profiles.js';
export { LOGIN_ROLES, type LoginRole, OWNER, ROLES, type Role, roleName, roleOf } from './role-names.js';
export { scramVerifier } from './scram.js';
export { loginNames, secondName } from './second-names.js';
export type { Echo } from './session.js';
