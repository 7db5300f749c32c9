export { type BareClient, connectBare, copyIn } from './bare.js';
export { parseJson, parseJsonExactly, toArrayText, toJson } from './codecs.js';
export { parseDatabaseUrl, redact, withDatabase } from './connection-string.js';
export {
  Database,
  type DatabaseOptions,
  type Queryable,
  type QueryOptions,
  type Repeatable,
  type TransactionOptions,
} from './database.js';
export type { Holder, Notice } from './holders.js';
export { bookName, identifier, literal } from './identifiers.js';
export { BESIDE, BUDGET, BUDGETED, MOST_CONNECTIONS, type Profile, profileOf } from './profiles.js';
export type { Echo } from './session.js';
