import { ClaireError } from '../errors/index.js';

/** Parameters of a connection string by the names of libpq, decoded. */
export type Given = Record<string, string | undefined>;

/** Parameters that are read. */
const READ = [
  ...['host', 'port', 'dbname', 'user', 'password', 'passfile'],
  ...['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslcrl', 'sslnegotiation'],
  ...['ssl_min_protocol_version', 'ssl_max_protocol_version'],
  ...['connect_timeout', 'application_name', 'options'],
];

/** Parameters that hurry or name things, and promise nothing: without them the connection is the same. */
const WITHOUT_EFFECT = [
  ...['keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
  ...['fallback_application_name', 'sslcompression', 'sslsni', 'krbsrvname', 'gsslib', 'uselibpqcompat'],
];

/** Parameters of which only what the driver does anyway can be promised. */
const ONLY: Record<string, RegExp> = {
  ssl: /^true$/,
  sslnegotiation: /^(postgres|direct)$/,
  target_session_attrs: /^any$/,
  load_balance_hosts: /^disable$/,
  channel_binding: /^(disable|prefer)$/,
  gssencmode: /^(disable|prefer)$/,
  client_encoding: /^(utf-?8|auto)$/i,
};

export const isSocket = (host: string | undefined): boolean => host?.startsWith('/') ?? false;

/** Whether a parameter is known by this name. */
export const isWanted = (name: string): boolean =>
  READ.includes(name) || WITHOUT_EFFECT.includes(name) || name in ONLY;

/**
 * As libpq does: a parameter that is not understood may be a misspelt `sslmode`, without which the password travels in
 * clear text.
 */
export function refuseUnknown(given: Given): void {
  for (const [name, value] of Object.entries(given)) {
    if (!isWanted(name)) {
      throw invalid(
        `Its parameter ${JSON.stringify(name)} is not known; a setting of the server is written options=-c%20NAME%3DVALUE.`,
      );
    }
    if (value !== undefined && ONLY[name]?.test(value) === false) {
      throw invalid(`Its parameter ${name} asks for what cannot be kept here: leave it out.`);
    }
  }
}

/** The error of a string that cannot be used. `found` never holds a password. */
export const invalid = (found: string, cause?: unknown): ClaireError =>
  new ClaireError('database_url_invalid', { found, cause });
