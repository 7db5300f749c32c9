export { type BareClient, type BarePool, barePool, connectBare, copyIn } from './bare.js';
export { parseJson, parseJsonExactly, toArrayText, toJson } from './codecs.js';
export { parseDatabaseUrl, redact, withDatabase } from './connection-string.js';
export {
  Database,
  type DatabaseOptions,
  type Queryable,
  type QueryOptions,
  type TransactionOptions,
} from './database.js';
export { bookName, identifier, literal } from './identifiers.js';
export { isPooled } from './pooler.js';
export { BESIDE, BUDGET, BUDGETED, MOST_CONNECTIONS, type Profile, profileOf } from './profiles.js';
