import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import { ClaireError, type ErrorCode } from '../errors/index.js';

/** RFC 9457. */
const CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** What is away for a moment is asked again soon. */
const RETRY_AFTER_SECONDS = 1;

/** An error as a document: the catalogue's code and remedy, and nothing of what is not in the catalogue. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  remedy: string;
  /** The law that refused, by its name in the database. */
  law?: string;
  details?: Record<string, unknown>;
}

/** `onUnknown`: told of what is no error of Claire's, of which the caller learns nothing. */
export function problemOf(error: unknown, onUnknown: (error: unknown) => void): Problem {
  const known = error instanceof ClaireError ? error : ofFramework(error);
  if (!known) onUnknown(error);
  const { code, message, remedy, status, law, details } = known ?? new ClaireError('http_failed');
  return {
    type: `urn:claire:error:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    ...{ status, detail: message, code, remedy },
    ...(law === undefined ? {} : { law }),
    ...(details === undefined ? {} : { details }),
  };
}

/** Codes for what the framework refuses by its status; whatever else it is, the request cannot be understood. */
const REFUSED: Readonly<Record<number, ErrorCode>> = {
  413: 'http_too_large',
  415: 'http_type_refused',
};

/** What the framework itself refuses: a body that is no JSON, an address that cannot be decoded, too much of something. */
function ofFramework(error: unknown): ClaireError | undefined {
  const { statusCode = 500, message } = error as { statusCode?: number; message?: string };
  if (statusCode < 400 || statusCode >= 500) return undefined;
  return new ClaireError(REFUSED[statusCode] ?? 'http_request_invalid', {
    found: `${message}.`.replace(/\.\.$/, '.'),
    cause: error,
  });
}

/** What does not become a request: it comes too slowly, has too many headers, or is no HTTP. */
export function ofConnection(error: Error & { code?: string }): ClaireError {
  const cause = { cause: error };
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ClaireError('http_too_slow', cause);
  if (error.code === 'HPE_HEADER_OVERFLOW') return new ClaireError('http_headers_too_large', cause);
  return new ClaireError('http_request_invalid', cause);
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, details } = problem;
  if (status === 429 || status === 503) {
    reply.header('retry-after', String(details?.retry_after_seconds ?? RETRY_AFTER_SECONDS));
  }
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(status).type(CONTENT_TYPE).send(JSON.stringify(problem));
}

/** The whole answer to what is no HTTP, before there is a request. */
export function rawProblem(problem: Problem): string {
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
