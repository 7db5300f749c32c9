import { catalogue, type ErrorCode, type ErrorEntry } from './catalogue.js';
import { ClaireError } from './claire-error.js';

/** The fields of a driver's error that are looked at; the driver itself is known to database/ only. */
interface ServerError extends Error {
  code?: string;
  constraint?: string;
  table?: string;
  column?: string;
}

const codeOfConstraint = new Map<string, ErrorCode>(
  (Object.entries(catalogue) as [ErrorCode, ErrorEntry][]).flatMap(([code, entry]) =>
    (entry.constraints ?? []).map((constraint) => [constraint, code] as const),
  ),
);

/** Whether a constraint or law of this name is one of Claire's. */
export const isLaw = (name: string): boolean => codeOfConstraint.has(name);

/** SQLSTATEs, or their class of two characters, that mean one thing whatever the statement was. */
const codeOfState: Record<string, ErrorCode> = {
  '08': 'database_unreachable',
  '22': 'value_unusable',
  '23502': 'value_unusable',
  '28': 'login_refused',
  '3D000': 'database_unreachable',
  '3F000': 'schema_missing',
  '25001': 'transaction_misused',
  '25006': 'transaction_misused',
  '25P02': 'transaction_lost',
  '25P03': 'transaction_timed_out',
  '25P04': 'transaction_timed_out',
  '40001': 'transaction_conflict',
  '40P01': 'transaction_conflict',
  '42501': 'right_missing',
  '42P01': 'schema_missing',
  '42703': 'schema_missing',
  '42883': 'schema_missing',
  '53300': 'connections_exhausted',
  '55P03': 'lock_timed_out',
  '57014': 'statement_cancelled',
  '57P': 'database_unreachable',
};

const SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  // Of a Unix socket.
  'ENOENT',
  'ENOTDIR',
  'EACCES',
]);

/** What Node says of a certificate or of the other side's TLS; the driver has no codes for what it says itself. */
const isOfTls = (code: string, message: string): boolean =>
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_|EPROTO$)/.test(
    code,
  ) || /^(The server does not support SSL|There was an error establishing an SSL)/.test(message);

/**
 * Brings an error of the driver to Claire's catalogue: by the name of the constraint (a trailing `_<digits>` does not
 * count: distributed tables add it), else by SQLSTATE. The driver's error stays as `cause`.
 */
export function fromPostgres(error: unknown): ClaireError {
  if (error instanceof ClaireError) return error;
  const server = error as ServerError;
  const state = server.code ?? '';
  const law = server.constraint?.replace(/_\d+$/, '');
  const byLaw = law === undefined ? undefined : codeOfConstraint.get(law);
  if (byLaw) return new ClaireError(byLaw, { law, found: foundIn(server), cause: error });
  // PgBouncer says it of what a server would take.
  if (/^unsupported startup parameter/i.test(server.message)) {
    return new ClaireError('pooler_between', { found: sentence(server.message), cause: error });
  }
  const byState = codeOfState[state] ?? codeOfState[state.slice(0, 3)] ?? codeOfState[state.slice(0, 2)];
  if (byState && state.length === 5) {
    return new ClaireError(byState, {
      found: sentence(server.message),
      details: { sqlstate: state },
      cause: error,
    });
  }
  if (isOfTls(state, server.message)) {
    return new ClaireError('connection_insecure', {
      found: sentence(server.message || state),
      cause: error,
    });
  }
  if (
    SOCKET.has(state) ||
    /^(Connection terminated|timeout expired|Client has encountered|Query read timeout)/.test(server.message)
  ) {
    return new ClaireError('database_unreachable', {
      found: sentence(server.message || state),
      cause: error,
    });
  }
  return new ClaireError('database_error', {
    found: `${state ? `SQLSTATE ${state}: ` : ''}${sentence(server.message)}`,
    details: { sqlstate: state || undefined },
    cause: error,
  });
}

/** Whether the same transaction may succeed when it is run again: serialization failure or deadlock. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof ClaireError && error.code === 'transaction_conflict';

/** Whether only the statement failed: the server answered, and goes on with the connection. */
export const isOfStatement = (error: unknown): boolean => {
  const state = (error as ServerError).code ?? '';
  return /^[0-9A-Z]{5}$/.test(state) && !/^(08|57P)/.test(state);
};

function foundIn(error: ServerError): string {
  // A trigger's own message says what was found; PostgreSQL's says no more than the constraint's name.
  return / constraint "/.test(error.message) ? `Refused by ${error.constraint}.` : sentence(error.message);
}

const sentence = (text: string): string => {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};
