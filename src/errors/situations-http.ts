import { EXIT } from './exit-codes.js';

/** Errors of the HTTP server that `claire up` runs, and of its log. */
export const httpSituations = {
  http_port_in_use: {
    sentence: 'The port for HTTP is taken.',
    remedy: 'Name another one with --http HOST:PORT, or `--http off`; without it a free one is taken.',
    status: 503,
    exit: EXIT.unavailable,
  },
  http_not_loopback: {
    sentence: 'HTTP is served on a loopback address only, as long as the book has no token to ask for.',
    remedy:
      'Make a token with `claire tokens create`; or name 127.0.0.1 and come through a tunnel: `ssh -L 4400:127.0.0.1:4400 HOST`.',
    status: 422,
    exit: EXIT.input,
  },
  http_host_refused: {
    sentence: 'The request names a host that this server is not.',
    remedy: 'Call it as localhost, 127.0.0.1 or [::1]; name the address that a proxy has with --http-origin.',
    status: 421,
    exit: EXIT.refused,
  },
  http_origin_refused: {
    sentence: 'The request comes from a page of another origin.',
    remedy:
      'Name that origin with --cors, if the page is yours; with --http-origin, if it is this one behind a proxy.',
    status: 403,
    exit: EXIT.refused,
  },
  http_token_missing: {
    sentence: 'This needs a token.',
    remedy:
      'Make one with `claire tokens create NAME --role ROLE` and send it as `Authorization: Bearer TOKEN`.',
    status: 401,
    exit: EXIT.refused,
  },
  http_token_refused: {
    sentence: 'There is no such token, or it was revoked.',
    remedy: 'See `claire tokens list`; a token is of one book.',
    status: 401,
    exit: EXIT.refused,
  },
  http_rate_limited: {
    sentence: 'Too many requests came with this token.',
    remedy: 'Wait as long as Retry-After says; hand many items over as one batch.',
    status: 429,
    exit: EXIT.unavailable,
  },
  http_overloaded: {
    sentence: 'More requests are under way than can be answered in time. This one was not begun.',
    remedy: 'Send it again after Retry-After; hand many items over as one batch.',
    status: 503,
    exit: EXIT.unavailable,
  },
  http_too_large: {
    sentence: 'The request is larger than is taken at once.',
    remedy: 'Send it in parts: 1 MB, 5,000 items and 32 levels of JSON are taken.',
    status: 413,
    exit: EXIT.input,
  },
  http_route_missing: {
    sentence: 'There is nothing under this address.',
    remedy: 'See /reference, or /openapi.json.',
    status: 404,
    exit: EXIT.input,
  },
  http_method_refused: {
    sentence: 'There is something under this address, but not for this method.',
    remedy: 'Use a method that the header Allow names.',
    status: 405,
    exit: EXIT.input,
  },
  http_type_refused: {
    sentence: 'The body is not of a type that is taken.',
    remedy: 'Send JSON, with `content-type: application/json`.',
    status: 415,
    exit: EXIT.input,
  },
  http_too_slow: {
    sentence: 'The request did not arrive in time.',
    remedy: 'Send headers within 5 s and all of it within 10 s, on a new connection.',
    status: 408,
    exit: EXIT.unavailable,
  },
  http_headers_too_large: {
    sentence: 'The headers are larger than is taken.',
    remedy: 'Send at most 16 kB of them.',
    status: 431,
    exit: EXIT.input,
  },
  http_request_invalid: {
    sentence: 'The request cannot be understood.',
    remedy: 'Send what the reference states.',
    status: 400,
    exit: EXIT.input,
  },
  http_failed: {
    sentence: 'The request met an error that Claire does not know.',
    remedy: 'This is a defect of Claire: report what its log says of it.',
    status: 500,
    exit: EXIT.unexpected,
  },
  log_unwritable: {
    sentence: 'The log cannot be written.',
    remedy: 'Name a file in a directory that is there and can be written, or `-` for standard error.',
    status: 503,
    exit: EXIT.input,
  },
} as const;
