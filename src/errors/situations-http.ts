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
    sentence: 'HTTP is served on a loopback address only, as long as it asks nobody who they are.',
    remedy:
      'Name 127.0.0.1, [::1] or localhost; from another machine come through a tunnel: `ssh -L 4400:127.0.0.1:4400 HOST`.',
    status: 422,
    exit: EXIT.input,
  },
  http_host_refused: {
    sentence: 'The request names a host that this server is not.',
    remedy: 'Call it as localhost, 127.0.0.1 or [::1].',
    status: 421,
    exit: EXIT.refused,
  },
  http_route_missing: {
    sentence: 'There is nothing under this address.',
    remedy: 'GET /healthz, /readyz or /metrics.',
    status: 404,
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
