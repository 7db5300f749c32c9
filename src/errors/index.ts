export { catalogue, type ErrorCode, type ErrorEntry, entryOf } from './catalogue.js';
export { ClaireError, type ErrorContext } from './claire-error.js';
export { EXIT, type ExitCode } from './exit-codes.js';
export { fromPostgres, isLaw, isOfStatement, isRetryable } from './from-postgres.js';
